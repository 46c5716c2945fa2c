"""A made-up search of chosen numbers, without a training; configurations with equal settings of a stage share it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.store.made_recipes import two_stages
from tests.store.made_store import MadeStore, made_store
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import Configuration
from tune_polar.recipe.recipe import Recipe
from tune_polar.store.records import StageRecord

SEED = 42


class Search(MadeStore):
    """A store, and how to put a configuration's predictions into it by its recipe."""

    @staticmethod
    def of(made: MadeStore) -> Search:
        return Search(**{each.name: getattr(made, each.name) for each in fields(made)})

    def put(
        self, recipe: Recipe, number: int = 0, folds: tuple[int, ...] = (0, 1, 2), origin: str = "published"
    ) -> Configuration:
        """A configuration with these finished folds of the first seed."""
        configuration = self.configuration(recipe=recipe, number=number, origin=origin)
        return self.finish(configuration, cells=[Cell(fold, SEED) for fold in folds])


@pytest.fixture
def new_search(tmp_path: Path) -> Callable[..., Search]:
    """Make a store with gold and manifest; further keywords as of ``made_store``."""

    def make(recipe: Recipe | None = None, *, seed: int = 0, trials: int = 1, **about: Any) -> Search:
        settings = {"rows": 48, "dev": 14, "shares_stages": True, **about}
        return Search.of(
            made_store(tmp_path / f"store{seed}", recipe or two_stages(), seed=seed, trials=trials, **settings)
        )

    return make


@pytest.fixture
def search(new_search: Callable[..., Search]) -> Search:
    return new_search()


@pytest.fixture
def recipe_of() -> Callable[..., Recipe]:
    return two_stages


@pytest.fixture
def with_arrays() -> Callable[..., StageRecord]:
    """A stage with other arrays: ``with_arrays(record, validation__rows=…)``."""

    def change(record: StageRecord, **arrays: np.ndarray) -> StageRecord:
        changed = {name.replace("__", "/"): array for name, array in arrays.items()}
        return replace(record, arrays={**record.arrays, **changed})

    return change
