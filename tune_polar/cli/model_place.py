"""Options by which commands name a model."""

from __future__ import annotations

from typing import Annotated

import typer

from tune_polar.api.model_words import ModelWords
from tune_polar.errors import SpecError

Configuration = Annotated[
    str,
    typer.Option("--configuration", metavar="ID", help="`winner`, `published`, or the id of a finished configuration."),
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


def model_words(
    place: str, configuration: str, ensemble: bool, ensemble_file: str | None, *, all_rows: bool
) -> ModelWords:
    """The model that these options name.

    Raises:
        SpecError: they exclude each other.
    """
    if ensemble and ensemble_file is not None:
        raise SpecError("--ensemble and --ensemble-file must not be given together, got both", "Give one.")
    words = ModelWords(place, configuration, all_rows, ensemble if ensemble_file is None else ensemble_file)
    words.check()
    return words
