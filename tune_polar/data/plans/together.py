"""Keeps rows together that say the same: whole groups move to another fold, and only those that a split has parted."""

from __future__ import annotations

import numpy as np

from tune_polar.data.columns import BoolArray, FloatArray, IntArray
from tune_polar.errors import FoldPlanError


def kept_together(folds: IntArray, bonds: IntArray, table: IntArray, shares: list[float]) -> tuple[IntArray, int]:
    """The same split with no group parted, and how many rows moved; data without repetitions keep their split.

    Groups that the split has parted are taken out of it and put back whole, the largest first, each into that of its
    folds where the shares of ``table`` and of rows then are nearest to what they should be; where two are as good,
    where most of its rows were, then the first. A fold that is left without any is given a group of another one.

    Args:
        folds: (rows,): the fold of each row.
        bonds: (rows,): equal numbers for rows that must not be parted.
        table: (rows, columns): what the folds are balanced by.
        shares: of all rows, for each fold.

    Raises:
        FoldPlanError: there are fewer groups than folds.
    """
    count = len(shares)
    groups = _parted(folds, bonds)
    if not groups:
        return folds, 0
    kept = folds.copy()
    weights = np.column_stack([np.ones(len(folds), dtype=np.int64), table]).astype(np.float64)  # (rows, 1 + columns)
    total = weights.sum(axis=0)
    scale = np.outer(shares, np.maximum(total, 1.0))  # (folds, 1 + columns): what each fold should have
    for rows in groups:
        kept[rows] = -1
    held = np.stack([weights[kept == fold].sum(axis=0) for fold in range(count)])
    for rows in groups:
        added = weights[rows].sum(axis=0)
        # growth of Σ (held − due)² / due, over columns, by the group
        cost = ((2 * (held - scale) * added + added**2) / scale).sum(axis=1)
        were = np.bincount(folds[rows], minlength=count)
        fold = min(np.flatnonzero(were).tolist(), key=lambda each: (round(cost[each], 9), -were[each], each))
        kept[rows] = fold
        held[fold] += added
    if len(np.unique(bonds)) < count:
        raise FoldPlanError(
            f"rows that belong together must leave a group for each of {count} folds, got {len(np.unique(bonds))}",
            "Use fewer folds, or keep fewer rows together.",
        )
    for fold in range(count):
        if not (kept == fold).any():
            kept[_cheapest(kept, fold, bonds, weights, scale)] = fold
    return kept, int(np.count_nonzero(kept != folds))


def _cheapest(kept: IntArray, fold: int, bonds: IntArray, weights: FloatArray, scale: FloatArray) -> BoolArray:
    """(rows,): the group that an empty fold is best given, of a fold that has several; of equals the first."""
    numbers, first, inverse = np.unique(bonds, return_index=True, return_inverse=True)
    of_group = np.zeros((len(numbers), weights.shape[1]))  # (groups, 1 + columns)
    np.add.at(of_group, inverse, weights)
    stands = kept[first]  # (groups,): where each is
    folds, groups_in = np.unique(stands, return_counts=True)
    held = np.stack([of_group[stands == each].sum(axis=0) for each in range(len(scale))])
    due = scale[stands]
    # growth of Σ (held − due)² / due, over columns, here and where the group is taken away
    cost = ((of_group**2 - 2 * scale[fold] * of_group) / scale[fold]).sum(axis=1)
    cost += ((of_group**2 - 2 * (held[stands] - due) * of_group) / due).sum(axis=1)
    cost[np.isin(stands, folds[groups_in < 2])] = np.inf
    found: BoolArray = inverse == min(range(len(numbers)), key=lambda group: (round(cost[group], 9), first[group]))
    return found


def without_copies(training: BoolArray, validation: BoolArray, bonds: IntArray) -> BoolArray:
    """(rows,): ``training`` without rows that belong together with a row of ``validation``."""
    without: BoolArray = training & ~np.isin(bonds, bonds[validation])
    return without


def _parted(folds: IntArray, bonds: IntArray) -> list[IntArray]:
    """The rows of each group that stands in more than one fold, largest groups first."""
    numbers, inverse, sizes = np.unique(bonds, return_inverse=True, return_counts=True)
    if len(numbers) == len(bonds):
        return []
    least = np.full(len(numbers), np.iinfo(np.int64).max)
    most = np.full(len(numbers), -1)
    np.minimum.at(least, inverse, folds)
    np.maximum.at(most, inverse, folds)
    parted = np.flatnonzero(least != most)
    by_group = np.argsort(inverse, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)])
    groups = [by_group[starts[group] : starts[group + 1]] for group in parted.tolist()]
    return sorted(groups, key=lambda rows: (-len(rows), int(rows[0])))
