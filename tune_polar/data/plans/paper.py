"""AlphaLyrae's published folds: a plan of its own for each stage."""

from __future__ import annotations

import numpy as np

from tune_polar.data.plans.balanced_columns import one_hot
from tune_polar.data.plans.fold_plan import FoldPlan, partition
from tune_polar.data.plans.fold_requirements import Needs, check_parts, check_rare, needs_of
from tune_polar.data.plans.plan_request import PlanRequest, check_settings
from tune_polar.data.plans.stratified import stratified_folds
from tune_polar.data.strata import stratum_of
from tune_polar.errors import FoldPlanError


def paper(request: PlanRequest, *, count: int = 5, seed: int = 42) -> dict[str, FoldPlan]:
    """A stage on all rows: stratified on its stratum, one-hot, and on the strata in the data's order. A stage on some
    rows: these alone, stratified on its labels; other rows take no part.

    The folds depend on the order of the rows: load them in competition order. Repeated texts stay where the published
    folds have them.

    Raises:
        FoldPlanError: a stage on all rows has no single 0/1 target, or as for ``stratified``.
        DataError: a column is missing.
    """
    needs = needs_of(request)
    return {
        stage: _on_some_rows(request, stage, count, seed)
        if conditions
        else _on_all_rows(request, stage, needs, count, seed)
        for stage, conditions in request.stages.items()
    }


def _on_all_rows(request: PlanRequest, stage: str, needs: Needs, count: int, seed: int) -> FoldPlan:
    own, targets = request.own, request.targets[stage]
    if len(targets) != 1:
        raise FoldPlanError(
            f"the paper's plan must have one 0/1 target for a stage on all rows, got {list(targets)} for {stage!r}",
            "Use folds.plan: stratified.",
        )
    stratum = stratum_of(own, target=targets[0], strata=request.strata)
    strata = [name for name in own.columns if name in request.strata]
    table = np.column_stack([one_hot(stratum), own.matrix(strata)])
    check_settings(count, seed, len(own))
    own_needs = _of(needs, targets)
    check_rare(own_needs, count)
    plan = partition("paper", stratified_folds(table, count, seed), count)
    check_parts(plan, own_needs)
    return plan


def _on_some_rows(request: PlanRequest, stage: str, count: int, seed: int) -> FoldPlan:
    targets = request.targets[stage]
    rows = np.flatnonzero(request.rows_of(stage))
    matrix = request.own.matrix(targets)[rows]
    # The splitter takes two columns or more; a label's complement does not change what it balances.
    table = matrix if len(targets) > 1 else np.column_stack([matrix, 1 - matrix])
    check_settings(count, seed, len(rows))
    labels = {name: request.own.values(name) == 1 for name in targets}
    own_needs = {name: have & request.rows_of(stage) for name, have in labels.items()}
    check_rare(own_needs, count)
    folds = np.full(len(request.own), -1, dtype=np.int64)
    folds[rows] = stratified_folds(table, count, seed)
    plan = partition("paper", folds, count)
    check_parts(plan, own_needs)
    return plan


def _of(needs: Needs, targets: tuple[str, ...]) -> Needs:
    return {name: rows for name, rows in needs.items() if name.rpartition(" = ")[0] in targets}
