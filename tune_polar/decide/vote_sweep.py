"""Votes counted on stored neighbour tables, for every k and τ at once.

A neighbour table has shape (rows, K): the 0/1 labels of each row's K nearest training rows in order of
falling cosine. ST1's probability of a row is the positive share among its first k; an ensemble takes the mean
over models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from tune_polar.decide.array_checks import BitArray, BoolArray, IntArray, as_bool
from tune_polar.decide.confusion_scores import Confusion
from tune_polar.decide.votes import VoteCandidates
from tune_polar.errors import DecisionError


def check_k(k: int, width: int) -> None:
    """Refuse a k that the neighbour table cannot answer."""
    if not 1 <= k <= width:
        raise DecisionError(
            f"k must be between 1 and the width of the neighbour table ({width}), got {k}",
            "Choose a smaller k, or store more neighbours per row.",
        )


def vote_counts(neighbour_labels: BitArray, k: int) -> IntArray:
    """Positive labels among the first ``k`` neighbours; (rows, K) → (rows,)."""
    table = as_bool(neighbour_labels, "neighbour_labels", 2)
    check_k(k, table.shape[1])
    return np.asarray(np.count_nonzero(table[:, :k], axis=1), dtype=np.int64)


def ensemble_counts(tables: Sequence[BitArray], k: int) -> IntArray:
    """Votes of several models on the same rows, added up; out of len(tables)·k."""
    _same_rows(tables)
    return np.asarray(np.stack([vote_counts(table, k) for table in tables]).sum(axis=0))


def _same_rows(tables: Sequence[BitArray]) -> None:
    rows = sorted({len(table) for table in tables})
    if len(rows) != 1:
        raise DecisionError(
            f"an ensemble needs at least one neighbour table, all of the same rows; got {rows} rows",
            "Give each model's table of one and the same split.",
        )


def _cumulative(table: BitArray, width: int) -> IntArray:
    """Votes for every k at once, position k−1 for the first k; (rows, K) → (rows, width)."""
    return np.cumsum(as_bool(table, "neighbour_labels", 2)[:, :width], axis=1, dtype=np.int64)


def _count_grid(votes: IntArray, gold: BoolArray, candidates: VoteCandidates, models: int) -> Confusion:
    """Confusion counts of every candidate on one set of rows; arrays of shape (candidates,).

    One histogram of votes per k and class, summed from the top, then one look-up per candidate: a candidate's
    true positives are the positive rows with at least the needed votes.
    """
    ks, which = np.unique(candidates.k, return_inverse=True)
    bins = models * int(ks[-1]) + 2  # one more than the most votes, so that "more than all" can be asked
    cell = (np.arange(len(ks)) * 2 + gold[:, None]) * bins + votes[:, ks - 1]
    histogram = np.bincount(cell.ravel(), minlength=len(ks) * 2 * bins).reshape(len(ks), 2, bins)
    at_least = histogram[:, :, ::-1].cumsum(axis=2)[:, :, ::-1]
    needed = candidates.needed_votes(models)
    tp, fp = at_least[which, 1, needed], at_least[which, 0, needed]
    positives = int(np.count_nonzero(gold))
    return Confusion(tp=tp, fp=fp, fn=positives - tp, tn=len(gold) - positives - fp)


@dataclass(frozen=True, eq=False)
class VoteSweep:
    """Confusion counts of every candidate on every part of the rows: all that choosing and cross-fitting need."""

    candidates: VoteCandidates
    counts: Confusion  # arrays of shape (parts, candidates)

    @classmethod
    def of_parts(
        cls, tables: Sequence[BitArray], gold: BitArray, part: IntArray, candidates: VoteCandidates
    ) -> VoteSweep:
        """All ``tables`` (rows, K) vote on the same rows, counted part by part in rising order of ``part`` (rows,)."""
        _same_rows(tables)
        width = int(candidates.k.max())
        truth = as_bool(gold, "gold", 1)
        for table in tables:
            check_k(width, table.shape[1])
            _one_gold_per_row(table, truth)
        votes = reduce(np.add, (_cumulative(table, width) for table in tables))
        parts = [part == number for number in np.unique(part)]
        grids = [_count_grid(votes[own], truth[own], candidates, models=len(tables)) for own in parts]
        return cls(candidates, _stack(grids))

    def over(self, places: Sequence[int]) -> Confusion:
        """Counts over the parts at ``places``; arrays of shape (candidates,)."""
        keep, counts = list(places), self.counts
        return Confusion(*(each[keep].sum(axis=0) for each in (counts.tp, counts.fp, counts.fn, counts.tn)))


def _one_gold_per_row(table: BitArray, gold: BoolArray) -> None:
    if len(table) != len(gold):
        raise DecisionError(
            f"gold must hold one label per row of the neighbour table ({len(table)}), got {len(gold)}",
            "Give the gold of exactly the rows whose neighbours are in the table.",
        )


def _stack(parts: Sequence[Confusion]) -> Confusion:
    return Confusion(
        tp=np.stack([part.tp for part in parts]),
        fp=np.stack([part.fp for part in parts]),
        fn=np.stack([part.fn for part in parts]),
        tn=np.stack([part.tn for part in parts]),
    )
