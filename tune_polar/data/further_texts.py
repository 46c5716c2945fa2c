"""Cells of a further text, such as a row's positive: what is no text though it stands there, and what stands in."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from tune_polar.data.cell_values import Cells, shown
from tune_polar.data.findings import Faults
from tune_polar.data.texts import is_empty, seen

OWN_TEXT = "own-text"  # of findings: the row's own text stands in
NO_TEXT = "nan"  # how a table that was written without care says that there is none


def texts_said(cells: Cells, faults: Faults) -> list[str]:
    """What ``cells`` say: "nan" is no text, and a list of texts written as one cell (``['…']``) is its first.

    Args:
        cells: of a column.
        faults: of the file: both are told.
    """
    found = []
    for cell, line in zip(cells.cells, cells.lines, strict=True):
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
        found.append(text)
    return found


def further_texts(said: Sequence[Cells], own: Sequence[str], faults: Faults) -> list[str]:
    """The text of each row: what the first of ``said`` says, where that is empty the next, else the row's own text.

    Args:
        said: as ``texts_said`` has them: of the column, and of that which stands in where there is one.
        own: the rows' own texts, (rows,), which teach nothing beside themselves: told too.
        faults: of the file.
    """
    first, *others = said
    stand_in = f"or in {others[0].column!r}, which stands in" if others else "or a column stand in (`otherwise`)"
    rule = f"a further text should be there, {stand_in}: the row's own text does"
    found = []
    for line, text, *texts in zip(first.lines, own, *(each.cells for each in said), strict=True):
        further = next((each for each in texts if not is_empty(each)), None)
        if further is None and not is_empty(text):
            faults.add(OWN_TEXT, int(line), first.column, rule, severity="warning")
        found.append(text if further is None else further)
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
