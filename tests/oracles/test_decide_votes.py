"""The k × τ sweep against a plain loop with scikit-learn's F1 and integer votes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from tune_polar.decide.vote_sweep import VoteSweep, vote_counts
from tune_polar.decide.votes import VoteRule, every_share, grid_candidates, percent_taus

KS, PERCENTS = (1, 2, 5, 7), (1, 20, 40, 50, 60, 99)


def drawn(seed: int, rows: int = 60, width: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Neighbour labels (rows, K), gold, and which of three parts a row is in."""
    rng = np.random.default_rng(seed)
    gold = rng.random(rows) < 0.5
    table = (rng.random((rows, width)) < np.where(gold, 0.65, 0.35)[:, None]).astype(np.uint8)
    return table, gold, rng.permutation(np.arange(rows) % 3)


def sklearn_f1(gold: np.ndarray, decided: np.ndarray) -> float:
    return float(f1_score(gold, decided, labels=[0, 1], average="macro", zero_division=0.0))


@given(st.integers(0, 2**32 - 1), st.sampled_from([[0], [2], [0, 1], [0, 2], [0, 1, 2]]))
@settings(max_examples=15, deadline=None)
def test_sweep_equals_a_loop_over_parts_and_settings(seed: int, places: list[int]) -> None:
    table, gold, part = drawn(seed)
    sweep = VoteSweep.of_parts([table], gold, part + 5, grid_candidates(KS, percent_taus(PERCENTS)))
    found = sweep.over(places).macro_f1().reshape(len(KS), len(PERCENTS))
    own = np.isin(part, places)
    for i, k in enumerate(KS):
        for j, percent in enumerate(PERCENTS):
            decided = np.array([100 * sum(map(int, row[:k])) >= k * percent for row in table[own]])
            assert found[i, j] == pytest.approx(sklearn_f1(gold[own], decided), abs=1e-12)
            rule = sweep.candidates.rule(i * len(PERCENTS) + j)
            assert (rule.decide(vote_counts(table[own], rule.k)) == decided).all()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_ensemble_sweep_equals_a_loop_over_mean_shares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gold = rng.random(20) < 0.5
    tables = [(rng.random((20, 8)) < np.where(gold, 0.65, 0.35)[:, None]).astype(int) for _ in range(5)]
    candidates = grid_candidates(KS, percent_taus(PERCENTS))
    sweep = VoteSweep.of_parts(tables, gold, np.zeros(20, dtype=np.int64), candidates)
    found = sweep.over([0]).macro_f1().reshape(len(KS), len(PERCENTS))
    for i, k in enumerate(KS):
        for j, percent in enumerate(PERCENTS):
            shares = [sum(Fraction(int(t[row, :k].sum()), k) for t in tables) / 5 for row in range(20)]
            decided = np.array([share >= Fraction(percent, 100) for share in shares])
            assert found[i, j] == pytest.approx(sklearn_f1(gold, decided), abs=1e-12)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_every_share_finds_at_least_what_any_percent_finds(seed: int) -> None:
    table, gold, part = drawn(seed)
    percent, every = (
        VoteSweep.of_parts([table], gold, part, candidates).over(range(3)).macro_f1().max()
        for candidates in (grid_candidates(KS, percent_taus(range(1, 100))), every_share(KS))
    )
    assert every >= percent - 1e-12


@given(st.integers(1, 60), st.integers(1, 6), st.integers(0, 100))
def test_needed_votes_agree_with_the_rule(k: int, models: int, percent: int) -> None:
    candidates = grid_candidates([k], percent_taus([percent]))
    counts = np.arange(models * k + 1)
    decided = VoteRule.of(k, percent / 100).decide(counts, models)
    assert (decided == (counts >= candidates.needed_votes(models)[0])).all()
