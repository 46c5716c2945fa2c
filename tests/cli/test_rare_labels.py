"""Labels that some folds have no row of: taken, and told by everyone who looks at the data."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tune_polar.api.data_words import DataWords
from tune_polar.api.run_search import warnings_of
from tune_polar.api.search_request import RecipeWords, asked, space_of
from tune_polar.search.make_plan import SearchPlan, make_plan

ROWS = 60


def written(folder: Path, **columns: Sequence[object]) -> Path:
    path = folder / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", *columns])
        writer.writerows([f"said {row}", *(values[row] for values in columns.values())] for row in range(ROWS))
    return path


def plan_of(path: Path, *targets: str, changes: Mapping[str, object] | None = None) -> SearchPlan:
    found = asked(RecipeWords("classifier", "tiny", changes=changes or {}), DataWords(str(path), targets=targets))
    space = space_of(found.loaded, None)
    return make_plan(found.loaded.recipe, found.loaded.profile, found.source, space=space, trials=1, seed=0)


def first(count: int) -> list[int]:
    return [int(row < count) for row in range(ROWS)]


def told(path: Path, *targets: str, changes: Mapping[str, object] | None = None) -> list[str]:
    return [line.rpartition(" should validate ")[2] for line in warnings_of(plan_of(path, *targets, changes=changes))]


def said(name: str, rows: int, folds: str) -> str:
    return (
        f"rows of every label, got {name!r} with {rows} rows and none in {folds}: "
        "what is measured there of it says nothing"
    )


@pytest.mark.parametrize("rows", [2, 3, 4])
def test_a_label_with_fewer_rows_than_folds(tmp_path: Path, rows: int) -> None:
    path = written(tmp_path, loud=first(30), rare=first(rows))
    assert told(path, "loud", "rare") == [said("rare", rows, f"{5 - rows} of 5 folds")]


def test_as_many_rows_as_folds_are_enough(tmp_path: Path) -> None:
    assert told(written(tmp_path, loud=first(30), rare=first(5)), "loud", "rare") == []


def test_the_rarer_side_of_a_binary_target(tmp_path: Path) -> None:
    assert told(written(tmp_path, rude=first(3)), "rude") == [said("rude = 1", 3, "2 of 5 folds")]
    assert told(written(tmp_path, rude=first(ROWS - 4)), "rude") == [said("rude = 0", 4, "1 of 5 folds")]


def test_a_rare_class(tmp_path: Path) -> None:
    topics = ["art"] * 3 + ["news"] * 30 + ["sport"] * 27
    assert told(written(tmp_path, topic=topics), "topic") == [said("topic = art", 3, "2 of 5 folds")]


def test_folds_that_are_given(tmp_path: Path) -> None:
    split = [row % 3 for row in range(ROWS)]
    rude = [int(row % 3 != 2 and row % 2) for row in range(ROWS)]  # none in the last
    changes = {"folds": {"plan": "given", "column": "split"}}
    (warning,) = told(written(tmp_path, rude=rude, split=split), "rude", changes=changes)
    assert warning == said("rude = 1", sum(rude), "1 of 3 folds")


def test_doctor_data_check_and_search_say_the_same(run: Callable[..., Any], tmp_path: Path) -> None:
    path = written(tmp_path, loud=first(30), rare=first(3))
    words = ("--target", "loud", "--target", "rare")
    warning = f"t: every fold should validate {said('rare', 3, '2 of 5 folds')}"
    assert warnings_of(plan_of(path, "loud", "rare")) == [f"warning: {warning}"]
    checked = run("data", "check", "t.csv", *words)
    assert f"warning: {warning} [rare-label]\n0 errors, 1 warning\n" in checked.out
    assert checked.code == 0
    assert (
        f"\nwarning    {warning}\n" in run("doctor", "classifier", "--data", "t.csv", *words, "--encoder", "tiny").out
    )
