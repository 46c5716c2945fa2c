"""Batches in random order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tune_polar.data.columns import IntArray
from tune_polar.errors import DataError


class ShuffledBatches:
    """Every row once an epoch in a new random order, epoch after epoch without end; the last batch may be short."""

    def __init__(self, rows: int, size: int, generator: np.random.Generator) -> None:
        """Batch rows 0 .. ``rows`` − 1.

        Raises:
            DataError: there are no rows, or ``size`` is below 1.
        """
        if rows < 1 or size < 1:
            raise DataError(
                f"there must be at least 1 row to batch and batch_size at least 1, got {rows} and {size}",
                "Check the data, the number of folds and the batch size.",
            )
        self._rows, self._size, self._generator = rows, size, generator

    def __iter__(self) -> Iterator[IntArray]:
        """Yield row numbers, (size,), fewer once an epoch where it does not divide the rows."""
        while True:
            order = self._generator.permutation(self._rows)
            for start in range(0, self._rows, self._size):
                yield order[start : start + self._size]
