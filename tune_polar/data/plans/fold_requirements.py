"""What every fold must have: rows of each label to train on, and rows of each stage to validate."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tune_polar.data.columns import BoolArray, FloatArray
from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.plans.plan_request import PlanRequest
from tune_polar.errors import FoldPlanError

LEAST_ROWS = 2  # one to validate on, one to train on

Needs = Mapping[str, BoolArray]  # a name for a person → (rows,): the rows that have it


def needs_of(request: PlanRequest) -> Needs:
    """What the targets of the stages must have rows of, counted among the rows their stage learns on.

    Both classes of a 0/1 target that a stage learns alone; of labels learned together, each label; each class of a
    target of classes but those that only other rows have. Strata are there to balance, and may be rare.

    Raises:
        FoldPlanError: a target has one value only.
        DataError: a column is missing.
    """
    needs: dict[str, BoolArray] = {}
    for stage, targets in request.targets.items():
        rows = request.rows_of(stage)
        for name in targets:
            column = request.own.column(name)
            values = request.own.values(name)
            if column.kind == "label" and len(targets) == 1:
                needs |= _both_classes(name, (values == 1) & rows, (values == 0) & rows)
            elif column.kind == "label" and name not in request.strata:
                needs[name] = (values == 1) & rows
            elif column.kind == "class":
                for code, each in enumerate(column.names):
                    of_class = values == code
                    # One that only other rows have is what these rows are told from, not one that they lack.
                    if (of_class & rows).any() or not of_class.any():
                        needs[f"{name} = {each}"] = of_class & rows
            elif column.kind == "number":
                _check_varies(name, values[rows])
    return needs


def check_rare(needs: Needs, count: int) -> None:
    """Refuse labels with fewer rows than can be split.

    Raises:
        FoldPlanError: there is one.
    """
    numbers = {name: int(np.count_nonzero(rows)) for name, rows in needs.items()}
    rare = {name: number for name, number in numbers.items() if number < LEAST_ROWS}
    if rare:
        raise FoldPlanError(
            f"every label must have at least {LEAST_ROWS} rows for {count} folds, got "
            + ", ".join(f"{name!r} with {number}" for name, number in rare.items()),
            "Leave out or merge the rare label, or add rows that have it.",
        )


def check_parts(plan: FoldPlan, needs: Needs) -> None:
    """Refuse a plan in which a training part lacks a label.

    Raises:
        FoldPlanError: one does.
    """
    for name, rows in needs.items():
        there = plan.training[:, : len(rows)] & rows
        if not there.any(axis=1).all():
            fold = int(np.flatnonzero(~there.any(axis=1))[0])
            raise FoldPlanError(
                f"every training part must have a row of every label, got {name!r} with all its "
                f"{int(np.count_nonzero(rows))} rows outside the training part of fold {fold} of {plan.count}",
                "Use another seed, leave out or merge the rare label, or add rows that have it.",
            )


def check_stages(plans: Mapping[str, FoldPlan], request: PlanRequest) -> None:
    """Refuse plans in which a stage has nothing to validate, or one and the same number to learn.

    Raises:
        FoldPlanError: a fold of a stage has no row that it learns on, or trains on equal numbers alone.
    """
    for stage, plan in plans.items():
        rows = request.rows_of(stage)
        empty = np.flatnonzero(~(plan.validation[:, : len(rows)] & rows).any(axis=1)).tolist()
        if empty:
            wanted = " and ".join(f"{name} = {value}" for name, value in request.stages[stage].items())
            raise FoldPlanError(
                f"every fold must validate at least one row with {wanted}, got none in folds {empty}",
                "Use fewer folds or more rows.",
            )
        for name in request.targets[stage]:
            if request.own.column(name).kind == "number":
                _check_folds_vary(name, request.own.values(name), plan.training[:, : len(rows)] & rows)


def _both_classes(name: str, positive: BoolArray, negative: BoolArray) -> Needs:
    if not positive.any() or not negative.any():
        numbers = int(np.count_nonzero(positive)), int(np.count_nonzero(positive | negative))
        raise FoldPlanError(
            f"rows of both classes of {name!r} must be there to split, got {numbers[0]} positive of {numbers[1]} rows",
            "Give rows of both classes.",
        )
    return {f"{name} = 1": positive, f"{name} = 0": negative}


def _check_varies(name: str, values: FloatArray) -> None:
    if not len(values) or values.min() == values.max():
        raise FoldPlanError(
            f"a number to learn must have more than one value, got {name!r} with {np.unique(values).tolist()}",
            "Give rows that differ in it.",
        )


def _check_folds_vary(name: str, values: FloatArray, training: BoolArray) -> None:
    for fold, own in enumerate(training):
        learned = values[own]
        if len(learned) and learned.min() == learned.max():
            raise FoldPlanError(
                f"every fold must train on different numbers of {name!r}, got {learned[0]:g} in all "
                f"{len(learned)} rows that fold {fold} trains on",
                "Use another plan or seed, or give rows that differ in it.",
            )
