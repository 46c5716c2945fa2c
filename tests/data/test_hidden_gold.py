"""What a target is follows from train alone; values that stand for no gold in dev or test are told, and no gold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tune_polar.api.data_words import DataWords
from tune_polar.api.search_request import Asked, RecipeWords, asked
from tune_polar.data.table import Corpus
from tune_polar.errors import DataError
from tune_polar.search.recipe_data import read_corpus


def ask(tmp_path: Path, train: list[str], test: list[str], recipe: str = "classifier", **columns: str) -> Asked:
    for name, values in (("train", train), ("test", test)):
        rows = "".join(f"{name} text {row},{value}\n" for row, value in enumerate(values))
        (tmp_path / f"{name}.csv").write_text(f"text,y\n{rows}")
    return asked(RecipeWords(recipe), DataWords(str(tmp_path), targets=("y",), columns=columns))


def read(found: Asked) -> Corpus:
    return read_corpus(found.loaded.recipe, found.source)


@pytest.mark.parametrize(
    ("train", "test", "recipe"),
    [
        (["0", "1"], "-1", "classifier"),
        (["0", "1"], "?", "classifier"),
        (["yes", "no"], "?", "classifier"),
        (["yes", "no"], "-1", "classifier"),
        (["a", "b", "c"], "-1", "classifier"),
        (["1", "2", "3"], "-1.0", "classifier"),
        (["1.5", "2.5", "3"], "-99.0", "regressor"),
        (["1.5", "2.5", "3"], "unknown", "regressor"),
    ],
)
def test_gold_that_stands_for_none_is_none_and_told(tmp_path: Path, train: list[str], test: str, recipe: str) -> None:
    hidden = ask(tmp_path, train * 20, [test] * 6, recipe)
    corpus = read(hidden)
    assert "y" not in corpus.splits["test"].columns
    assert "y" in corpus.splits["test"].missing
    told = [each for each in corpus.warnings if each.code == "hidden-gold"]
    assert [(str(each.path), each.row, each.column) for each in told] == [(str(tmp_path / "test.csv"), 2, "y")]
    assert test.removesuffix(".0") in told[0].message
    assert all("did you mean" not in each.message for each in corpus.warnings)
    assert hidden.loaded.recipe == ask(tmp_path, train * 20, train * 2, recipe).loaded.recipe


def test_whole_numbers_are_classes_by_their_value(tmp_path: Path) -> None:
    both = ask(tmp_path, ["1", "2", "3"] * 10 + ["1.0", "2.0", "3.0"] * 10, ["2.0", "3.0", "1.0", "1"])
    assert both.loaded.recipe.data.classes == {"y": ("1", "2", "3")}
    corpus = read(both)
    assert corpus.train.values("y").tolist() == [0, 1, 2] * 20
    assert corpus.splits["test"].words("y") == ["2", "3", "1", "1"]
    apart = ask(tmp_path, ["1", "2", "x", "01"] * 10, ["1", "01", "2.0", "x"])
    assert apart.loaded.recipe.data.classes == {"y": ("01", "1", "2", "x")}
    assert read(apart).splits["test"].words("y") == ["1", "01", "2", "x"]


@pytest.mark.parametrize("dev", [["1.0", "2.0", "2"], ["1", "2", "2"]])
def test_a_label_of_two_whole_numbers_is_read_by_value_too(tmp_path: Path, dev: list[str]) -> None:
    corpus = read(ask(tmp_path, ["1", "2", "1.0", "2.0"] * 10, dev))
    assert corpus.train.values("y").tolist() == [0, 1] * 20
    assert corpus.splits["test"].values("y").tolist() == [0, 1, 1]
    assert corpus.warnings == ()


def test_classes_are_called_as_the_data_call_them(tmp_path: Path) -> None:
    long = ["1234567890123456789", "1234567890123456770", "007", "1e3", "x"]
    corpus = read(ask(tmp_path, [*long, "1234567890123456789.0"] * 10, long))
    assert set(corpus.train.words("y")) == set(long)
    assert corpus.train.words("y")[0] == corpus.train.words("y")[5] == long[0]
    assert corpus.splits["test"].words("y") == long


def test_gold_that_one_file_of_a_split_hides_and_another_has_is_refused(tmp_path: Path) -> None:
    for split, words in {"train": {"deu": "01", "eng": "01"}, "dev": {"deu": ["-1"] * 2, "eng": "01"}}.items():
        (tmp_path / split).mkdir()
        for language, gold in words.items():
            rows = "".join(f"{split}{language}{n},{split} text {language} {n},{gold[n % 2]}\n" for n in range(20))
            (tmp_path / split / f"{language}.csv").write_text(f"id,text,polarization\n{rows}")
    found = asked(RecipeWords("st1"), DataWords(str(tmp_path), language="deu,eng"))
    with pytest.raises(DataError, match=r"deu\.csv, .*dev must have gold of 'polarization' in all files or in none"):
        read(found)


def test_some_rows_that_nobody_knows_are_named(tmp_path: Path) -> None:
    words = read(ask(tmp_path, ["yes", "no"] * 20, ["no", "yes", "maybe", "no", "maybe"]))
    (told,) = words.warnings
    assert (told.code, told.row, told.column) == ("unknown-word", 4, "y")
    assert told.message == "a word should be one that train has: it is 0, got 'maybe'"
    assert words.splits["test"].values("y").tolist() == [0, 1, 0, 0, 0]
    with pytest.raises(DataError, match=r"test.csv, row 3, column y: a label must be 0 or 1, got '-1'"):
        read(ask(tmp_path, ["1", "0"] * 20, ["1", "-1"]))
    with pytest.raises(DataError, match=r"test.csv, row 3, column y: a class must be one of .*, got 'd'"):
        read(ask(tmp_path, ["a", "b", "c"] * 20, ["a", "d"]))


def test_numbers_beyond_those_of_train_are_gold(tmp_path: Path) -> None:
    corpus = read(ask(tmp_path, ["1.5", "2.5", "3"] * 20, ["0.5", "4.5"], "regressor"))
    assert corpus.splits["test"].values("y").tolist() == [0.5, 4.5]
    assert corpus.warnings == ()
