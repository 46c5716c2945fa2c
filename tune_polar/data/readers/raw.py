"""The cells of a file as text, before anybody knows what they mean."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tune_polar.data.readers.places import Place

Lines = NDArray[np.int64]

SHORT = 32  # characters of cells that are kept once, however often they occur: labels, classes, groups
KEPT_ONCE = 1 << 16  # different ones
MOST_CHARACTERS = 1 << 25  # of long cells in a part of a file that is read part by part

HEADER_SHOWN = 12  # columns in a message, of a file that may have thousands
NAME_SHOWN = 60  # characters of each: a file without a header has a text there


@dataclass(frozen=True, eq=False)
class RawTable:
    """A file whose rows all have a cell for each column; only the columns that were asked for are kept."""

    place: Place
    header: tuple[str, ...]  # every column of the file
    lines: Lines  # (rows,): the line each row starts on, counted from 1; of Parquet the row
    cells: Mapping[str, Sequence[str]]

    def __len__(self) -> int:
        return len(self.lines)


class Gathered:
    """Rows being gathered, column by column; equal short cells are one object."""

    def __init__(self, columns: Collection[str]) -> None:
        self.lines = array("q")
        self.cells: dict[str, list[str]] = {name: [] for name in columns}
        self._once: dict[str, str] = {}
        self._characters = 0

    def kept(self, cell: str) -> str:
        """``cell``, or an equal one that is there already."""
        if len(cell) > SHORT:
            self._characters += len(cell)
            return cell
        if len(self._once) >= KEPT_ONCE:
            return self._once.get(cell, cell)
        return self._once.setdefault(cell, cell)

    def fills(self, rows: int | None) -> bool:
        """Whether this is a part of ``rows`` rows, or as much text as a part may hold."""
        return rows is not None and (len(self.lines) == rows or self._characters >= MOST_CHARACTERS)

    def emptied(self) -> Gathered:
        """To go on with the rows behind; what was gathered stays with its table."""
        return Gathered(self.cells)

    def table(self, place: Place, header: Sequence[str]) -> RawTable:
        """What was gathered."""
        return RawTable(place, tuple(header), np.frombuffer(self.lines, dtype=np.int64), self.cells)


def header_shown(header: Sequence[str]) -> str:
    """The columns of a file in a message."""
    named = [name if len(name) <= NAME_SHOWN else name[:NAME_SHOWN] + "…" for name in header[:HEADER_SHOWN]]
    more = f" and {len(header) - HEADER_SHOWN} more" if len(header) > HEADER_SHOWN else ""
    return f"{named}{more}"
