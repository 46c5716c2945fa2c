"""Options by which commands name a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from tune_polar.api.model_words import ModelWords
from tune_polar.errors import SpecError

Configuration = Annotated[
    str,
    typer.Option(
        "--configuration",
        metavar="ID",
        help="`winner`, `published` (the recipe as it was given), or the id or number of a finished one.",
    ),
]
AllRows = Annotated[
    bool, typer.Option("--all-rows", help="One model of all rows instead of those of the folds, which vote together.")
]
Ensemble = Annotated[
    bool,
    typer.Option("--ensemble", help="The ensemble that the search has found (ensemble.yaml), all its members' models."),
]
EnsembleFile = Annotated[
    str | None, typer.Option("--ensemble-file", metavar="FILE", help="An ensemble of this search in another file.")
]
Device = Annotated[str, typer.Option("--device", help="`auto` (a GPU where there is one), `cpu`, `cuda` or `cuda:1`.")]


@dataclass(frozen=True)
class ModelGroup:
    """Which model of a search is meant."""

    configuration: Configuration = "winner"
    all_rows: AllRows = False
    ensemble: Ensemble = False
    ensemble_file: EnsembleFile = None

    def words(self, place: str) -> ModelWords:
        """Of the store or folder ``place``.

        Raises:
            SpecError: they exclude each other.
        """
        if self.ensemble and self.ensemble_file is not None:
            raise SpecError("--ensemble and --ensemble-file must not be given together, got both", "Give one.")
        named = self.ensemble if self.ensemble_file is None else self.ensemble_file
        words = ModelWords(place, self.configuration, self.all_rows, named)
        words.check()
        return words
