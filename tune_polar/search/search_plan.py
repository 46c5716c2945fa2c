"""A planned search, and what its store's manifest says of it."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.metadata import version

from tune_polar import __version__
from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.source import Source
from tune_polar.data.table import Corpus
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.floor_names import DEFAULT_FLOORS
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recorded import recipe_to_json
from tune_polar.recipe.space import Scalar
from tune_polar.search.racing.racing_names import NONE
from tune_polar.search.recipe_data import further_files
from tune_polar.trial.columns_read import columns_read
from tune_polar.trial.encoder_identities import EncoderIdentities, encoder_read, encoders_read
from tune_polar.trial.fold_trial import Inputs
from tune_polar.trial.stage_inputs import inputs_of

Points = tuple[Mapping[str, Scalar], ...]  # each dotted key → value
Variants = tuple[tuple[str, Recipe], ...]  # origin and recipe
_LIBRARIES = ("ray", "optuna", "torch", "transformers")


@dataclass(frozen=True, eq=False)
class SearchPlan:
    """A search of a space, or of a fixed list of recipes (ablations)."""

    recipe: Recipe
    profile: str
    space: LoadedSpace | None  # None: ``variants`` are run and nothing else
    variants: Variants
    source: Source
    corpus: Corpus
    plans: Mapping[str, FoldPlan]  # by stage
    inputs: Inputs  # of the recipe's fold trials
    cells: tuple[Cell, ...]  # of each configuration
    trials: int
    seed: int
    racing: str = NONE
    floors: str = DEFAULT_FLOORS  # as --floors says it
    tried: Points = ()  # of the space: come right after the recipe itself
    identities: EncoderIdentities = field(default_factory=EncoderIdentities, repr=False)
    _others: dict[object, Inputs] = field(default_factory=dict, repr=False)

    @property
    def kind(self) -> str:
        """``search`` or ``ablation``."""
        return "ablation" if self.space is None else "search"

    @property
    def held_out(self) -> float:
        """``FoldPlan.held_out`` of the first stage."""
        return next(iter(self.plans.values())).held_out(self.corpus.own_rows)

    def inputs_for(self, recipe: Recipe) -> Inputs:
        """What the fold trials of one configuration read: the plan's own but where it has another encoder or column.

        Raises:
            ModelError: an encoder is not to be found.
        """
        read = _read_by(recipe)
        if read.items() <= self._read.items():
            return self.inputs
        key = tuple(read.items())
        if key not in self._others:
            self._others[key] = inputs_of(recipe, self.corpus, self.plans, self.identities)
        return self._others[key]

    @cached_property
    def variant_inputs(self) -> Mapping[str, Inputs]:
        """By origin, of the variants that read something else than the recipe."""
        found = {origin: self.inputs_for(recipe) for origin, recipe in self.variants}
        return {origin: inputs for origin, inputs in found.items() if inputs is not self.inputs}

    @cached_property
    def _read(self) -> dict[str, object]:
        return _read_by(self.recipe)

    def manifest(self, command: str) -> dict[str, object]:
        """What the store's manifest says."""
        return {
            "kind": self.kind,
            "recipe": recipe_to_json(self.recipe),
            "profile": self.profile,
            "space": None if self.space is None else self.space.to_json(),
            "variants": [[origin, recipe_to_json(recipe)] for origin, recipe in self.variants],
            "data": {
                "source": self.source.model_dump(mode="json"),
                "files": further_files(self.recipe),
                "name": self.corpus.name,
                "fingerprint": self.corpus.fingerprint,
                "rows": {name: len(split) for name, split in self.corpus.splits.items()},
                "doubts": [
                    {"code": each.code, "column": each.column or "", "count": each.count}  # no word of a text
                    for each in self.corpus.warnings
                ],
            },
            "inputs": inputs_to_json(self.inputs),
            "variant_inputs": {origin: inputs_to_json(inputs) for origin, inputs in self.variant_inputs.items()},
            "cells": [[cell.fold, cell.seed] for cell in self.cells],
            "trials": self.trials,
            "seed": self.seed,
            "racing": self.racing,
            "floors": self.floors,
            "tried": [dict(point) for point in self.tried],
            "machines": {},  # whoever runs it says how
            "command": command,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "versions": {
                "tune-polar": __version__,
                "python": platform.python_version(),
                **{library: version(library) for library in _LIBRARIES},
            },
        }


def inputs_to_json(inputs: Inputs) -> dict[str, object]:
    """Plain data, by stage."""
    return {name: {**asdict(stage), "folds": list(stage.folds)} for name, stage in inputs.stages.items()}


def _read_by(recipe: Recipe) -> dict[str, object]:
    """By stage which columns it reads, and which encoders."""
    return {
        name: (columns_read(recipe.data, stage), *map(encoder_read, encoders_read(stage)))
        for name, stage in recipe.stages.items()
    }
