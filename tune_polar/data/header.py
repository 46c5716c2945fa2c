"""Which columns a data set has, before all of it is read."""

from __future__ import annotations

from collections.abc import Iterable

from tune_polar.data.layout import Layout
from tune_polar.data.readers import Place, read_raw
from tune_polar.data.readers.polar import polar_files
from tune_polar.data.source import DEFAULT_LANGUAGE, Source
from tune_polar.data.table import TRAIN

ROWS_READ = 1000  # JSON lines name their columns row by row


def columns_lacking(source: Source, names: Iterable[str]) -> tuple[str, ...]:
    """Which of ``names`` train has no column for; none of the sample, or where a file cannot be read.

    Of a POLAR folder, which may have several languages, what the file of one of them lacks.

    Raises:
        DataError: a POLAR folder has no file of a language that is named.

    Example: ``columns_lacking(parse_source("tweets.csv"), ["hate", "insult"]) == ("insult",)``
    """
    layout = Layout((), source.columns).of(TRAIN)
    headers = [header for place in _train_files(source) if (header := _header(place)) is not None]
    return tuple(name for name in names if any(layout.find(name, header, own_name=False) is None for header in headers))


def word_of_label(source: Source, name: str) -> tuple[str, str] | None:
    """The column of train that a label is read of and the word in it that means 1; None: the label is 0 or 1."""
    layout = Layout((), source.columns).of(TRAIN)
    for place in _train_files(source):
        found = layout.find(name, _header(place) or (), own_name=False)
        if found is not None and found[1] is not None:
            return found[0], found[1]
    return None


def _train_files(source: Source) -> tuple[Place, ...]:
    if source.kind == "polar":
        return tuple(polar_files(Place(source.path or ""), TRAIN, source.language or DEFAULT_LANGUAGE).values())
    return source.places(TRAIN)[:1]


def _header(place: Place) -> tuple[str, ...] | None:
    table, _ = read_raw(place, (), most_rows=ROWS_READ)
    return None if table is None else table.header
