"""What is asked for in Python is checked as on the command line, and told in Python's words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tune_polar
from tune_polar.api.python_words import call_of
from tune_polar.errors import DataError, SpecError, TunePolarError
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.recipe.strict_yaml import as_file, read_yaml

MINE = {
    "recipe": "mine",
    "data": {"classes": {"topic": ["news", "sport", "other"]}},
    "stages": {"model": {"task": {"type": "multiclass", "target": "topic"}}},
}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"recipe": "st9"}, r"recipe must be one of \[.*'classifier'"),
        ({"trials": 0}, "^trials= must be at least 1, got 0"),
        ({"trials": "8"}, "^trials= must be at least 1, got '8'"),
        ({"folds": 1}, "^folds= must be at least 2, got 1"),
        ({"slots": 1.5}, "^slots= must be at least 1, got 1.5"),
        ({"slot_gb": "8"}, "^slot_gb= must be from 1 to 10,000 GB, got '8'"),
        ({"seed": -1}, "^seed= must be from 0 to"),
        ({"seeds": 2.5}, "^seeds must be a number of seeds or a list of them, got 2.5"),
        ({"seeds": [1, 1], "target": "topic"}, "^seeds= must list each seed once"),
        ({"time": "soon"}, "^time= must be hours, minutes and seconds above 0"),
        ({"time": [1]}, "^time= must be hours, minutes and seconds above 0"),
        ({"until": "done"}, "^until= must be `converged`, got 'done'"),
        ({"racing": "lottery"}, "^racing= must be one of none, "),
        ({"floors": "lottery"}, "^floors= must be one of none, "),
        ({"progress": "loud"}, "^progress must be one of auto, lines, none, got 'loud'"),
        ({"checkpoint_every": -1}, "^checkpoint_every= must be at least 0 seconds, got -1"),
        ({"keep_weights": -1}, "^keep_weights= must be at least 0, got -1"),
        ({"disk_gb": "1"}, "^disk_gb= must be above 0 and at most 10,000,000 GB, got '1'"),
        ({"track": "paper", "target": "topic"}, "^track= must be"),
        ({"address": "ray://x"}, "^address= must be HOST:PORT or auto"),
        ({"text": 3}, "^text must be text, got 3"),
        ({"target": {"a"}}, "^target must be text or a list of texts"),
        ({"columns": {"text": 3}}, "^columns must map the recipe's names to the data's"),
        ({"set": {"model.optimizer.lr": {1}}}, r"^set: model\.optimizer\.lr: must be text, a number, .*, got a set"),
        ({"set": {3: 1}}, "^set: a key must be text, got 3"),
        ({"recipe": "st3", "space": {"space": "x", "recipe": "st3", "parameters": {"a.b": {"type": "int"}}}}, "a.b"),
        ({}, "must be told which column it learns, got no target="),
    ],
)
def test_what_breaks_a_rule_is_told(asked: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(TunePolarError, match=message):
        tune_polar.search(**{"recipe": "classifier", "store": tmp_path / "store", "data": table(), **asked})
    assert list(tmp_path.iterdir()) == []


def table() -> pd.DataFrame:
    return pd.DataFrame({"text": [f"text {row}" for row in range(30)], "topic": ["news", "sport", "other"] * 10})


def test_remedies_name_arguments_and_leave_commands_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as told:
        tune_polar.search("classifier", table(), store=tmp_path / "store")
    assert "Give target=COLUMN, and text=COLUMN where" in told.value.remedy
    with pytest.raises(DataError, match="data= must be `sample`") as told_of_data:
        tune_polar.search("classifier", tmp_path / "absent.csv", target="a")
    assert "`tune-polar data fetch polar --language" not in told_of_data.value.problem


def test_all_faults_of_a_recipe_given_as_a_mapping_are_told_at_once() -> None:
    wrong = {
        **MINE,
        "stages": {"model": {**MINE["stages"]["model"], "optimizer": {"lr": -1}, "heads": "mlp"}},  # type: ignore[index]
        "folds": {"count": 1},
    }
    with pytest.raises(SpecError) as told:
        tune_polar.search(wrong, table())
    lines = told.value.problem.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("recipe: ") for line in lines), lines
    for key in ("stages.model.optimizer.lr", "stages.model.heads", "folds.count"):
        assert key in told.value.problem


def test_a_mapping_is_what_its_file_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("recipe: mine\nextends: st3\nchanges: {classifier.optimizer.lr: 1e-3, classifier.start: null}\n")
    content = {
        "recipe": "mine",
        "extends": "st3",
        "changes": {"classifier.optimizer.lr": np.float64(1e-3), "classifier.start": None},
    }
    options = RecipeOptions(encoder="tiny")
    assert load_recipe(content, options).recipe == load_recipe(str(path), options).recipe
    assert as_file(content, "recipe").content == read_yaml(path).content
    assert load_recipe(MINE).recipe.stages["model"].columns == ("topic",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": float("nan")}, "recipe: a: a number must be finite, got nan"),
        ({"a": {"b": object()}}, "recipe: a.b: must be text, a number, .*, got a object"),
        ({"a": [1, {2: 3}]}, "recipe: a.1: a key must be text, got 2"),
    ],
)
def test_what_no_file_could_hold_is_refused(content: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        as_file(content, "recipe")


def test_a_mapping_that_holds_itself_is_refused() -> None:
    content: dict[str, object] = {}
    content["a"] = content
    with pytest.raises(SpecError, match="values must nest at most 20 deep"):
        as_file(content, "recipe")


def test_the_manifest_tells_the_call_and_no_row_of_the_data() -> None:
    call = call_of("search", {"recipe": "st3", "data": table(), "set": {"a.b": 1}, "store": Path("x")})
    assert call == "tune_polar.search(recipe='st3', data=DataFrame, set={'a.b': 1}, store='x')"
    assert len(call_of("search", {"set": {"a": "x" * 10_000}})) < 300
