"""Finds equal texts among many without holding them a second time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tune_polar.data.columns import IntArray


def first_equal(values: Sequence[str], key: Callable[[str], str] | None = None) -> IntArray:
    """(rows,): the first place that has an equal value; its own place where it is the first.

    Args:
        values: texts.
        key: what of them is compared; None: all.
    """
    keys: Iterator[str] = iter(values) if key is None else map(key, values)
    # Hashes first: a dictionary of all values would take more room than the values.
    hashes = np.fromiter(map(hash, keys), dtype=np.int64, count=len(values))
    order = np.argsort(hashes, kind="stable")
    first = np.arange(len(values), dtype=np.int64)
    same = np.flatnonzero(hashes[order][1:] == hashes[order][:-1])
    seen: dict[str, int] = {}
    for place in np.unique(np.concatenate([same, same + 1])).tolist():
        row = int(order[place])
        first[row] = seen.setdefault(values[row] if key is None else key(values[row]), row)
    return first


Place = tuple[int, int]  # a part, and a row of it


def found_again(
    parts: Sequence[Sequence[str]], key: Callable[[str], str] | None = None
) -> Iterator[tuple[Place, Place]]:
    """The rows of ``parts`` whose value stands before them, each with the first that has it."""
    first = first_equal([value for part in parts for value in part], key)
    starts = np.cumsum([0, *(len(part) for part in parts)])
    for row in np.flatnonzero(first != np.arange(len(first))).tolist():
        again, before = (int(np.searchsorted(starts, place, side="right")) - 1 for place in (row, first[row]))
        yield (again, row - int(starts[again])), (before, int(first[row] - starts[before]))
