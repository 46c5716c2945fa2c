"""Turns the cells of files into the rows of a split, collecting everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from tune_polar.data.cell_values import Cells, as_word, read_cells, shown
from tune_polar.data.column_request import ID, SOURCE_ID, TEXT, ColumnSpec
from tune_polar.data.columns import Column, joined
from tune_polar.data.findings import Faults, Finding
from tune_polar.data.further_texts import further_texts, texts_said
from tune_polar.data.hidden_gold import HIDDEN, HIDDEN_RULE, hidden_value
from tune_polar.data.layout import Layout
from tune_polar.data.readers import Place, RawTable, read_raw
from tune_polar.data.readers.raw import Lines, header_shown
from tune_polar.data.suggestions import did_you_mean
from tune_polar.data.table import Split
from tune_polar.data.texts import is_empty

# "train" rows must have all columns; "held_out" rows may lack gold; "extra" rows are trained on, never validated;
# "evaluated" rows, of another data set, are there for their gold.
Role = Literal["train", "held_out", "extra", "evaluated"]


@dataclass(frozen=True, eq=False)
class ScannedFile:
    """The rows of one file with everything that is wrong with them; what is faulty is left out of ``columns``."""

    place: Place
    lines: Lines = field(default_factory=lambda: np.zeros(0, dtype=np.int64))  # (rows,)
    ids: tuple[str, ...] | None = None  # None: the file has no ids, rows are numbered
    texts: tuple[str, ...] = ()
    columns: Mapping[str, Column] = field(default_factory=dict)
    missing: tuple[str, ...] = ()  # columns that rows of this role may lack, and do
    sources: tuple[str, ...] | None = None  # of extra rows, ids of train rows
    header: tuple[str, ...] = ()  # every column of the file
    id_column: str = ID  # what the file calls them
    text_column: str = TEXT
    findings: tuple[Finding, ...] = ()
    words: Mapping[str, Mapping[str, int]] = field(
        default_factory=dict
    )  # of labels read of a word: where each first is

    def take(self, rows: Lines) -> ScannedFile:
        """The same of ``rows`` alone, without its findings."""
        numbers = rows.tolist()
        return ScannedFile(
            self.place,
            self.lines[rows],
            None if self.ids is None else tuple(self.ids[row] for row in numbers),
            tuple(self.texts[row] for row in numbers),
            {name: column.take(rows) for name, column in self.columns.items()},
            self.missing,
            None if self.sources is None else tuple(self.sources[row] for row in numbers),
            self.header,
            self.id_column,
            self.text_column,
        )


@dataclass(frozen=True, eq=False)
class ScannedSplit:
    """The files of one split, below each other."""

    name: str
    files: tuple[ScannedFile, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """An id for each row; rows without are numbered, "train-1" the first."""
        found: list[str] = []
        for file in self.files:
            numbers = range(len(found) + 1, len(found) + 1 + len(file.lines))
            found += [f"{self.name}-{number}" for number in numbers] if file.ids is None else file.ids
        return tuple(found)

    def findings(self) -> list[Finding]:
        """Of each file by itself."""
        return [finding for file in self.files for finding in file.findings]

    def to_split(self) -> Split:
        """The rows as a split; a column that one of the files lacks is missing in all."""
        names = dict.fromkeys(name for file in self.files for name in file.columns)
        whole = [name for name in names if all(name in file.columns for file in self.files)]
        lacking = [name for file in self.files for name in file.missing] + [name for name in names if name not in whole]
        return Split(
            self.name,
            self.ids,
            tuple(text for file in self.files for text in file.texts),
            {name: joined([file.columns[name] for file in self.files]) for name in whole},
            tuple(dict.fromkeys(name for name in lacking if name not in whole)),
        )


def scan_file(
    place: Place,
    layout: Layout,
    role: Role,
    *,
    needs_id: bool = False,
    constants: Mapping[str, Column] | None = None,
) -> ScannedFile:
    """Read ``place`` and look at every row of it.

    Args:
        place: a file that ``read_raw`` can read.
        layout: which of its columns hold what.
        role: what its rows are for.
        needs_id: a file without a column of ids is wrong.
        constants: columns of one value in all rows, given by what the file is called rather than by what it holds.
    """
    table, found = read_raw(place, layout.all_candidates())
    return scan_table(table, found, place, layout, role, needs_id=needs_id, constants=constants)


def scan_table(
    table: RawTable | None,
    found: Sequence[Finding],
    place: Place,
    layout: Layout,
    role: Role,
    *,
    needs_id: bool = False,
    constants: Mapping[str, Column] | None = None,
) -> ScannedFile:
    """As ``scan_file``, of a file that is read already, with the findings about it as a file."""
    if table is None:
        return ScannedFile(place, findings=tuple(found))
    faults = Faults(str(place))
    scan = _Scan(table, layout, role, faults)
    text_column, texts = scan.texts()
    id_column, ids = scan.ids(needs_id)
    columns: dict[str, Column] = {}
    missing: list[str] = []
    words: dict[str, dict[str, int]] = {}
    for spec in layout.specs:
        if constants is not None and spec.name in constants:
            continue
        cells = scan.cells_of(spec)
        if cells is None:
            missing.append(spec.name)
            continue
        if role == "held_out" and (hidden := hidden_value(spec, *cells)) is not None:
            faults.add(HIDDEN, int(table.lines[0]), cells[0].column, HIDDEN_RULE, hidden, severity="warning")
            missing.append(spec.name)
            continue
        column = read_cells(spec, cells[0], faults, cells[1], must_occur=role in ("train", "evaluated"))
        if column is not None:
            columns[spec.name] = column
        if cells[1] is not None:
            words[spec.name] = _first_lines(cells[0])
    for name, column in (constants or {}).items():
        columns[name] = column.take(np.zeros(len(table), dtype=np.int64))
    return ScannedFile(
        place,
        table.lines,
        ids,
        texts,
        columns,
        tuple(missing),
        scan.sources() if role == "extra" else None,
        table.header,
        id_column,
        text_column,
        (*found, *faults.findings()),
        words,
    )


def _first_lines(cells: Cells) -> dict[str, int]:
    """Every word of a column, and the line on which it stands first."""
    lines: dict[str, int] = {}
    for cell, line in zip(cells.cells, cells.lines.tolist(), strict=True):
        lines.setdefault(cell, line)
    found: dict[str, int] = {}
    for cell, line in lines.items():
        found.setdefault(as_word(cell), line)
    return found


class _Scan:
    """Looks up the columns of one file."""

    def __init__(self, table: RawTable, layout: Layout, role: Role, faults: Faults) -> None:
        self._table, self._layout, self._role, self._faults = table, layout, role, faults
        self._lines = table.lines
        self._must_have = role in ("train", "extra")
        self._said: dict[str, Cells] = {}  # of further texts by column: what is wrong with a cell is told once

    def texts(self) -> tuple[str, tuple[str, ...]]:
        found = self._layout.find(TEXT, self._table.header, own_name=self._role != "train")
        if found is None:
            self._lacks(TEXT)
            return TEXT, ()
        texts = tuple(self._table.cells[found[0]])
        for line, text in zip(self._lines, texts, strict=True):
            if is_empty(text):
                self._faults.add("empty-text", line, found[0], "a text must not be empty", shown(text))
        return found[0], texts

    def ids(self, needs_id: bool) -> tuple[str, tuple[str, ...] | None]:
        found = self._layout.find(ID, self._table.header, own_name=self._role != "train")
        if found is None:
            if needs_id or (ID in self._layout.columns and self._must_have):
                self._lacks(ID)
            return ID, None
        ids = tuple(self._table.cells[found[0]])
        for line, row_id in zip(self._lines, ids, strict=True):
            if is_empty(row_id):
                self._faults.add("empty-id", line, found[0], "an id must not be empty", shown(row_id))
        return found[0], ids

    def sources(self) -> tuple[str, ...] | None:
        found = self._layout.find(SOURCE_ID, self._table.header, own_name=True)
        return None if found is None else tuple(self._table.cells[found[0]])

    def _text_column(self) -> str | None:
        found = self._layout.find(TEXT, self._table.header, own_name=self._role != "train")
        return None if found is None else found[0]

    def own_texts(self) -> Sequence[str]:
        """The rows' own texts; none where the file has no column of them."""
        column = self._text_column()
        return () if column is None else self._table.cells[column]

    def cells_of(self, spec: ColumnSpec) -> tuple[Cells, str | None] | None:
        """The cells of ``spec`` and the word in them that means 1; None: the file has none, and need not."""
        names = [spec.name]
        if spec.column is not None and spec.name not in self._layout.columns:
            names = [spec.column]
        if spec.otherwise is not None:
            names.append(spec.otherwise)
        found = [self._layout.find(name, self._table.header, own_name=self._role != "train") for name in names]
        if spec.kind == "text" and self._role == "held_out" and spec.name not in self._layout.named:
            return self._texts_there_are([None if each is None else each[0] for each in found])
        if found[0] is None or None in found:
            first = next(name for name, place in zip(names, found, strict=True) if place is None)
            is_needed = self._must_have and not spec.optional and not (spec.of_folds and self._role == "extra")
            if is_needed or spec.name in self._layout.named:
                self._lacks(first)
            return None
        column, word = found[0]
        if spec.kind in ("label", "class", "number") and column == self._text_column():
            rule = f"{spec.name} must be another column than that of the texts"
            self._faults.add("same-column", None, column, rule, repr(column))
        cells = self._table.cells[column]
        if spec.kind != "group" and not self._must_have and not any(cell.strip() for cell in cells):
            return None  # files for prediction carry the gold columns with nothing in them
        if spec.kind == "text":
            cells = self._further([each[0] for each in found if each is not None])
        return Cells(column, cells, self._lines), word

    def _texts_there_are(self, columns: Sequence[str | None]) -> tuple[Cells, None] | None:
        """Of rows that need not have them, such as those of dev, which may train in the end: what their file has.

        ``columns``: that of the texts and, where one stands in, the other. None: nothing is said in either.
        """
        there = [column for column in columns if column is not None]
        if not any(cell.strip() for column in there for cell in self._table.cells[column]):
            return None
        return Cells(there[0], self._further(there), self._lines), None

    def _further(self, columns: Sequence[str]) -> list[str]:
        """The text of each row in the first of ``columns`` that has one, else the row's own."""
        for column in columns:
            if column not in self._said:
                cells = Cells(column, self._table.cells[column], self._lines)
                self._said[column] = replace(cells, cells=texts_said(cells, self._faults))
        own = self.own_texts() or [""] * len(self._lines)
        return further_texts([self._said[column] for column in columns], own, self._faults)

    def _lacks(self, name: str) -> None:
        wanted = self._layout.wanted(name)
        header = self._table.header
        rule = f"the file must have the column {wanted!r}, got {header_shown(header)}{did_you_mean(wanted, header)}"
        self._faults.add("missing-column", 1, wanted, rule)
