"""Which rows train and are scored together, and how their tokens become one rectangle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from tune_polar.errors import DataError

IntArray = NDArray[np.int64]

BATCHES_A_WINDOW = 50


class LengthGroupedBatches:
    """Batches of rows of about one length, epoch after epoch without end.

    Every row comes once an epoch. Rows are shuffled, sorted by length inside windows of ``BATCHES_A_WINDOW``
    batches, cut, and the batches shuffled: little padding, yet no batch sees the same company twice.
    """

    def __init__(self, lengths: Sequence[int] | IntArray, batch_size: int, generator: np.random.Generator) -> None:
        """Batch rows 0 .. len(lengths) − 1.

        Raises:
            DataError: there are no rows, or ``batch_size`` is below 1.
        """
        self._lengths = np.asarray(lengths, dtype=np.int64)
        _check_rows(len(self._lengths), batch_size, smallest_batch=1)
        self._batch_size = batch_size
        self._generator = generator

    def __iter__(self) -> Iterator[IntArray]:
        """Yield row numbers, shape (batch_size,), fewer once an epoch where it does not divide the rows."""
        while True:
            yield from self._epoch()

    def _epoch(self) -> list[IntArray]:
        order = self._generator.permutation(len(self._lengths))
        window_rows = BATCHES_A_WINDOW * self._batch_size
        batches = []
        for start in range(0, len(order), window_rows):
            window = order[start : start + window_rows]
            by_length = window[np.argsort(self._lengths[window], kind="stable")]
            batches += _cut(by_length, self._batch_size)
        return [batches[number] for number in self._generator.permutation(len(batches))]


class BalancedBatches:
    """Batches of which half is class 0 and half the other classes in turn, without end.

    Class 0 and each other class have a pool of their own, dealt to its end, then shuffled again. The turn of the
    other classes carries over from batch to batch, so that all of them come equally often. An odd batch has one
    more row of class 0.
    """

    def __init__(self, strata: Sequence[int] | IntArray, batch_size: int, generator: np.random.Generator) -> None:
        """Batch rows 0 .. len(strata) − 1 of the classes 0 (of no stratum) and 1, 2, ... (strata).

        Raises:
            DataError: ``batch_size`` is below 2, or either half has no rows.
        """
        classes = np.asarray(strata, dtype=np.int64)
        _check_rows(len(classes), batch_size, smallest_batch=2)
        present = [int(number) for number in np.unique(classes)]
        if present[0] != 0 or len(present) < 2:
            raise DataError(
                f"balanced batches need rows of class 0 and of some class above 0, got classes {present}",
                "Use fewer folds, or length-grouped batches.",
            )
        self._batch_size = batch_size
        self._pools = [np.flatnonzero(classes == number) for number in present]
        self._generator = generator

    def __iter__(self) -> Iterator[IntArray]:
        """Yield row numbers, shape (batch_size,), those of class 0 first."""
        negatives, *others = [self._deal(pool) for pool in self._pools]
        positive = self._batch_size // 2
        turn = 0
        while True:
            batch = [next(negatives) for _ in range(self._batch_size - positive)]
            for _ in range(positive):
                batch.append(next(others[turn]))
                turn = (turn + 1) % len(others)
            yield np.array(batch, dtype=np.int64)

    def _deal(self, pool: IntArray) -> Iterator[int]:
        while True:
            yield from self._generator.permutation(pool).tolist()


def sorted_batches(lengths: Sequence[int] | IntArray, batch_size: int) -> list[IntArray]:
    """Batches for evaluation, longest rows first: the one that needs the most memory comes at once.

    Args:
        lengths: tokens a row, (rows,).
        batch_size: most rows a batch.

    Returns:
        Row numbers, each row in exactly one batch; the same batches for the same lengths.

    Raises:
        DataError: ``batch_size`` is below 1.
    """
    if batch_size < 1:
        raise DataError(f"batch_size must be at least 1, got {batch_size}", "Raise the batch size of the evaluation.")
    return _cut(np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable"), batch_size)


class TokenRows(Sequence[IntArray]):
    """Unpadded token ids of many rows, kept as one array: a batch is gathered from it at once."""

    def __init__(self, token_ids: Sequence[IntArray]) -> None:
        self.lengths = np.array([len(ids) for ids in token_ids], dtype=np.int64)  # (rows,)
        self.flat = np.concatenate([np.zeros(0, dtype=np.int64), *token_ids])  # (all tokens,)
        self.starts = np.cumsum(self.lengths) - self.lengths  # (rows,)

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, row: int) -> IntArray: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[IntArray]: ...
    def __getitem__(self, row: int | slice) -> IntArray | Sequence[IntArray]:
        """The tokens of one row; of several, a list."""
        if isinstance(row, slice):
            return [self[number] for number in range(*row.indices(len(self)))]
        found: IntArray = self.flat[self.starts[row] : self.starts[row] + self.lengths[row]]
        return found


def pad_batch(token_ids: TokenRows, rows: Sequence[int] | IntArray, pad_id: int) -> tuple[IntArray, IntArray]:
    """Lay the tokens of ``rows`` side by side.

    Args:
        token_ids: ids of every row of the corpus, unpadded.
        rows: the rows of this batch, (batch,).
        pad_id: fills the end of shorter rows.

    Returns:
        Ids and mask (1 token, 0 padding), both (batch, width).

    Raises:
        DataError: ``rows`` is empty.
    """
    if len(rows) == 0:
        raise DataError("a batch must have at least 1 row, got 0", "Ask only for batches that have rows.")
    lengths, starts = token_ids.lengths[rows], token_ids.starts[rows]
    columns = np.arange(int(lengths.max()))
    mask = columns < lengths[:, np.newaxis]  # (batch, width)
    ids = np.full(mask.shape, pad_id, dtype=np.int64)
    ids[mask] = token_ids.flat[(starts[:, np.newaxis] + columns)[mask]]
    return ids, mask.astype(np.int64)


def _cut(rows: IntArray, batch_size: int) -> list[IntArray]:
    return [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]


def _check_rows(rows: int, batch_size: int, smallest_batch: int) -> None:
    if rows < 1:
        raise DataError("there must be at least 1 row to batch, got 0", "Check the data and the number of folds.")
    if batch_size < smallest_batch:
        raise DataError(
            f"batch_size must be at least {smallest_batch}, got {batch_size}",
            f"Use {smallest_batch} or more.",
        )
