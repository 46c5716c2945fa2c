"""Gold of dev and test that stands for none: one value in all rows, such as -1 or "?", that train does not know."""

from __future__ import annotations

from tune_polar.data.cell_values import Cells, as_word, read_cells, shown
from tune_polar.data.column_request import ColumnSpec
from tune_polar.data.findings import Faults

HIDDEN = "hidden-gold"  # of findings
HIDDEN_RULE = "gold should be what train has of it, or be left empty: its rows count as without gold"


def hidden_value(spec: ColumnSpec, cells: Cells, word: str | None) -> str | None:
    """The one value of all ``cells``, for a person, where it is none that ``spec`` knows; None: they say something."""
    if spec.kind not in ("label", "class", "number") or not len(cells.cells):
        return None
    first = Cells(cells.column, cells.cells[:1], cells.lines[:1])
    value = as_word(first.cells[0])
    if not value or any(as_word(cell) != value for cell in set(cells.cells)):
        return None
    if read_cells(spec, first, Faults(""), word, must_occur=False) is not None:
        return None
    return f"{shown(first.cells[0])} in all rows"
