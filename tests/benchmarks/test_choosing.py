"""benchmarks/choosing.py: every way picks what its name says, and the recorded searches run through."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

TABLES = Path(__file__).resolve().parents[2] / "benchmarks" / "tables"


@pytest.fixture
def choosing(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("choosing")


def case(choosing: ModuleType, better: float, noise: float) -> Any:
    """Published first; the second better by so much on every fold, give or take."""
    folds = np.array([[0.6, 0.61, 0.59, 0.6, 0.6]] * 3)
    folds[1] += better + noise * np.array([1, -1, 1, -1, 0.5])
    folds[2] -= 0.1
    loss, auc = np.array([[0.5] * 5, [0.6] * 5, [0.4] * 5]), np.array([[0.7] * 5, [0.8] * 5, [0.6] * 5])
    return choosing.Case(folds.mean(axis=1), folds, np.array([0.6, 0.62, 0.5]), 0, loss, auc)


@pytest.mark.parametrize(
    ("better", "noise", "picks"),
    [
        (0.05, 0.001, (1, 1, 1, 1, 2, 1, 0)),
        (0.02, 0.03, (1, 1, 0, 1, 2, 1, 0)),  # by more than a standard error, and not told apart
        (0.004, 0.05, (1, 0, 0, 1, 2, 1, 0)),
        (-0.02, 0.001, (0, 0, 0, 0, 2, 1, 0)),
    ],
)
def test_every_way_picks_what_its_name_says(
    choosing: ModuleType, better: float, noise: float, picks: tuple[int, ...]
) -> None:
    found = case(choosing, better, noise)
    assert tuple(way(found) for way in choosing.WAYS.values()) == picks


def test_regret_is_counted_where_nothing_was_chosen(choosing: ModuleType) -> None:
    cases = list(choosing.other_folds(case(choosing, 0.05, 0.001)))
    assert len(cases) == 10
    assert all(one.folds.shape == (3, 3) for one in cases)
    regret, gain, worse = choosing.measured(cases, choosing.highest)
    assert (regret, worse) == (pytest.approx(0.0), 0.0)
    assert gain == pytest.approx(100 * 0.05, abs=0.2)


def test_collapsed_models_are_left_out(choosing: ModuleType) -> None:
    kept = choosing.without_collapsed(choosing.replace(case(choosing, 0.05, 0.001), truth=np.array([0.6, 0.3, 0.5])))
    assert kept.truth.tolist() == [0.6, 0.5]
    assert kept.log_loss.shape == (2, 5)


def test_the_area_under_the_curve_is_the_share_of_pairs_in_order(choosing: ModuleType) -> None:
    gold = np.array([[1, 0], [0, 0], [1, 0], [0, 0]], dtype=bool)
    shares = np.array([[0.9, 0.1], [0.5, 0.1], [0.5, 0.1], [0.1, 0.1]])
    assert choosing.macro_auc(gold, shares) == pytest.approx((1 + 1 + 0.5 + 1) / 4)


def test_recorded_searches_hold_the_recipe_itself(choosing: ModuleType) -> None:
    found = list(choosing.recorded(TABLES / "st1.parquet", 12))
    assert len(found) == 10 * choosing.DRAWS
    assert len({tuple(one.folds[0]) for one in found}) == 10, "the same first configuration in every draw"
