"""Bootstrap, paired bootstrap and BBC-CV against loops over drawn rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune_polar.decide.scores import binary_macro_f1, label_macro_f1, positive_f1
from tune_polar.stats.bbc_cv import Candidate, bbc_cv
from tune_polar.stats.bootstrap import bootstrap_scores
from tune_polar.stats.cells import cells_of
from tune_polar.stats.paired import row_paired_bootstrap
from tune_polar.stats.weighted_scores import WeightedScores, bootstrap_weights

seeds = st.integers(0, 2**32 - 1)


def decisions(seed: int, candidates: int = 4, rows: int = 60, labels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    gold = rng.random((rows, labels)) < np.array([0.6, 0.3, 0.1])[:labels]
    return gold, gold ^ (rng.random((candidates, rows, labels)) < 0.2)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_weighted_scores_equal_scores_of_repeated_rows(seed: int) -> None:
    gold, decided = decisions(seed)
    weights = np.random.default_rng(seed).integers(0, 4, size=(5, len(gold)))
    found = WeightedScores(gold, decided.transpose(1, 0, 2), "positive").macro(weights.astype(np.float32))
    both = WeightedScores(gold[:, :1], decided.transpose(1, 0, 2)[:, :, :1], "both_classes")
    found_both = both.macro(weights.astype(np.float32))
    for i, weight in enumerate(weights):
        rows = np.repeat(np.arange(len(gold)), weight)
        for j, guess in enumerate(decided):
            assert found[i, j] == pytest.approx(label_macro_f1(gold[rows], guess[rows]), abs=1e-12)
            assert found_both[i, j] == pytest.approx(binary_macro_f1(gold[rows, 0], guess[rows, 0]), abs=1e-12)


@given(seeds)
@settings(max_examples=10, deadline=None)
def test_bbc_cv_equals_the_algorithm_written_as_a_loop(seed: int) -> None:
    gold, decided = decisions(seed)
    candidates = [Candidate(f"c{i}", "max_f1", each) for i, each in enumerate(decided)]
    result = bbc_cv(gold, candidates, np.random.default_rng(seed), rounds=100)
    outside, winners, all_outside = [], [], []
    for weight in bootstrap_weights(len(gold), 100, np.random.default_rng(seed)).astype(int):
        bag, out = np.repeat(np.arange(len(gold)), weight), np.flatnonzero(weight == 0)
        winners.append(int(np.argmax([label_macro_f1(gold[bag], each[bag]) for each in decided])))
        all_outside.append([label_macro_f1(gold[out], each[out]) for each in decided])
        outside.append(all_outside[-1][winners[-1]])
    raw = [label_macro_f1(gold, each) for each in decided]
    lost = np.array(raw) - np.mean(all_outside, axis=0)
    curvature = np.mean([lost[winner] for winner in winners])
    assert result.plain == pytest.approx(np.mean(outside), abs=1e-12)
    assert result.corrected == pytest.approx(np.mean(outside) + curvature, abs=1e-12)
    assert (result.interval.low, result.interval.high) == pytest.approx(
        tuple(np.quantile(outside, [0.025, 0.975]) + curvature), abs=1e-12
    )
    assert result.raw_best == pytest.approx(max(raw), abs=1e-12)
    assert result.winner == int(np.argmax(raw))
    assert result.win_share == pytest.approx(np.bincount(winners, minlength=4) / 100)
    assert result.optimism == result.raw_best - result.corrected


def test_rounds_draw_rows_uniformly_with_replacement() -> None:
    drawn = bootstrap_weights(200, 500, np.random.default_rng(0))
    assert (drawn.sum(axis=1) == 200).all()
    assert (drawn == 0).mean() == pytest.approx((1 - 1 / 200) ** 200, abs=0.003)
    assert drawn.mean(axis=0) == pytest.approx(1, abs=0.25)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_cells_hold_every_row_once(seed: int) -> None:
    gold, decided = decisions(seed)
    cells = cells_of(gold, decided[0], decided[1])
    for which in (0, 1):
        rows = np.repeat(np.arange(len(cells.count)), cells.count)
        assert positive_f1(cells.gold[rows], cells.decided[which][rows]) == pytest.approx(
            positive_f1(gold, decided[which]), abs=1e-12
        )
    drawn = cells.drawn(7, np.random.default_rng(seed), stratified=True)
    for stratum in np.unique(cells.stratum):
        own = cells.stratum == stratum
        assert len(np.unique(cells.gold[own], axis=0)) == 1
        assert (drawn[:, own].sum(axis=1) == cells.count[own].sum()).all()
    for number, counts in enumerate(drawn):
        rows = np.repeat(np.arange(len(counts)), counts)
        found = cells.confusion(drawn, 1).positive_f1()[number]
        assert found == pytest.approx(positive_f1(cells.gold[rows], cells.decided[1][rows]), abs=1e-12)


@pytest.mark.parametrize("stratified", [True, False])
def test_bootstrap_agrees_with_resampling_row_by_row(stratified: bool) -> None:
    gold, decided = decisions(7, candidates=1, rows=300)
    result = bootstrap_scores(gold, decided[0], np.random.default_rng(0), rounds=4000, stratified=stratified)
    rng = np.random.default_rng(1)
    patterns = [np.flatnonzero((gold == pattern).all(axis=1)) for pattern in np.unique(gold, axis=0)]
    draws = []
    for _ in range(2000):
        rows = (
            np.concatenate([rng.choice(rows, len(rows)) for rows in patterns])
            if stratified
            else rng.integers(300, size=300)
        )
        draws.append(positive_f1(gold[rows], decided[0][rows]))
    expected = np.quantile(draws, [0.025, 0.975], axis=0)
    found = np.array([(interval.low, interval.high) for interval in result.per_class_intervals]).T
    assert found == pytest.approx(expected, abs=0.02)
    macro = np.quantile(np.mean(draws, axis=1), [0.025, 0.975])
    assert (result.macro_interval.low, result.macro_interval.high) == pytest.approx(macro, abs=0.01)
    assert result.macro_f1 in result.macro_interval
    assert result.per_class == pytest.approx(positive_f1(gold, decided[0]))


def test_row_paired_bootstrap_agrees_with_resampling_row_by_row() -> None:
    gold, (first, second) = decisions(8, candidates=2, rows=300)
    result = row_paired_bootstrap(gold, first, second, np.random.default_rng(0), rounds=4000)
    rng = np.random.default_rng(1)
    patterns = [np.flatnonzero((gold == pattern).all(axis=1)) for pattern in np.unique(gold, axis=0)]
    draws = []
    for _ in range(2000):
        rows = np.concatenate([rng.choice(rows, len(rows)) for rows in patterns])
        draws.append(label_macro_f1(gold[rows], first[rows]) - label_macro_f1(gold[rows], second[rows]))
    assert (result.interval.low, result.interval.high) == pytest.approx(
        tuple(np.quantile(draws, [0.025, 0.975])), abs=0.01
    )
    assert result.difference == pytest.approx(label_macro_f1(gold, first) - label_macro_f1(gold, second))
    share = min(np.mean(np.array(draws) <= 0), np.mean(np.array(draws) >= 0))
    assert result.p_value == pytest.approx(2 * share, abs=0.05)


@given(seeds)
@settings(max_examples=10, deadline=None)
def test_exchanging_the_pair_changes_the_sign(seed: int) -> None:
    gold, (first, second) = decisions(seed, candidates=2)
    one = row_paired_bootstrap(gold, first, second, np.random.default_rng(1), rounds=100)
    same = row_paired_bootstrap(gold, first, first, np.random.default_rng(1), rounds=100)
    other = row_paired_bootstrap(gold, second, first, np.random.default_rng(1), rounds=100)
    assert one.difference == pytest.approx(-other.difference, abs=1e-12)
    assert (same.difference, same.interval.low, same.interval.high, same.p_value) == (0, 0, 0, 1)
