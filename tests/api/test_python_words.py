"""What is asked for in Python is checked as on the command line, and told in Python's words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tune_polar
from tune_polar.api.python_arguments import ARGUMENTS
from tune_polar.api.python_words import call_of, in_python
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
        ({"set": ["a=b"]}, r"^set must map keys of the recipe to values, got \['a=b'\]"),
        ({"set": {"description": "a\udce4"}}, r"^set: description: a text must be whole characters, got 'a\\udce4'"),
        ({"recipe": None}, "^recipe must be text, got None"),
        ({"trials": True}, "^trials= must be at least 1, got True"),
        ({"folds": True}, "^folds= must be at least 2, got True"),
        ({"slots": True}, "^slots= must be at least 1, got True"),
        ({"keep_weights": True}, "^keep_weights= must be at least 0, got True"),
        ({"seed": False}, "^seed= must be from 0 to .*, got False"),
        ({"seeds": True}, "^seeds must be a number of seeds or a list of them, got True"),
        ({"slot_gb": True}, "^slot_gb= must be from 1 to 10,000 GB, got True"),
        ({"disk_gb": True}, "^disk_gb= must be above 0 and .*, got True"),
        ({"time": True}, "^time= must be hours, minutes and seconds above 0, .*, got True"),
        ({"checkpoint_every": True}, "^checkpoint_every= must be at least 0 seconds, got True"),
        ({"checkpoint_every": float("nan")}, "^checkpoint_every= must be at least 0 seconds, got nan"),
        ({"store": "caf\udce9"}, r"^store must be UTF-8, got b'caf\\xe9'"),
        ({"store": "caf\ud800"}, "^store must be UTF-8, got b'caf"),
        ({"data": Path("caf\udce9.csv")}, "^data must be UTF-8, got b'caf"),
        ({"target": ["caf\udce9"]}, "^target must be UTF-8, got b'caf"),
        ({"columns": {"text": "caf\udce9"}}, "^columns must be UTF-8, got b'caf"),
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


NAMED = {*ARGUMENTS, "configuration", "all_rows", "ensemble", "device", "push", "rules"}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Train it first: `tune-polar fit s/sent --configuration c43479eca930 --all-rows`.", None),
        ("Check the path, or fetch POLAR with `tune-polar data fetch polar --language zho`.", None),
        ("join it with `ray start --address=HOST:PORT`, and give --address HOST:PORT (or auto)", "address=HOST:PORT"),
        ("`--text COLUMN` names it, `--column language=COLUMN` any other.", "`text=COLUMN` names it, `columns={'lang"),
        ("`--column 'my group=COLUMN'` names", "`columns={'my group': 'COLUMN'}` names"),
        ("name them with --column NAME=COLUMN, or use", "with columns={'NAME': 'COLUMN'}, or use"),
        ("names --column hate=class=hateful (cells", "columns={'hate': 'class=hateful'} (cells"),
        ("Lower it with --set model.k=…, or use more rows.", "with set={'model.k': …}, or use"),
        (
            "several seeds with --set seeds=[0,1,2]; or leave --until out.",
            "set={'seeds': [0, 1, 2]}; or leave until= o",
        ),
        ("Give --set folds.plan=stratified.", "Give set={'folds.plan': 'stratified'}."),
        ("for example --set 'description=\"a: b\"'.", "set={'description': 'a: b'}."),
        (
            "For example --seeds 3, or --seeds 0,1,2; one as `--seeds 7,`.",
            "seeds=3, or seeds=[0, 1, 2]; one as `seeds=[7]`",
        ),
        ("--until converged must have 10 cells", "until='converged' must have"),
        ("with --data sample, which is Chinese", "data='sample', which"),
        ("Give a smaller slot with --slot-gb, or --slots N to", "with slot_gb=, or slots=N to"),
        ("For example --push me/my-model.", "push='me/my-model'."),
        ("End other programs, or give --device cpu.", "device='cpu'."),
        ("Add for example --rule max_f1.", "rules="),
        ("OWNER/NAME as --push OWNER/NAME.", "push=OWNER/NAME."),
        ("limited otherwise (cgroups, --mem).", None),
        ("got the ensemble --ensemble-file FILE", "ensemble=FILE"),
    ],
)
def test_remedies_can_be_followed_in_python(said: str, told: str | None) -> None:
    found = in_python(said, NAMED)
    assert found == said if told is None else told in found


COMMANDS = re.compile(r"`(?:tune-polar|ray)\b[^`]*`")
GARBLED = re.compile(r"==|=[^\s={}'\"]+=|=\S+ [A-Z]{3,}=")


def test_every_sentence_of_the_package_is_told_without_garbling() -> None:
    told = {said: in_python(said, NAMED) for said in sentences() if in_python(said, NAMED) != said}
    assert len(told) > 80
    for said, found in told.items():
        assert COMMANDS.findall(found) == COMMANDS.findall(said)
        assert not GARBLED.search(COMMANDS.sub("", found)), found


def sentences() -> Iterator[str]:
    """All text of the package that may be said to whoever calls it, ``x`` in place of values."""
    package = Path(tune_polar.__file__).parent
    for path in sorted(each for each in package.rglob("*.py") if each.parent.name != "cli"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        docstrings = {node.value for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(each.value) if isinstance(each, ast.Constant) else "x" for each in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
                yield node.value


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
