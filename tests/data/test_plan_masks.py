from __future__ import annotations

import numpy as np
import pytest

from tune_polar.data.plans.fold_plan import FoldPlan, partition
from tune_polar.errors import FoldPlanError


def test_a_partition_validates_each_row_once() -> None:
    plan = partition("made", np.array([1, 0, -1, 1]), 2)

    assert plan.count == 2
    assert plan.training_rows(0).tolist() == [0, 3]
    assert plan.validation_rows(0).tolist() == [1]
    assert plan.idle_rows(0).tolist() == [2]
    assert plan.training_rows(0).dtype == np.int64


def test_hashes_are_of_rows_and_not_of_what_made_them() -> None:
    plan, same = partition("a", np.array([0, 1, 2, 2]), 3), partition("b", np.array([0, 1, 2, 2]), 3)
    other = partition("a", np.array([0, 2, 1, 1]), 3)

    assert plan.hash == same.hash
    assert plan.hash != other.hash
    assert plan.hash_of(0) == other.hash_of(0)
    assert plan.hash_of(2) == other.hash_of(1)
    assert len({plan.hash_of(fold) for fold in range(3)}) == 3
    assert partition("a", np.array([0, 1]), 2).hash_of(0) != partition("a", np.array([0, 1, -1]), 2).hash_of(0)


@pytest.mark.parametrize(
    ("training", "validation", "message"),
    [
        ([[1, 0]], [[0, 1], [1, 0]], r"must have two masks \(folds, rows\), got"),
        ([1, 0], [0, 1], r"must have two masks \(folds, rows\)"),
        ([[1, 1]], [[0, 1]], "no fold may validate a row that it trains on"),
        ([[1, 0], [0, 1]], [[0, 1], [0, 0]], r"every fold must validate at least one row, got none in folds \[1\]"),
        ([[0, 0]], [[0, 1]], r"every fold must train on at least one row, got none in folds \[0\]"),
    ],
)
def test_refuses_masks_that_are_no_plan(training: list[object], validation: list[object], message: str) -> None:
    with pytest.raises(FoldPlanError, match=message):
        FoldPlan("made", np.array(training, dtype=bool), np.array(validation, dtype=bool))


def test_refuses_a_plan_without_folds_and_masks_of_numbers() -> None:
    with pytest.raises(FoldPlanError, match="at least one row"):
        FoldPlan("made", np.zeros((0, 3), dtype=bool), np.zeros((0, 3), dtype=bool))
    with pytest.raises(FoldPlanError, match="two masks"):
        FoldPlan("made", np.array([[1, 0]]), np.array([[0, 1]]))


@pytest.mark.parametrize("fold", [-1, 2])
def test_refuses_folds_the_plan_has_not(fold: int) -> None:
    plan = partition("made", np.array([0, 1]), 2)

    for ask in (plan.training_rows, plan.validation_rows, plan.idle_rows, plan.hash_of):
        with pytest.raises(FoldPlanError, match=f"between 0 and 1, got {fold}"):
            ask(fold)
