"""Scores by group against scipy and numpy, and intervals against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tune_polar.decide.metrics import metric_named
from tune_polar.decide.rows import Gold, Rows
from tune_polar.errors import DecisionError
from tune_polar.stats.group_scores import group_difference, group_scores, subset_draws, subset_gap

PEARSON, MAE = metric_named("pearson"), metric_named("mae")


def numbers(rng, rows=400, groups=4, noise=1.0, level=0.0):
    """Gold and predictions of rows in groups, whose levels lie ``level`` apart."""
    group = np.arange(rows) % groups
    gold = rng.normal(0, 1, (rows, 1)) + level * group[:, None]
    guess = gold + rng.normal(0, noise, (rows, 1))
    subsets = {f"g{place}": group == place for place in range(groups)}
    return Rows.of(Gold("number", gold, ("warmth",))), guess, subsets


@pytest.mark.parametrize("seed", range(3))
def test_each_groups_score_is_scipys_and_the_macro_their_mean(seed):
    rng = np.random.default_rng(seed)
    rows, guess, subsets = numbers(rng)
    for name, of in (("pearson", stats.pearsonr), ("spearman", stats.spearmanr)):
        found = group_scores(rows, guess, metric_named(name), subsets, rng, rounds=100)
        for group, own in subsets.items():
            expected = of(rows.gold.values[own, 0], guess[own, 0]).statistic
            assert found.groups[group].value == pytest.approx(expected, abs=1e-12)
            assert found.groups[group].interval.low < expected < found.groups[group].interval.high
        assert found.macro.value == pytest.approx(np.mean([each.value for each in found.groups.values()]))
        assert found.pooled.value == pytest.approx(of(rows.gold.values[:, 0], guess[:, 0]).statistic, abs=1e-12)


def test_pooled_r_rewards_levels_that_the_mean_over_groups_does_not_see():
    """Predictions that know each group's level and nothing else."""
    rng = np.random.default_rng(0)
    rows, _, subsets = numbers(rng, level=2.0)
    guess = 2.0 * (np.arange(len(rows)) % 4)[:, None] + rng.normal(0, 0.1, (len(rows), 1))
    found = group_scores(rows, guess, PEARSON, subsets, rng)
    assert found.pooled.value > 0.85
    assert abs(found.macro.value) < 0.15
    assert found.gap.told_from_zero
    assert found.gap.value == pytest.approx(found.pooled.value - found.macro.value)
    values, group = rows.gold.values[:, 0], np.arange(len(rows)) % 4
    means = np.array([values[group == place].mean() for place in range(4)])
    assert found.levels == pytest.approx(means[group].var() / values.var())


def test_without_levels_pooled_and_mean_cannot_be_told_apart():
    rows, guess, subsets = numbers(np.random.default_rng(1))
    assert not group_scores(rows, guess, PEARSON, subsets, np.random.default_rng(0)).gap.told_from_zero


def test_a_constant_prediction_is_0_with_a_remark():
    rows, guess, subsets = numbers(np.random.default_rng(1))
    guess[subsets["g2"]] = 3.0
    found = group_scores(rows, guess, PEARSON, subsets, np.random.default_rng(0), rounds=100)
    assert found.groups["g2"].value == 0
    assert found.groups["g2"].remarks == ("the predictions of warmth are constant: the correlation counts as 0",)
    assert (found.groups["g2"].interval.low, found.groups["g2"].interval.high) == (0, 0)
    alone = group_scores(
        rows.take([0, 1]), guess[:2], PEARSON, {"one": np.array([True, False])}, np.random.default_rng(0)
    )
    assert alone.groups["one"].value == alone.groups["one"].interval.high == 0


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Mean over groups of r: its 95% interval over fresh data, whose truth is 1/√2."""
    inside = []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        rows, guess, subsets = numbers(rng, rows=240)
        interval = group_scores(rows, guess, PEARSON, subsets, rng, rounds=200).macro.interval
        inside.append(interval.low <= 0.5**0.5 <= interval.high)
    assert 0.88 <= np.mean(inside) <= 0.99


def test_a_paired_difference_is_sharper_than_two_intervals():
    rng = np.random.default_rng(0)
    rows, guess, subsets = numbers(rng)
    other = guess + rng.normal(0, 0.3, guess.shape)
    found = group_difference(rows, guess, other, PEARSON, list(subsets.values()), rng)
    alone = group_scores(rows, guess, PEARSON, subsets, rng).macro.interval
    assert found.interval.high - found.interval.low < 0.7 * (alone.high - alone.low)
    worse = group_difference(rows, other, guess, PEARSON, list(subsets.values()), rng)
    assert found.value == pytest.approx(-worse.value)
    errors = group_difference(rows, guess, other, MAE, list(subsets.values()), rng)
    assert errors.value > 0, "a smaller error is better"


def test_a_text_is_drawn_with_all_its_rows():
    """Two copies of every row say what one does, and no more sharply."""
    rng = np.random.default_rng(0)
    rows, guess, subsets = numbers(rng, rows=200)
    twice = np.concatenate([np.arange(200), np.arange(200)])
    doubled = rows.take(twice)
    once, again = (
        group_scores(each, guess[own], PEARSON, {n: s[own] for n, s in subsets.items()}, np.random.default_rng(3))
        for each, own in ((rows, np.arange(200)), (doubled, twice))
    )
    ends = [(each.macro.interval.low, each.macro.interval.high) for each in (once, again)]
    assert ends[0] == pytest.approx(ends[1])


def test_seen_and_unseen_rows_of_one_text_are_drawn_together():
    """Where both halves hold the same texts with the same predictions, nothing is between them."""
    rng = np.random.default_rng(0)
    rows, guess, _ = numbers(rng, rows=100, groups=1)
    twice, first = np.concatenate([np.arange(100), np.arange(100)]), np.arange(200) < 100
    gap = subset_gap(rows.take(twice), guess[twice], PEARSON, [(first, ~first)], rng)
    assert (gap.value, gap.interval.low, gap.interval.high) == pytest.approx((0, 0, 0))
    worse = guess[twice] + np.where(first, 0, rng.normal(0, 2, 200))[:, None]
    assert subset_gap(rows.take(twice), worse, PEARSON, [(first, ~first)], rng).interval.low > 0


def test_refuses_what_has_no_rows():
    rows, guess, _ = numbers(np.random.default_rng(0))
    with pytest.raises(DecisionError, match=r"at least one row, got \[0\]"):
        subset_draws(rows, [guess], PEARSON, [np.zeros(len(rows), dtype=bool)], np.random.default_rng(0))
    with pytest.raises(DecisionError, match="rounds must be at least 100"):
        group_scores(rows, guess, PEARSON, {"a": np.ones(len(rows), dtype=bool)}, np.random.default_rng(0), rounds=5)
