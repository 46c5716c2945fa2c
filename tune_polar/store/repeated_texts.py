"""Texts that stand twice where one of them is scored: pairs of row numbers, for a store holds no texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tune_polar.data.columns import IntArray
from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.repeated import first_with_text, matches


def repeated_in_folds(texts: Sequence[str], plans: Sequence[FoldPlan]) -> IntArray:
    """(pairs, 2): rows of train with one text, where some fold trains on one and validates the other.

    Each row that repeats one before it so stands in one pair, with the first such.
    """
    first = first_with_text(texts)
    again = np.flatnonzero(np.bincount(first, minlength=len(first))[first] > 1)  # rows whose text is not alone
    if not len(again):
        return np.zeros((0, 2), dtype=np.int64)
    group = np.unique(first[again], return_inverse=True)[1].reshape(-1)
    groups, none = int(group.max()) + 1, len(texts)
    partner = np.full(len(again), none)
    for plan in {id(plan): plan for plan in plans}.values():
        for fold in range(plan.count):
            trains, validates = plan.training[fold][again], plan.validation[fold][again]
            for own, others in ((trains, validates), (validates, trains)):
                earliest = np.full(groups, none)
                np.minimum.at(earliest, group[others], again[others])
                partner[own] = np.minimum(partner[own], earliest[group[own]])
    is_later = partner < again
    return np.column_stack([partner[is_later], again[is_later]]).astype(np.int64)


def repeated_in_train(texts: Sequence[str], train: Sequence[str]) -> IntArray:
    """(pairs, 2): rows of another split, each with the first row of train that has its text."""
    found = matches(texts, train)
    rows = np.flatnonzero(found >= 0)
    return np.column_stack([rows, found[rows]]).astype(np.int64)
