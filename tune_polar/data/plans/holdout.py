"""One fold: a share of the rows is validated, the rest trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tune_polar.data.columns import IntArray
from tune_polar.data.plans.balanced_columns import stratified_columns
from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.plans.fold_requirements import check_parts, check_rare, needs_of
from tune_polar.data.plans.plan_request import PlanRequest, check_seed, check_share
from tune_polar.data.plans.together import kept_together
from tune_polar.errors import FoldPlanError

TRAINED, VALIDATED = 0, 1


def holdout(
    request: PlanRequest, *, share: float = 0.2, seed: int = 42, together: Sequence[str] = ()
) -> dict[str, FoldPlan]:
    """One plan of one fold for all stages, with equal shares of everything in both parts.

    Args:
        request: the rows and what the stages read.
        share: of the rows that is validated.
        seed: of the splitter.
        together: columns whose equal values are never parted; texts that are the same never are.

    Raises:
        FoldPlanError: ``share`` leaves no row to train on or to validate, or as for ``stratified``.
        DataError: a column is missing.
    """
    needs = needs_of(request)
    check_seed(seed)
    check_share(share)
    check_rare(needs, 1)
    rows = len(request.own)
    if not 1 <= round(share * rows) < rows:
        raise FoldPlanError(
            f"both parts must have a row, got a share of {share:g} of {rows} rows", "Use another share or more rows."
        )
    table = stratified_columns(request)
    folds, moved = kept_together(_parts(table, share, seed), request.bonds(tuple(together)), table, [1 - share, share])
    validation = (folds == VALIDATED)[np.newaxis, :]
    plan = FoldPlan("holdout", ~validation, validation, moved)
    check_parts(plan, needs)
    return dict.fromkeys(request.stages, plan)


def _parts(table: IntArray, share: float, seed: int) -> IntArray:
    # Imported here: it brings scikit-learn, which takes a second, and most commands make no folds.
    from iterstrat.ml_stratifiers import MultilabelStratifiedShuffleSplit

    splitter = MultilabelStratifiedShuffleSplit(1, test_size=share, random_state=seed)
    parts = np.full(len(table), TRAINED, dtype=np.int64)
    for _, validation in splitter.split(table, table):
        parts[validation] = VALIDATED
    return parts
