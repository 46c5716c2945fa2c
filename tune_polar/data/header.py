"""Which columns a data set has, before all of it is read."""

from __future__ import annotations

from collections.abc import Iterable

from tune_polar.data.layout import Layout
from tune_polar.data.readers import read_raw
from tune_polar.data.source import Source
from tune_polar.data.table import TRAIN

ROWS_READ = 1000  # JSON lines name their columns row by row


def columns_lacking(source: Source, names: Iterable[str]) -> tuple[str, ...]:
    """Which of ``names`` a train file has no column for; none where it cannot be read, or is no file of one's own.

    Example: ``columns_lacking(parse_source("tweets.csv"), ["hate", "insult"]) == ("insult",)``
    """
    files = source.places(TRAIN)
    if not files:
        return ()
    table, _ = read_raw(files[0], (), most_rows=ROWS_READ)
    if table is None:
        return ()
    layout = Layout((), source.columns).of(TRAIN)
    return tuple(name for name in names if layout.find(name, table.header, own_name=False) is None)
