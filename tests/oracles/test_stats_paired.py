"""The corrected t interval, Holm's adjustment and rank agreement against formulas written out."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tune_polar.decide.rows import Gold, Rows
from tune_polar.stats.paired import fold_paired
from tune_polar.stats.ranking import rank_agreement
from tune_polar.stats.told_apart import holm

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(2, 10))
@settings(max_examples=40, deadline=None)
def test_fold_paired_is_nadeau_and_bengio(seed: int, folds: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.normal(0.7, 0.02, folds), rng.normal(0.69, 0.02, folds)
    found = fold_paired(first, second)
    d = first - second
    mean = sum(d) / folds
    s2 = sum((x - mean) ** 2 for x in d) / (folds - 1)
    se = ((1 / folds + (1 / folds) / ((folds - 1) / folds)) * s2) ** 0.5
    reach = stats.t(folds - 1).ppf(0.975) * se
    assert found.difference == pytest.approx(mean, abs=1e-12)
    assert (found.interval.low, found.interval.high) == pytest.approx((mean - reach, mean + reach), abs=1e-12)
    assert found.p_value == pytest.approx(2 * (1 - stats.t(folds - 1).cdf(abs(mean) / se)), abs=1e-9)
    # Without the term for shared training rows it is scipy's paired t test, which claims more.
    assert found.p_value >= stats.ttest_rel(first, second).pvalue
    assert (0 in found.interval) == (found.p_value > 0.05)


def test_only_folds_that_both_finished_are_paired() -> None:
    nan = float("nan")
    found = fold_paired(np.array([0.7, 0.6, nan, 0.8, 0.5]), np.array([0.6, nan, 0.5, 0.6, 0.2]))
    assert found.pairs == 3
    assert found.difference == pytest.approx(0.2)
    reach = stats.t(2).ppf(0.975) * ((1 / 3 + 1 / 4) * 0.01) ** 0.5
    assert found.interval.high == pytest.approx(0.2 + reach)


def test_seeds_of_folds_share_rows_as_folds_do_and_seeds_of_one_split_do_not() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(0.7, 0.02, 6), rng.normal(0.69, 0.02, 6)
    squares = (first - second).var(ddof=1)
    for planned, seeds, shared in ((3, 2, 1 / 2), (1, 6, 0.0)):
        found = fold_paired(first, second, planned_folds=planned, seeds=seeds)
        reach = stats.t(5).ppf(0.975) * ((1 / 6 + shared) * squares) ** 0.5
        assert found.interval.high - found.difference == pytest.approx(reach, abs=1e-12)
    # Seeds on one split vary by training alone, which is scipy's paired t test.
    assert found.p_value == pytest.approx(stats.ttest_rel(first, second).pvalue)


def test_two_of_six_languages_left_out_at_a_time_share_more_than_folds_do() -> None:
    """Equal models whose rows are right or wrong by themselves: a difference is found in one case of twenty."""
    rng = np.random.default_rng(0)
    language = np.repeat(np.arange(6), 100)
    folds = np.array([np.isin(language, pair) for pair in combinations(range(6), 2)])
    rows = Rows.of(
        Gold("number", np.zeros((folds.sum(), 1)), ("y",)),
        part=np.concatenate([np.full(own.sum(), place) for place, own in enumerate(folds)]),
        ids=np.concatenate([np.flatnonzero(own) for own in folds]),
    )
    assert rows.held_out == pytest.approx(0.5)
    told = {0.5: 0, None: 0}
    for _ in range(400):
        better = rng.choice([-1.0, 0.0, 1.0], p=[0.1, 0.8, 0.1], size=len(language))
        scores = np.array([better[own].mean() for own in folds])
        for held_out in told:
            told[held_out] += 0 not in fold_paired(scores, np.zeros(len(folds)), held_out=held_out).interval
    assert told[0.5] <= 34  # of 400 at 5%: more in one of a thousand cases
    assert told[None] > 80, "1/(K−1) says a fifth of them or more"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_rejects_what_its_step_down_procedure_rejects(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    for alpha in (0.05, 0.3):
        rejected = set()
        for step, place in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
            if p_values[place] * (len(p_values) - step) > alpha:
                break
            rejected.add(place)
        assert rejected == set(np.flatnonzero(adjusted <= alpha).tolist())
    assert (adjusted >= np.array(p_values) - 1e-15).all()


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_kendall_counts_concordant_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = {"oracle": rng.permutation(8) / 8, "cross_fitted": rng.permutation(8) / 8}
    found = rank_agreement(scores, reference="cross_fitted")
    a, b = scores["oracle"], scores["cross_fitted"]
    signs = [np.sign((a[i] - a[j]) * (b[i] - b[j])) for i in range(8) for j in range(i)]
    assert found.kendall[0, 1] == pytest.approx(np.mean(signs))
    assert found.kendall[0, 0] == pytest.approx(1)
    assert found.regret["oracle"] == pytest.approx(b.max() - b[np.argmax(a)])
    assert found.regret["cross_fitted"] == 0
