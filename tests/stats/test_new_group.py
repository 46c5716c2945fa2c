"""What one more group will score, where groups can be drawn again and again."""

from __future__ import annotations

import numpy as np
import pytest

from tune_polar.decide.metrics import metric_named
from tune_polar.errors import DecisionError
from tune_polar.stats.intervals import Interval
from tune_polar.stats.new_group import new_group_interval

PEARSON, MACRO = metric_named("pearson"), metric_named("macro_f1")


def held(rng: np.random.Generator, groups: int, rows: int, between: float) -> float:
    """How often the 90% interval of ``groups`` scores of r holds that of one more group of as many rows."""
    found = []
    for _ in range(1500):
        rho = np.tanh(np.arctanh(0.35) + between * rng.normal(size=groups + 1))
        gold = rng.normal(size=(groups + 1, rows))
        guess = rho[:, None] * gold + np.sqrt(1 - rho[:, None] ** 2) * rng.normal(size=gold.shape)
        scores = [float(np.corrcoef(*each)[0, 1]) for each in zip(gold, guess, strict=True)]
        interval = new_group_interval(scores[:-1], PEARSON, 0.9)
        assert interval is not None
        found.append(scores[-1] in interval)
    return float(np.mean(found))


@pytest.mark.parametrize("groups", [3, 6])
@pytest.mark.parametrize("between", [0.0, 0.2])
def test_it_holds_one_more_group_as_often_as_it_says(groups: int, between: float) -> None:
    assert held(np.random.default_rng(groups), groups, 60, between) == pytest.approx(0.9, abs=0.025)


def test_the_mean_of_the_groups_at_hand_promises_less_than_one_more_group_needs() -> None:
    scores = [0.04, 0.26, 0.29, 0.34, 0.34, 0.41]
    found = new_group_interval(scores, MACRO, 0.9)
    reach = 2.015048 * np.std(scores, ddof=1) * (1 + 1 / 6) ** 0.5  # t of 95% at 5 degrees of freedom
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.28 - reach, 0.28 + reach), abs=1e-5)


def test_it_ends_where_scores_do_and_asks_for_three_groups() -> None:
    wide = new_group_interval([0.1, 0.5, 0.95], MACRO, 0.9)
    assert wide is not None
    assert (wide.low, wide.high) == (0.0, 1.0)
    alike = new_group_interval([0.5, 0.5, 0.5], PEARSON, 0.9)
    assert alike == Interval(pytest.approx(0.5), pytest.approx(0.5), 0.9)
    assert new_group_interval([0.1, 0.5], MACRO, 0.9) is None
    with pytest.raises(DecisionError, match="level must lie between 0 and 1, got 1"):
        new_group_interval([0.1, 0.5, 0.6], MACRO, 1)
