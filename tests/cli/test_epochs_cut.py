"""Epochs that a bound by steps cuts: said at the head of a search and by `doctor`, and by nobody where none are."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tune_polar.api.data_words import DataWords
from tune_polar.api.run_search import warnings_of
from tune_polar.api.search_request import RecipeWords, asked, space_of
from tune_polar.search.make_plan import make_plan

ROWS = 1000
STEPS, EPOCHS = "model.optimizer.max_steps", "model.optimizer.max_epochs"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "rude"), *((f"said {row}", row % 2) for row in range(ROWS))])
    return path


def head(data: Path, space: Mapping[str, object] | None = None, **changes: object) -> list[str]:
    """What a search of `classifier` says before it begins."""
    changed = {key.replace("__", "."): value for key, value in changes.items()}
    words = RecipeWords("classifier", "tiny", changes={"model.batches.size": 10, **changed})
    found = asked(words, DataWords(str(data), targets=("rude",)))
    parameters = {"model.optimizer.lr": LR} if space is None else space
    searched = space_of(found.loaded, {"space": "own", "recipe": "classifier", "parameters": parameters})
    recipe, profile = found.loaded.recipe, found.loaded.profile
    return warnings_of(make_plan(recipe, profile, found.source, space=searched, trials=1, seed=0))


LR = {"type": "float", "low": 1e-4, "high": 1e-2, "log": True}
ASKED = "that model.optimizer.max_epochs asks for"


def test_nothing_is_said_where_nobody_bounds_the_steps(data: Path) -> None:
    assert head(data) == []
    assert head(data, model__optimizer__max_epochs=900) == []
    assert head(data, model__optimizer__max_steps=400) == []  # five epochs of 80 steps
    assert head(data, model__optimizer__max_steps=100, model__optimizer__max_epochs=None) == []


def test_a_bound_that_cuts_the_epochs_is_said(data: Path) -> None:
    assert head(data, model__optimizer__max_steps=100) == [
        f"warning: {STEPS}: 100 steps are 1.25 epochs of the 5 {ASKED} (800 rows, 10 a step): the smaller bound "
        "counts, null is none"
    ]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({EPOCHS: {"type": "float", "low": 2, "high": 8, "step": 1}}, "400 steps are 5.00 epochs of the 8"),
        ({STEPS: {"type": "int", "low": 40, "high": 400, "step": 40}}, "40 steps are 0.50 epochs of the 5"),
        ({"model.batches.size": {"type": "categorical", "choices": [5, 10]}}, "400 steps are 2.50 epochs of the 5"),
    ],
)
def test_the_ends_of_a_space_are_looked_at(data: Path, parameters: dict[str, object], said: str) -> None:
    (line,) = head(data, parameters, model__optimizer__max_steps=400)
    assert f"{said} {ASKED} at the most (" in line


def test_values_that_are_never_trained_together_are_not_said(data: Path) -> None:
    shorter = {EPOCHS: {"type": "float", "low": 0.5, "high": 1}}
    assert head(data, {**shorter, STEPS: {"type": "int", "low": 80, "high": 400}}) == []  # the recipe's 5 have no bound
    (line,) = head(data, shorter, model__optimizer__max_steps=100)
    assert f"100 steps are 1.25 epochs of the 5 {ASKED} (" in line, "the recipe alone is cut"


def test_epochs_of_a_space_are_not_bounded_by_steps(data: Path) -> None:
    assert head(data, {EPOCHS: {"type": "float", "low": 2, "high": 900}}) == []


def test_doctor_says_it_too(run: Callable[..., Any], data: Path) -> None:
    words = ("doctor", "classifier", "--encoder", "tiny", "--data", str(data), "--target", "rude")
    small = ("--set", "model.batches.size=10")
    assert json.loads(run(*words, *small, "--json").out)["doubtful"] == []
    told = run(*words, *small, "--set", f"{STEPS}=100").out
    assert f"\nwarning    {STEPS}: 100 steps are 1.25 epochs of the 5 {ASKED} (800 rows, 10 a step)" in told
