"""What is told of texts that stand twice follows from the plan: which rows are of test, and what becomes of copies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tune_polar.data.source import parse_source
from tune_polar.recipe.recipe_file import load_recipe
from tune_polar.search.recipe_data import read_corpus

NEAR = "one two three four five six seven eight nine"


def told(tmp_path: Path, folds: dict[str, object], texts: list[str], words: list[str], **more: str) -> list[str]:
    rows = zip(texts, words, strict=True)
    path = tmp_path / "a.csv"
    path.write_text(
        "text,hate,split\n" + "".join(f"{text},{row % 2},{word}\n" for row, (text, word) in enumerate(rows))
    )
    stages = {"model": {"task": {"type": "binary", "target": "hate"}}}
    data = {"labels": ["hate"], "groups": ["split"]}
    recipe = load_recipe({"recipe": "mine", "data": data, "folds": folds, "stages": stages}).recipe
    return [
        f"{each.code} {each.row}: {each.message}"
        for each in read_corpus(recipe, parse_source(str(path), **more)).warnings
    ]


def test_rows_that_a_column_calls_test_are_told_as_rows_of_test(tmp_path: Path) -> None:
    texts = ["a", "b", "a", f"{NEAR} ten", "c", f"{NEAR} TEN ", "A", f"{NEAR} ten!", "b"]
    words = ["train", "train", "train", "train", "dev", "dev", "Test", "test", "test"]

    found = told(tmp_path, {"plan": "given"}, texts, words)

    path = tmp_path / "a.csv"
    assert found == [
        f"near-text-in-two-splits 9: a text should not nearly stand in train (four fifths of the words of both are the "
        f"same), got nearly the text of {path}, row 5",
        "duplicate-text 4: a text should stand once in a split, got the text of row 2 again (where one is validated "
        "the others do not train) (also the text of row 5 again (where one is validated the others do not train))",
        f"text-in-two-splits 8: a text should stand in one split only, got the text of {path}, row 2 again (also the "
        f"text of {path}, row 3 again)",
    ]
    (tmp_path / "test.csv").write_text("text,hate\nz,1\n")
    with_test = told(tmp_path, {"plan": "given"}, texts, words, test=str(tmp_path / "test.csv"))
    assert [each for each in with_test if "two-splits" in each] == [], "then the column's test is idle"


@pytest.mark.parametrize(
    ("folds", "said"),
    [
        ({"plan": "stratified"}, "its copies share a fold"),
        ({"plan": "holdout"}, "its copies share a fold"),
        ({"plan": "leave_groups_out", "by": "split"}, "where one is validated the others do not train"),
        ({"plan": "paper"}, "the published folds may part its copies"),
    ],
)
def test_what_becomes_of_copies_is_said_as_the_plan_has_it(tmp_path: Path, folds: dict[str, object], said: str) -> None:
    (found,) = told(tmp_path, folds, ["a", "b", "c", "A"], ["x", "y", "x", "y"])
    assert found.endswith(f"got the text of row 2 again ({said})")


def test_nothing_is_said_of_folds_where_rows_of_no_fold_repeat(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("text,hate\nz,1\nz,1\n")
    (found,) = told(tmp_path, {"plan": "stratified"}, list("abcd"), list("xyxy"), test=str(tmp_path / "test.csv"))
    assert found.endswith("got the text of row 2 again")


def test_given_folds_may_be_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,hate,fold\na,1,0\nb,0,1\nA,1,0\n")
    recipe = load_recipe(
        {
            "recipe": "mine",
            "data": {"labels": ["hate"], "numbers": {"fold": []}},
            "folds": {"plan": "given", "column": "fold"},
            "stages": {"model": {"task": {"type": "binary", "target": "hate"}}},
        }
    ).recipe
    (found,) = read_corpus(recipe, parse_source(str(path))).warnings
    assert (found.code, found.row) == ("duplicate-text", 4)
