from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tune_polar.decide.vote_sweep import VoteSweep, ensemble_counts, vote_counts
from tune_polar.decide.votes import VoteRule, every_share, grid_candidates, percent_taus, tau_fraction
from tune_polar.errors import DecisionError

TABLE = np.array([[1, 0, 1, 1], [0, 0, 0, 1]], dtype=np.uint8)


def test_votes_of_the_nearest() -> None:
    assert vote_counts(TABLE, 3).tolist() == [2, 0]
    assert vote_counts(TABLE, 4).tolist() == [3, 1]
    assert ensemble_counts([TABLE, TABLE[::-1]], 4).tolist() == [4, 4]


def test_a_written_decimal_is_met_exactly() -> None:
    assert tau_fraction(0.4) == Fraction(2, 5)
    # 98 of 5·49 votes is exactly 0.4; the mean of these five rounded shares is a little less.
    counts = next(
        c
        for c in ([a, b, 49 - b, 49 - a, 0] for a in range(50) for b in range(50))
        if sum(c) == 98 and np.mean([x / 49 for x in c]) < 0.4
    )
    assert VoteRule.of(49, 0.4).decide(np.array([sum(counts)]), models=5).all()


def test_every_share_reaches_every_count_once() -> None:
    candidates = every_share([2, 3], models=2)
    needed = candidates.needed_votes(models=2)
    assert needed[candidates.k == 2].tolist() == [0, 1, 2, 3, 4]
    assert needed[candidates.k == 3].tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_ties_go_to_the_middle_then_to_more_neighbours() -> None:
    candidates = grid_candidates([1, 3], percent_taus([10, 40, 60]))
    assert candidates.rule(candidates.best(np.ones(6))) == VoteRule(3, Fraction(2, 5))
    assert candidates.rule(candidates.best(np.array([0, 1, 0, 1, 0, 0.0]))) == VoteRule(1, Fraction(2, 5))
    assert str(VoteRule.of(49, 0.4)) == "k=49, τ=0.4"


GOLD = np.array([1, 0])


def sweep(tables: list[np.ndarray], gold: np.ndarray, ks: list[int], percents: range | list[int] = range(100)) -> None:
    VoteSweep.of_parts(tables, gold, np.zeros(2, dtype=np.int64), grid_candidates(ks, percent_taus(percents)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: vote_counts(TABLE, 0), r"k must be between 1 and the width .* \(4\), got 0"),
        (lambda: vote_counts(TABLE, 5), r"k must be between 1 and the width .* \(4\), got 5"),
        (lambda: sweep([TABLE], GOLD, [5]), r"k must be between 1 and the width .* \(4\), got 5"),
        (lambda: sweep([TABLE], GOLD, [0, 1]), r"ks must hold at least one k and none below 1"),
        (lambda: sweep([TABLE], GOLD, [1], []), r"taus must hold at least one share"),
        (lambda: sweep([TABLE], GOLD, [1], [101]), r"tau must be between 0 and 1, got 101/100"),
        (lambda: sweep([TABLE], GOLD[:1], [1]), r"one label per row .* \(2\), got 1"),
        (lambda: sweep([], GOLD, [1]), r"at least one neighbour table"),
        (lambda: sweep([TABLE, TABLE[:1]], GOLD, [1]), r"all of the same rows; got \[1, 2\]"),
        (lambda: VoteRule.of(0, 0.4), r"k must be at least 1, got 0"),
        (lambda: VoteRule.of(3, float("nan")), r"tau must be between 0 and 1, got nan"),
        (lambda: vote_counts(TABLE * 3, 1), r"neighbour_labels must hold only 0 and 1, got 3"),
    ],
)
def test_bad_arguments(call: object, message: str) -> None:
    with pytest.raises(DecisionError, match=message):
        call()  # type: ignore[operator]
