"""Columns that nobody has named yet: what a search that named one would refuse."""

from __future__ import annotations

from tune_polar.data.cell_values import shown
from tune_polar.data.findings import Finding
from tune_polar.data.layout import Layout
from tune_polar.data.readers import read_raw
from tune_polar.data.source import Source
from tune_polar.data.table import TRAIN

MOST_COLUMNS = 1000  # a file of more is no table with a column to learn by chance
MOST_ROWS = 100_000  # of a file: all columns of one of ten gigabytes do not fit into memory


def constant_columns(source: Source) -> list[Finding]:
    """A warning for each column of train beside text and id that says one thing in every row that is looked at."""
    files = source.places(TRAIN)
    said: dict[str, set[str]] = {}
    rows, where = 0, "all"
    for place in files:
        table, _ = read_raw(place, (), most_rows=1)
        if table is None or len(table.header) > MOST_COLUMNS:
            return []
        layout = Layout((), source.columns).of(TRAIN)
        own = {found[0] for name in ("text", "id") if (found := layout.find(name, table.header, own_name=False))}
        table, _ = read_raw(place, set(table.header) - own, most_rows=MOST_ROWS + 1)
        if table is None:
            return []
        where = "the first" if len(table) > MOST_ROWS else where
        rows += len(table.lines)
        for name, cells in table.cells.items():
            said.setdefault(name, set()).update({cell.strip() for cell in cells})
    return [
        Finding(
            "warning",
            "constant-column",
            str(files[0]),
            None,
            name,
            f"a column to learn must have two values or more, got {shown(next(iter(values)))} in {where} {rows:,} rows",
        )
        for name, values in said.items()
        if len(values) == 1 and rows > 1
    ]
