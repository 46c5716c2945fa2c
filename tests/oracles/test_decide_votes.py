"""The k × τ sweep against a plain loop with scikit-learn's F1 and integer votes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from tune_polar.decide.knn import (
    cross_fit_votes,
    every_share,
    fixed_votes_score,
    grid_candidates,
    percent_taus,
    sweep_ensemble,
    sweep_votes,
    vote_counts,
)
from tune_polar.decide.scores import binary_macro_f1
from tune_polar.decide.vote_sweep import VoteSweep
from tune_polar.decide.votes import VoteRule

KS, PERCENTS = (1, 2, 5, 7), (1, 20, 40, 50, 60, 99)


def fold_tables(seed: int, folds: int = 3, width: int = 8) -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    gold = [rng.random(rng.integers(3, 25)) < 0.5 for _ in range(folds)]
    tables = [
        (rng.random((len(truth), width)) < np.where(truth, 0.65, 0.35)[:, None]).astype(np.uint8) for truth in gold
    ]
    return tables, gold


def sklearn_f1(gold: np.ndarray, decided: np.ndarray) -> float:
    return float(f1_score(gold, decided, labels=[0, 1], average="macro", zero_division=0.0))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_sweep_equals_a_loop_over_folds_and_settings(seed: int) -> None:
    tables, gold = fold_tables(seed)
    result = sweep_votes(tables, gold, KS, PERCENTS)
    for i, k in enumerate(KS):
        for j, percent in enumerate(PERCENTS):
            decided = [[100 * sum(map(int, row[:k])) >= k * percent for row in table] for table in tables]
            expected = sklearn_f1(np.concatenate(gold), np.concatenate([np.array(d) for d in decided]))
            assert result.macro_f1[i, j] == pytest.approx(expected, abs=1e-12)
    assert result.best_macro_f1 == result.macro_f1.max()
    assert fixed_votes_score(tables, gold, result.best) == pytest.approx(result.best_macro_f1, abs=1e-12)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_ensemble_sweep_equals_a_loop_over_mean_shares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gold = rng.random(20) < 0.5
    tables = [(rng.random((20, 8)) < np.where(gold, 0.65, 0.35)[:, None]).astype(int) for _ in range(5)]
    result = sweep_ensemble(tables, gold, KS, PERCENTS)
    for i, k in enumerate(KS):
        for j, percent in enumerate(PERCENTS):
            shares = [sum(Fraction(int(t[row, :k].sum()), k) for t in tables) / 5 for row in range(20)]
            decided = np.array([share >= Fraction(percent, 100) for share in shares])
            assert result.macro_f1[i, j] == pytest.approx(sklearn_f1(gold, decided), abs=1e-12)


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=15, deadline=None)
def test_cross_fitting_equals_choosing_on_the_other_folds_by_hand(seed: int, every: bool) -> None:
    tables, gold = fold_tables(seed)
    taus = None if every else percent_taus(PERCENTS)
    fitted = cross_fit_votes(tables, gold, KS, taus)
    for fold, (table, rule) in enumerate(zip(tables, fitted.chosen, strict=True)):
        others = [index for index in range(3) if index != fold]
        rest, truth = [tables[i] for i in others], [gold[i] for i in others]
        candidates = every_share(KS) if every else grid_candidates(KS, percent_taus(PERCENTS))
        scores = [fixed_votes_score(rest, truth, candidates.rule(i)) for i in range(len(candidates))]
        assert fixed_votes_score(rest, truth, rule) == pytest.approx(max(scores), abs=1e-12)
        assert (fitted.decided[fold] == rule.decide(vote_counts(table, rule.k))).all()
    pooled = binary_macro_f1(np.concatenate(gold), np.concatenate(fitted.decided))
    assert fitted.score == pytest.approx(pooled, abs=1e-12)
    assert fitted.pooled_score == pytest.approx(fixed_votes_score(tables, gold, fitted.pooled_choice), abs=1e-12)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_every_share_finds_at_least_what_any_percent_finds(seed: int) -> None:
    tables, gold = fold_tables(seed)
    percent = sweep_votes(tables, gold, KS, range(1, 100)).best_macro_f1
    sweep = VoteSweep.of_folds(tables, gold, every_share(KS))
    assert sweep.macro_f1().max() >= percent - 1e-12


@given(st.integers(1, 60), st.integers(1, 6), st.integers(0, 100))
def test_needed_votes_agree_with_the_rule(k: int, models: int, percent: int) -> None:
    candidates = grid_candidates([k], percent_taus([percent]))
    counts = np.arange(models * k + 1)
    decided = VoteRule.of(k, percent / 100).decide(counts, models)
    assert (decided == (counts >= candidates.needed_votes(models)[0])).all()
