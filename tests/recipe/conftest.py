"""A small recipe and a small space whose lines the tests know by heart, and how to load changed copies of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recipe_file import LoadedRecipe, RecipeOptions, load_recipe
from tune_polar.recipe.space_file import load_space

RECIPE = """\
recipe: mini
description: a small recipe
data:
  labels: [hurt, x, y/z]
  strata: [x, y/z]
  classes: {topic: [a, b, c]}
  numbers: {grade: [1, 5]}
  groups: [author]
encoder:
  name: some/encoder
stages:
  finder:
    task: {type: binary, target: hurt}
    head: {type: projection, size: 64}
    losses:
      soft_triple: {centers: 10}
    batches: {type: balanced, size: 8}
    optimizer:
      lr: 1e-3
      xi: 0.9
  sorter:
    rows: {hurt: 1}
    start: {stage: finder}
    task: {type: multilabel, targets: [x, y/z]}
    head: {type: mlp}
    losses:
      asymmetric:
        gamma_negative:
          x: 4
          y/z: 2
    optimizer:
      lr: 1e-3
decide:
  vote: {type: knn_vote, of: finder, k: 5, tau: 0.4}
  kinds: {type: threshold, of: sorter}
  system: {type: gate, of: kinds, by: vote}
score: {of: system, metric: macro_f1}
ablations:
  no_llrd:
    title: no LLRD
    changes: {finder.optimizer.xi: 1}
profiles:
  tiny:
    encoders: [tiny, small]
    changes:
      finder.optimizer.lr: 1e-2
"""

SPACE = """\
space: mini
recipe: mini
parameters:
  finder.optimizer.lr: {type: float, low: 1e-5, high: 1e-2, log: true}
  finder.losses: {type: categorical, choices: [soft_triple, cross_entropy]}
  finder.losses.soft_triple.centers: {type: int, low: 1, high: 21, step: 5}
  sorter.losses.asymmetric.gamma_negative:
    type: vector
    element: {type: float, low: 0, high: 6, step: 0.5}
  decide.vote.tau: {type: float, low: 0.2, high: 0.8}
profiles:
  tiny:
    parameters:
      finder.optimizer.lr: {type: float, low: 1e-3, high: 1e-1, log: true}
"""

MINE = """\
recipe: mine
data: {classes: {topic: [news, sport, other]}}
stages: {model: {task: {type: multiclass, target: topic}}}
"""

Edits = dict[str, str]


def edited(text: str, edits: Edits) -> str:
    """``text`` with each key of ``edits``, which must occur, replaced once."""
    for old, new in edits.items():
        assert old in text, f"{old!r} is not in the text to edit"
        text = text.replace(old, new, 1)
    return text


@pytest.fixture
def recipe_text() -> str:
    return RECIPE


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., LoadedRecipe]:
    """Load the small recipe with edits, as ``mini.yaml``."""

    def load_edited(edits: Edits | None = None, *, text: str = RECIPE, **options: object) -> LoadedRecipe:
        path = tmp_path / "mini.yaml"
        path.write_text(edited(text, edits or {}), encoding="utf-8")
        return load_recipe(str(path), RecipeOptions(**options))

    return load_edited


@pytest.fixture
def recipe(load: Callable[..., LoadedRecipe]) -> Recipe:
    return load().recipe


@pytest.fixture
def mine(load: Callable[..., LoadedRecipe]) -> Recipe:
    """The recipe of three lines."""
    return load(text=MINE).recipe


@pytest.fixture
def space(tmp_path: Path, recipe: Recipe) -> Callable[..., LoadedSpace]:
    """Load the small space with edits, as ``mini-space.yaml``."""

    def load_edited(
        edits: Edits | None = None, *, over: Recipe = recipe, profile: str = "published", text: str = SPACE
    ) -> LoadedSpace:
        path = tmp_path / "mini-space.yaml"
        path.write_text(edited(text, edits or {}), encoding="utf-8")
        return load_space(str(path), over, profile)

    return load_edited
