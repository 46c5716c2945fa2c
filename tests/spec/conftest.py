"""A small recipe and a small space whose lines the tests know by heart, and how to load changed copies of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tune_polar.spec.recipe import Recipe
from tune_polar.spec.recipe_file import LoadedRecipe, RecipeOptions, load_recipe
from tune_polar.spec.space_file import LoadedSpace, load_space

RECIPE = """\
recipe: mini
description: a small recipe
task:
  subtask: st9
  target: polarization
  proxy_types: [x, y/z]
  labels: [x, y/z]
encoder:
  name: some/encoder
detector:
  lr: 1e-3
  xi: 0.9
  batch_size: 8
  fgm_epsilon: 0
  centers_lr: 1e-2
classifier:
  lr: 1e-3
  xi: 0.9
  batch_size: 8
  fgm_epsilon: 0
  gamma_negative:
    x: 4
    y/z: 2
decision:
  k: 5
  tau: 0.4
ablations:
  no_llrd:
    title: no LLRD
    changes: {classifier.xi: 1}
profiles:
  tiny:
    encoders: [tiny, small]
    changes:
      detector.lr: 1e-2
"""

SPACE = """\
space: mini
recipe: mini
parameters:
  detector.lr: {type: float, low: 1e-5, high: 1e-2, log: true}
  detector.loss: {type: categorical, choices: [soft_triple, cross_entropy]}
  detector.centers: {type: int, low: 1, high: 21, step: 5, when: {detector.loss: [soft_triple]}}
  classifier.gamma_negative:
    type: vector
    over: labels
    element: {type: float, low: 0, high: 6, step: 0.5}
    when: {classifier.loss: [asymmetric]}
  decision.tau: {type: float, low: 0.2, high: 0.8}
profiles:
  tiny:
    parameters:
      detector.lr: {type: float, low: 1e-3, high: 1e-1, log: true}
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

    def load_edited(edits: Edits | None = None, **options: object) -> LoadedRecipe:
        path = tmp_path / "mini.yaml"
        path.write_text(edited(RECIPE, edits or {}), encoding="utf-8")
        return load_recipe(str(path), RecipeOptions(**options))

    return load_edited


@pytest.fixture
def recipe(load: Callable[..., LoadedRecipe]) -> Recipe:
    return load().recipe


@pytest.fixture
def space(tmp_path: Path, recipe: Recipe) -> Callable[..., LoadedSpace]:
    """Load the small space with edits, as ``mini-space.yaml``."""

    def load_edited(edits: Edits | None = None, *, over: Recipe = recipe, profile: str = "published") -> LoadedSpace:
        path = tmp_path / "mini-space.yaml"
        path.write_text(edited(SPACE, edits or {}), encoding="utf-8")
        return load_space(str(path), over, profile)

    return load_edited
