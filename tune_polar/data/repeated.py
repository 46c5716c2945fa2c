"""Rows that say the same, and rows that must stay together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tune_polar.data.columns import NO_GROUP, Column, IntArray
from tune_polar.data.first_equal import first_equal
from tune_polar.data.table import Split
from tune_polar.data.texts import normalised

Key = Callable[[str], str]  # what of a text is compared: ``normalised``, or ``letters`` where punctuation says nothing


def first_with_text(texts: Sequence[str], key: Key = normalised) -> IntArray:
    """(rows,): the first row that has a row's text, as readers see texts; its own number where it is the first."""
    return first_equal(texts, key)


def matches(texts: Sequence[str], others: Sequence[str], key: Key = normalised) -> IntArray:
    """(rows of ``texts``,): the first of ``others`` that has a row's text; −1: none has."""
    both = first_with_text([*others, *texts], key)[len(others) :]
    return np.where(both < len(others), both, -1)


def bonds(split: Split, rows: int, together: Sequence[str] = (), key: Key = normalised) -> IntArray:
    """(rows,): equal numbers for rows that no fold may part: of one text, or of one value of a ``together`` column.

    Args:
        split: the first ``rows`` of it are looked at.
        rows: how many.
        together: columns of any kind; a row without a value is bound to none by that column.
        key: what of a text is compared.

    Raises:
        DataError: the split lacks a column.
    """
    return _joined(
        [first_with_text(split.texts[:rows], key), *(_first_alike(split.column(name), rows) for name in together)]
    )


def bonds_by(columns: Iterable[Column], rows: int) -> IntArray:
    """(rows,): equal numbers for rows that share a value of one of ``columns``; of a row without one its own."""
    return _joined([np.arange(rows, dtype=np.int64), *(_first_alike(column, rows) for column in columns)])


def _first_alike(column: Column, rows: int) -> IntArray:
    if isinstance(column.values, tuple):
        code_of: dict[str, int] = {}
        codes = [code_of.setdefault(word, row) if word else NO_GROUP for row, word in enumerate(column.values[:rows])]
        values = np.array(codes, dtype=np.int64)
    else:
        values = column.values[:rows]
    return _first_with_value(values, has_none=column.kind in ("group", "text"))


def _joined(links: Sequence[IntArray]) -> IntArray:
    """Equal numbers for rows that any chain of ``links``, from each row to another one, joins; (rows,)."""
    rows = len(links[0])
    if all((link == np.arange(rows)).all() for link in links):
        return np.arange(rows, dtype=np.int64)
    # Imported here: most data has no repetitions, and scipy takes a tenth of a second.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = np.concatenate(links)
    starts = np.tile(np.arange(rows), len(links))
    graph = coo_array((np.ones(len(ends), dtype=np.int8), (starts, ends)), shape=(rows, rows))
    numbers: IntArray = connected_components(graph, directed=False)[1].astype(np.int64)
    return numbers


def _first_with_value(values: IntArray, *, has_none: bool) -> IntArray:
    first_of_value, inverse = np.unique(values, return_index=True, return_inverse=True)[1:]
    first: IntArray = first_of_value[inverse].astype(np.int64)
    return np.where(values == NO_GROUP, np.arange(len(values)), first) if has_none else first
