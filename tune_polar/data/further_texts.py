"""Cells of a further text, such as a row's positive: what is no text though it stands there, and what stands in."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from tune_polar.data.cell_values import Cells, shown
from tune_polar.data.findings import Faults
from tune_polar.data.texts import is_empty, seen

OWN_TEXT = "own-text"  # of findings: the row's own text stands in
NO_TEXT = "nan"  # how a table that was written without care says that there is none


def further_texts(cells: Cells, others: Sequence[str], faults: Faults, *, are_own: bool) -> list[str]:
    """The texts of ``cells``; where one is empty, that of ``others``.

    "nan" is no text, and a list of texts written as one cell (``['…']``) is its first: both are told.

    Args:
        cells: of the column.
        others: of the column that stands in, (rows,).
        faults: of the file.
        are_own: whether ``others`` are the rows' own texts, which teach nothing beside themselves: told too.
    """
    found = []
    for cell, other, line in zip(cells.cells, others, cells.lines, strict=True):
        text = cell
        if seen(text).lower() == NO_TEXT:
            rule = f"a text should be left empty where there is none, not say {NO_TEXT!r}: it is taken as empty"
            faults.add("text-nan", int(line), cells.column, rule, severity="warning")
            text = ""
        first = _first_of_list(text)
        if first is not None:
            rule = "a text should not be a list of texts: the first of it is taken"
            faults.add("text-list", int(line), cells.column, rule, shown(cell), severity="warning")
            text = first
        if is_empty(text) and are_own and not is_empty(other):
            rule = "a further text should be there, or a column stand in (`otherwise`): the row's own text does"
            faults.add(OWN_TEXT, int(line), cells.column, rule, severity="warning")
        found.append(other if is_empty(text) else text)
    return found


def _first_of_list(cell: str) -> str | None:
    """The first of a list of texts that ``cell`` spells as Python does; None: it spells none."""
    text = cell.strip()
    if not (text.startswith(("['", '["')) and text.endswith(("']", '"]'))):
        return None
    try:
        values = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return values[0] if isinstance(values, list) and values and isinstance(values[0], str) else None
