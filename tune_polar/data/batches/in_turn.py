"""Batches that take a row of each class in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tune_polar.data.columns import IntArray
from tune_polar.errors import DataError


class InTurnBatches:
    """Batches in which all classes come equally often, without end.

    Each class has a pool of its own, dealt to its end, then shuffled again; the turn carries over from batch to batch.
    """

    def __init__(self, classes: Sequence[int] | IntArray, size: int, generator: np.random.Generator) -> None:
        """Batch rows 0 .. len(classes) − 1.

        Raises:
            DataError: ``size`` is below 2, or the rows are of one class.
        """
        codes = np.asarray(classes, dtype=np.int64)
        present = np.unique(codes).tolist()
        if size < 2 or len(present) < 2:
            raise DataError(
                f"balanced batches must hold at least 2 rows of at least 2 classes, got batch_size {size} and "
                f"classes {present}",
                "Use larger batches, fewer folds, or length-grouped batches.",
            )
        self._size = size
        self._pools = [np.flatnonzero(codes == code) for code in present]
        self._generator = generator

    def __iter__(self) -> Iterator[IntArray]:
        """Yield row numbers, (size,)."""
        pools = [self._deal(pool) for pool in self._pools]
        turn = 0
        while True:
            batch = []
            for _ in range(self._size):
                batch.append(next(pools[turn]))
                turn = (turn + 1) % len(pools)
            yield np.array(batch, dtype=np.int64)

    def _deal(self, pool: IntArray) -> Iterator[int]:
        while True:
            yield from self._generator.permutation(pool).tolist()
