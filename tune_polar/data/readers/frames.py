"""Reads a pandas DataFrame as if a file had held it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tune_polar.data.findings import Faults
from tune_polar.data.readers.bounds import repeated
from tune_polar.data.readers.json_lines import cell_text
from tune_polar.data.readers.places import Place
from tune_polar.data.readers.raw import Gathered, RawTable

if TYPE_CHECKING:
    import pandas as pd

CELLS_AT_ONCE = 65_536  # as objects of Python
# Not every one of numpy: a point or a span of time would be a bare count of nanoseconds or days.
_SCALARS = (np.bool_, np.str_, np.floating, np.unsignedinteger, np.int8, np.int16, np.int32, np.int64, np.longlong)


def read_frame(
    frame: pd.DataFrame, place: Place, faults: Faults, wanted: Collection[str] | None, most_rows: int | None
) -> RawTable | None:
    """The columns ``wanted`` (None: all) of a DataFrame; rows are counted from 1, its index is nobody's.

    A column without a name, and one whose name is no text, goes by that name as text.
    """
    header = [str(name) for name in frame.columns]
    for name in repeated(header):
        faults.add("duplicate-column", None, name, f"a column name must be unique, got {name!r} again")
        return None
    rows = len(frame) if most_rows is None else min(most_rows, len(frame))
    gathered = Gathered([name for name in header if name and (wanted is None or name in wanted)])
    for name, column in gathered.cells.items():
        values = _values(frame.iloc[:rows, header.index(name)])
        column += [gathered.kept(cell_text(cell, line, name, faults)) for line, cell in enumerate(values, start=1)]
    gathered.lines.extend(range(1, rows + 1))
    if not rows:
        faults.add("no-rows", None, None, "must have rows, got none")
    return gathered.table(place, header)


def _values(column: pd.Series[Any]) -> Iterator[object]:
    """As Python has them, a part of the column at a time; what is missing is None."""
    for start in range(0, len(column), CELLS_AT_ONCE):
        part = column.iloc[start : start + CELLS_AT_ONCE]
        cells = part.astype(object).where(part.notna(), None).tolist()
        yield from (cell.item() if isinstance(cell, _SCALARS) else cell for cell in cells)
