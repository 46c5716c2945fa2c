from __future__ import annotations

import numpy as np
import pytest

from tune_polar.data.cell_values import Cells, read_cells
from tune_polar.data.column_request import ColumnSpec
from tune_polar.data.columns import Column
from tune_polar.data.findings import Faults


def read(spec: ColumnSpec, *cells: str, word: str | None = None) -> tuple[Column | None, list[str]]:
    faults = Faults("rows.csv")
    column = read_cells(spec, Cells("c", cells, np.arange(2, len(cells) + 2)), faults, word)
    return column, [str(finding) for finding in faults.findings()]


LABEL = ColumnSpec("hate", "label")
CLASS = ColumnSpec("topic", "class", names=("news", "sport"))
NUMBER = ColumnSpec("warmth", "number", low=1.0, high=5.0)


def test_labels_are_0_and_1_however_tables_write_them() -> None:
    column, faults = read(LABEL, "0", " 1 ", "0.0", "1.0", "False", "True", "false", "TRUE")

    assert faults == []
    assert column is not None
    assert column.values.tolist() == [0, 1, 0, 1, 0, 1, 0, 1]


def test_a_word_says_which_cells_are_1() -> None:
    column, faults = read(LABEL, "yes", "no", " yes", "maybe", word="yes")

    assert faults == []
    assert column is not None
    assert column.values.tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("spec", "cells", "word", "message"),
    [
        (LABEL, ("1", "yes"), None, "rows.csv, row 3, column c: a label must be 0 or 1, got 'yes'"),
        (LABEL, ("2",), None, "a label must be 0 or 1, got '2'"),
        (LABEL, ("",), None, "a label must be 0 or 1, got ''"),
        (LABEL, ("0.5",), None, "got '0.5'"),
        (LABEL, ("x" * 200,), None, f"got '{'x' * 40}…'"),
        (LABEL, ("yes", ""), "yes", "row 3, column c: a label must be 'yes' or another word, not empty, got ''"),
        (LABEL, ("Yes", "no"), "yes", "some label must be 'yes', got none that is; did you mean 'Yes'?"),
        (CLASS, ("news", "sports"), None, "must be one of ['news', 'sport'], got 'sports'; did you mean 'sport'?"),
        (CLASS, ("",), None, "['news', 'sport'], one of which may stand for rows of no class, got ''"),
        (NUMBER, ("0.5",), None, "a number must be between 1 and 5, got '0.5'"),
        (NUMBER, ("3,5",), None, "a number must be finite and written as 3, -0.5 or 1e-3, got '3,5'"),
        (NUMBER, ("nan",), None, "must be finite"),
        (NUMBER, ("inf",), None, "must be finite"),
        (NUMBER, ("1_0",), None, "must be finite"),
        (NUMBER, ("",), None, "must be finite"),
        (
            ColumnSpec("reply", "text"),
            ("a", "\u200b"),
            None,
            "row 3, column c: a text must not be empty, got '\\u200b'",
        ),
    ],
)
def test_refuses_bad_cells_by_place_rule_and_value(
    spec: ColumnSpec, cells: tuple[str, ...], word: str | None, message: str
) -> None:
    column, faults = read(spec, *cells, word=word)

    assert column is None
    assert len(faults) == 1
    assert message in faults[0]


def test_one_fault_is_one_line_with_its_number() -> None:
    _, faults = read(LABEL, *["yes", "no"] * 600, "0")

    assert faults == [
        "rows.csv, row 2, column c: a label must be 0 or 1, got 'yes' (also 'no') "
        "(1,200 times, again in rows 3, 4, 5, 6, 7, …)"
    ]
    faults_kept = Faults("x")
    read_cells(LABEL, Cells("c", ["yes"] * 5000, np.arange(5000)), faults_kept)
    (finding,) = faults_kept.findings()
    assert (finding.count, len(finding.rows)) == (5000, 1000)


def test_numbers_without_a_range_and_groups_take_all() -> None:
    column, faults = read(ColumnSpec("n", "number"), "-1e3", " 2 ")
    assert (column.values.tolist(), faults) == ([-1000.0, 2.0], [])  # type: ignore[union-attr]
    column, faults = read(ColumnSpec("g", "group"), " b ", "", "a")
    assert (column.words(), faults) == (["b", "", "a"], [])  # type: ignore[union-attr]
