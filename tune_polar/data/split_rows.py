"""Turns the cells of a CSV table into the ids, texts and labels of a split, collecting what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tune_polar.data.corpus import IntArray, Split
from tune_polar.data.csv_table import CsvTable, missing_columns
from tune_polar.data.findings import Finding, data_error, errors_in

INVALID_LABEL = -1  # stands for a cell that is neither 0 nor 1, so that the other cells can be looked at

_LABEL_OF_CELL = {"0": 0, "1": 1}
ROWS_REMEDY = "Mend the named cells; `tune-polar data check` lists every finding."


@dataclass(frozen=True)
class ColumnNames:
    """Which columns of a CSV file hold what. ``id`` None: rows are numbered."""

    id: str | None
    text: str
    labels: Mapping[str, str]  # label name of the project -> column of the file


@dataclass(frozen=True, eq=False)
class SplitRows:
    """The rows of one file with everything that is wrong with them; arrays are parallel to ``lines``."""

    name: str  # "train", "dev", "test"
    path: Path
    lines: tuple[int, ...]
    ids: tuple[str, ...]
    texts: tuple[str, ...]
    labels: Mapping[str, IntArray]  # INVALID_LABEL where the cell is not a label
    columns: ColumnNames
    findings: tuple[Finding, ...]

    def to_split(self) -> Split:
        """The split, if nothing is wrong with its rows.

        Raises:
            DataError: the first findings.
        """
        errors = errors_in(self.findings)
        if errors:
            raise data_error(errors, ROWS_REMEDY)
        return Split(self.name, self.ids, self.texts, self.labels)


def scan_rows(table: CsvTable, name: str, columns: ColumnNames) -> SplitRows:
    """Look at every row of ``table`` as the split ``name``; columns that it lacks are findings."""
    wanted = [columns.text, *columns.labels.values()] + ([] if columns.id is None else [columns.id])
    findings = missing_columns(table, wanted)
    lines = tuple(row.line for row in table.rows)
    ids = _ids(table, name, columns.id, findings)
    texts = tuple(table.column(columns.text)) if columns.text in table.header else ()
    findings += [
        Finding("error", "empty-text", table.path, line, columns.text, f"a text must not be empty, got {text!r}")
        for line, text in zip(lines, texts, strict=False)  # no texts where the column is missing
        if not text.strip()
    ]
    labels = {
        label: _labels(table, column, lines, findings)
        for label, column in columns.labels.items()
        if column in table.header
    }
    return SplitRows(name, table.path, lines, ids, texts, labels, columns, tuple(findings))


def _ids(table: CsvTable, name: str, column: str | None, findings: list[Finding]) -> tuple[str, ...]:
    if column is None:
        return tuple(f"{name}-{number}" for number in range(1, len(table.rows) + 1))
    if column not in table.header:
        return ()
    ids = table.column(column)
    first_line: dict[str, int] = {}
    for row, row_id in zip(table.rows, ids, strict=True):
        if not row_id.strip():
            message = f"an id must not be empty, got {row_id!r}"
            findings.append(Finding("error", "empty-id", table.path, row.line, column, message))
        elif row_id in first_line:
            message = f"an id must be unique, got {row_id!r}, which row {first_line[row_id]} has too"
            findings.append(Finding("error", "duplicate-id", table.path, row.line, column, message))
        first_line.setdefault(row_id, row.line)
    return tuple(ids)


def _labels(table: CsvTable, column: str, lines: Sequence[int], findings: list[Finding]) -> IntArray:
    cells = table.column(column)
    findings += [
        Finding("error", "label-value", table.path, line, column, f"a label must be 0 or 1, got {cell!r}")
        for line, cell in zip(lines, cells, strict=True)
        if cell.strip() not in _LABEL_OF_CELL
    ]
    return np.array([_LABEL_OF_CELL.get(cell.strip(), INVALID_LABEL) for cell in cells], dtype=np.int64)
