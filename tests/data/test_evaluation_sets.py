"""Sets that are scored and never trained on: what their files call things, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tune_polar.data.source import parse_source
from tune_polar.data.table import Corpus
from tune_polar.errors import DataError, SpecError
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.search.recipe_data import fold_plans, read_corpus

TRAIN = "text,class,split\nhills burn,bad,train\nhills grow,good,train\nseas burn,bad,dev\nseas grow,good,dev\n"
RECIPE = """\
recipe: sets
data:
  labels: [hate]
  evaluate: {there: ABOUT}
folds: {plan: given}
stages: {hate: {task: {type: binary, target: hate}}}
"""
GOOD = "post,said\nlakes burn,off\nlakes grow,fine\n"


def read(folder: Path, about: str, rows: str, recipe: str = RECIPE, **columns: str) -> Corpus:
    for name, content in (("train.csv", TRAIN), ("there.csv", rows), ("sets.yaml", recipe.replace("ABOUT", about))):
        (folder / name).write_text(content, encoding="utf-8")
    named = {"hate": "class=bad", **{name.replace("__", "."): column for name, column in columns.items()}}
    loaded = load_recipe(str(folder / "sets.yaml"), RecipeOptions()).recipe
    return read_corpus(loaded, parse_source(str(folder / "train.csv"), columns=named))


def test_a_set_says_in_the_recipe_what_its_columns_are_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    there = read(tmp_path, "{path: there.csv, text: post, column: said, positive: off}", GOOD).splits["there"]
    assert (there.texts, there.values("hate").tolist()) == (("lakes burn", "lakes grow"), [1, 0])
    numbers = GOOD.replace("off", "1").replace("fine", "0")
    assert (
        read(tmp_path, "{path: there.csv, text: post, column: said}", numbers).splits["there"].values("hate").sum() == 1
    )


def test_the_command_line_goes_before_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    about = "{path: there.csv, text: post, column: other, positive: x}"
    assert read(tmp_path, about, GOOD, there__hate="said=off").splits["there"].values("hate").tolist() == [1, 0]


@pytest.mark.parametrize(
    ("about", "rows", "message"),
    [
        (
            "{path: there.csv, text: post, column: sad, positive: off}",
            GOOD,
            r"there.csv, row 1, column sad: .* must have the column 'sad', got .*'said'.*did you mean 'said'",
        ),
        (
            "{path: there.csv, text: post, column: said, positive: offf}",
            GOOD,
            "there.csv, column said: some label must be 'offf', got none that is; did you mean 'off'",
        ),
        ("{path: there.csv, text: post, column: said}", GOOD, "column said: a label must be 0 or 1, got 'off'"),
        (
            "{path: there.csv, text: post}",
            GOOD,
            r"gold of 'hate', got \['post', 'said'\]: name the column with `column` under data.evaluate.there",
        ),
        (
            "{path: there.csv, column: said, positive: off}",
            GOOD,
            "there.csv.*column text: .*must have the column 'text'",
        ),
        ("there.csv", "text,hate\n", "there.csv.*must have rows"),
        ("there.csv", "text,hate\nlakes burn,\n", "there.csv: an evaluation set must have gold of 'hate'"),
        ("nowhere.csv", GOOD, "nowhere.csv"),
    ],
)
def test_a_set_that_cannot_be_scored_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, about: str, rows: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=message):
        read(tmp_path, about, rows)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ABOUT", "{column: said}", r"data.evaluate.there.path: must be given"),
        ("ABOUT", "{path: a.csv, positive: off}", "data.evaluate.there.positive: must stand beside `column`"),
        ("ABOUT", "{path: a.csv, colum: said}", "data.evaluate.there.colum: must be a known key.*'column'"),
        (
            "labels: [hate]\n  evaluate: {there: ABOUT}",
            "classes: {hate: [a, b, c]}\n  evaluate: {there: {path: a.csv, column: said, positive: a}}",
            "data.evaluate.there.positive: must be left out where 'hate' is no label",
        ),
        (
            "hate]\n  evaluate: {there: ABOUT}",
            "hate, rude]\n  evaluate: {there: {path: a.csv, column: said}}",
            r"there.column: must be left out where several columns are predicted, \['hate', 'rude'\]: use --col",
        ),
        (
            "stages:",
            "score: {of: there}\nstages:",
            "score.of: must name .*evaluation sets are scored and never chosen on",
        ),
    ],
)
def test_what_a_recipe_may_not_say_of_a_set(tmp_path: Path, old: str, new: str, message: str) -> None:
    several = "task: {type: multilabel, targets: [hate, rude]}"
    text = RECIPE.replace("task: {type: binary, target: hate}", several) if "rude" in new else RECIPE
    text = text.replace("type: binary", "type: multiclass") if "classes" in new else text
    (tmp_path / "sets.yaml").write_text(text.replace(old, new).replace("ABOUT", "a.csv"), encoding="utf-8")
    with pytest.raises(SpecError, match=message):
        load_recipe(str(tmp_path / "sets.yaml"), RecipeOptions())


def test_held_out_files_need_no_further_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`impsh` without implied statements in the dev split and in the evaluation sets."""
    monkeypatch.chdir(tmp_path)
    texts = ("the bells ring twice", "nobody sails at night")
    train = "".join(f"{text} {number},{number % 2},s,a\n" for number, text in enumerate(texts * 4))
    (tmp_path / "train.csv").write_text(f"text,hate,implied_statement,augmented\n{train}", encoding="utf-8")
    for name in ("dev", "there"):
        rows = "".join(f"{name} {text},{number}\n" for number, text in enumerate(texts))
        (tmp_path / f"{name}.csv").write_text(f"text,hate\n{rows}", encoding="utf-8")
    recipe = load_recipe("impsh", RecipeOptions(changes={"data.evaluate.there": "there.csv"})).recipe
    corpus = read_corpus(recipe, parse_source("train.csv", dev="dev.csv"))
    assert "positive" in corpus.train.columns
    assert "positive" not in corpus.splits["there"].columns
    own = [f"dev {text}" for text in texts]
    assert corpus.train.words("positive")[-2:] == own  # no fold trains on them, but a model of all rows does
    assert fold_plans(recipe, corpus)["hate"].validation_rows(0).tolist() == [8, 9]
