"""What the cells of a column mean. One rule for each kind of column, whatever file the cells come from."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tune_polar.data.column_request import ColumnSpec
from tune_polar.data.columns import Column, IntArray, class_column, group_column, text_column
from tune_polar.data.findings import Faults
from tune_polar.data.suggestions import did_you_mean
from tune_polar.data.texts import is_empty, seen

# Beside the numbers 0 and 1, however they are written (1.0 where a column was real), how tables write true/false. Words
# mean what a person says they mean: --column hate=class=hateful.
TRUTH = {"false": 0, "true": 1}

_WHOLE = re.compile(r"([+-]?[0-9]+)\.0*")
CELL_SHOWN = 40  # characters of a faulty cell in a message


@dataclass(frozen=True)
class Cells:
    """The cells of one column, as text; ``lines`` (rows,) says where each stands."""

    column: str  # as the file calls it
    cells: Sequence[str]
    lines: IntArray


def shown(cell: str) -> str:
    """A cell in a message: quoted, and cut where it is long."""
    return repr(cell if len(cell) <= CELL_SHOWN else cell[:CELL_SHOWN] + "…")


def read_cells(
    spec: ColumnSpec, cells: Cells, faults: Faults, word: str | None = None, *, must_occur: bool = True
) -> Column | None:
    """The column that ``cells`` are, or None where a cell breaks the rule of its kind: ``faults`` then says which.

    ``word``, of a label: cells that say it are 1, all other cells 0; ``must_occur``: some cell must say it.
    """
    if spec.kind == "label":
        return _labels(cells, faults, word, must_occur)
    if spec.kind == "class":
        return _classes(spec.names, cells, faults)
    if spec.kind == "number":
        return _numbers(spec, cells, faults)
    return group_column([seen(cell) for cell in cells.cells]) if spec.kind == "group" else _texts(cells, faults)


def label_of(cell: str, word: str | None = None) -> int | None:
    """0 or 1; None: the cell is no label. The one rule for gold, whatever file it comes from."""
    said = seen(cell)
    if word is None:
        number = TRUTH.get(said.lower(), number_of(said))
        return int(number) if number in (0, 1) else None
    return None if not said else int(as_word(said) == as_word(word))


def number_of(cell: str) -> float | None:
    """A finite number written with digits, a point and an exponent; None: the cell is none."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in cell else None


def as_word(cell: str) -> str:
    """A cell as it is compared with others: ``1`` for ``1.0``, as a table of floats has it, else as it is seen."""
    said = seen(cell)
    whole = _WHOLE.fullmatch(said)
    return said if whole is None else whole[1]


def _labels(cells: Cells, faults: Faults, word: str | None, must_occur: bool) -> Column | None:
    rule = "a label must be 0 or 1" if word is None else f"a label must be {word!r} or another word, not empty"
    known = {cell: label_of(cell, word) for cell in set(cells.cells)}
    if None in known.values():
        for cell, line in zip(cells.cells, cells.lines, strict=True):
            if known[cell] is None:
                faults.add("label-value", line, cells.column, rule, shown(cell))
        return None
    if word is not None and must_occur and 1 not in known.values():
        near = did_you_mean(word, known)
        faults.add("label-value", None, cells.column, f"some label must be {word!r}, got none that is{near}")
        return None
    return Column("label", np.array([known[cell] for cell in cells.cells], dtype=np.int64))


def _classes(names: Sequence[str], cells: Cells, faults: Faults) -> Column | None:
    name_of = _names_by_cell(names, set(cells.cells))
    unknown = {cell for cell in set(cells.cells) if cell not in name_of}
    for cell, line in zip(cells.cells, cells.lines, strict=True):
        if cell in unknown:
            rule = f"a class must be one of {list(names)}"
            if is_empty(cell):
                rule += ", one of which may stand for rows of no class"
            faults.add("class-value", line, cells.column, rule, shown(cell) + did_you_mean(cell, names))
    return None if unknown else class_column((name_of[cell] for cell in cells.cells), names)


def _names_by_cell(names: Sequence[str], cells: Iterable[str]) -> dict[str, str]:
    """The class that each cell says, of those that say one; whole numbers by their value, where one class has it."""
    name_of = {seen(name): name for name in names}
    words = Counter(map(as_word, names))
    by_word = {as_word(name): name for name in names if words[as_word(name)] == 1}
    said = {cell: name_of.get(seen(cell)) or by_word.get(as_word(cell)) for cell in cells}
    return {cell: name for cell, name in said.items() if name is not None}


def _numbers(spec: ColumnSpec, cells: Cells, faults: Faults) -> Column | None:
    low = -math.inf if spec.low is None else spec.low
    high = math.inf if spec.high is None else spec.high
    values = np.empty(len(cells.cells), dtype=np.float64)
    good = True
    for place, (cell, line) in enumerate(zip(cells.cells, cells.lines, strict=True)):
        value = number_of(cell)
        if value is None:
            rule = "a number must be finite and written as 3, -0.5 or 1e-3"
            faults.add("number-value", line, cells.column, rule, shown(cell))
        elif not low <= value <= high:
            faults.add(
                "number-range", line, cells.column, f"a number must be between {low:g} and {high:g}", shown(cell)
            )
        else:
            values[place] = value
            continue
        good = False
    return Column("number", values) if good else None


def _texts(cells: Cells, faults: Faults) -> Column | None:
    good = True
    for cell, line in zip(cells.cells, cells.lines, strict=True):
        if is_empty(cell):
            faults.add("empty-text", line, cells.column, "a text must not be empty", shown(cell))
            good = False
    return text_column(cells.cells) if good else None
