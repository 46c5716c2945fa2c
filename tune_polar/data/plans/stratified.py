"""Folds with equal shares of everything, by iterative stratification (Sechidis et al. 2011)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tune_polar.data.columns import IntArray
from tune_polar.data.plans.balanced_columns import stratified_columns
from tune_polar.data.plans.fold_plan import FoldPlan, partition
from tune_polar.data.plans.fold_requirements import check_parts, check_rare, needs_of
from tune_polar.data.plans.plan_request import PlanRequest, check_settings
from tune_polar.data.plans.together import kept_together


def stratified(
    request: PlanRequest, *, count: int = 5, seed: int = 42, together: Sequence[str] = ()
) -> dict[str, FoldPlan]:
    """One plan over all rows for all stages: none validates on texts that its start has seen.

    Args:
        request: the rows and what the stages read.
        count: how many folds.
        seed: of the splitter.
        together: columns whose equal values are never parted; texts that are the same never are.

    Raises:
        FoldPlanError: a target has one value only, there are fewer rows or groups than folds, a label has fewer than 2
            rows, or a training part would lack a label.
        DataError: a column is missing.
    """
    needs = needs_of(request)
    check_settings(count, seed, len(request.own))
    check_rare(needs, count)
    table = stratified_columns(request)
    folds = stratified_folds(table, count, seed)
    folds, moved = kept_together(folds, request.bonds(tuple(together)), table, [1 / count] * count)
    plan = partition("stratified", folds, count, moved=moved)
    check_parts(plan, needs)
    return dict.fromkeys(request.stages, plan)


def stratified_folds(table: IntArray, count: int, seed: int) -> IntArray:
    """(rows,): the fold of each row, with equal shares of the columns of ``table``."""
    # Imported here: it brings scikit-learn, which takes a second, and most commands make no folds.
    from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

    folds = np.empty(len(table), dtype=np.int64)
    splitter = MultilabelStratifiedKFold(count, shuffle=True, random_state=seed)
    for fold, (_, validation) in enumerate(splitter.split(table, table)):
        folds[validation] = fold
    return folds
