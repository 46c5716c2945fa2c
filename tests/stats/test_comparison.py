from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tune_polar.errors import DecisionError
from tune_polar.stats.bbc_cv import Candidate, bbc_cv
from tune_polar.stats.bootstrap import bootstrap_scores
from tune_polar.stats.comparison import comparison_matrix, row_comparison_matrix
from tune_polar.stats.intervals import points
from tune_polar.stats.paired import fold_paired, row_paired_bootstrap
from tune_polar.stats.ranking import rank_agreement

NAN = float("nan")
FOLDS = np.array(
    [
        [0.71, 0.69, 0.73, 0.70, 0.68],
        [0.70, 0.70, 0.72, 0.71, 0.66],
        [0.50, 0.49, 0.53, 0.51, 0.47],
        [0.50, NAN, NAN, NAN, NAN],
    ]
)
NAMES = ["published", "no FGM", "tiny", "stopped"]


def test_matrix_says_in_words_what_can_be_told_apart() -> None:
    matrix = comparison_matrix(NAMES, FOLDS)
    close = matrix.pair("no FGM", "published")
    assert close is not None
    assert not close.differs
    assert close.sentence.startswith(
        "published and no FGM cannot be told apart with these folds: difference +0.4 points, 95% interval −"
    )
    far = matrix.pair("published", "tiny")
    assert far is not None
    assert far.sentence.startswith("published is better than tiny on these folds: difference +20.2 points")
    assert far.adjusted_p >= far.paired.p_value
    assert matrix.not_applicable == (("published", "stopped"), ("no FGM", "stopped"), ("tiny", "stopped"))
    assert matrix.pair("tiny", "stopped") is None


def test_the_better_one_is_named_first_whatever_the_order() -> None:
    matrix = comparison_matrix(["tiny", "published"], FOLDS[[2, 0]])
    assert matrix.pairs[0].sentence.startswith("published is better than tiny")


def test_row_matrix_tells_a_clear_difference_with_many_pairs() -> None:
    rng = np.random.default_rng(0)
    gold = rng.random((400, 2)) < 0.4
    decided = [gold ^ (rng.random(gold.shape) < noise) for noise in (0.05, 0.06, 0.3, 0.31, 0.32)]
    matrix = row_comparison_matrix(list("abcde"), gold, decided, rng)
    assert len(matrix.pairs) == 10
    clear, close = matrix.pair("a", "c"), matrix.pair("c", "d")
    assert clear is not None
    assert close is not None
    assert clear.differs
    assert not close.differs
    assert "with these rows" in close.sentence


def test_folds_that_differ_by_the_same_amount() -> None:
    same, apart = fold_paired(np.ones(3), np.ones(3)), fold_paired(np.ones(3), np.zeros(3))
    assert (same.p_value, same.interval.low, same.interval.high) == (1.0, 0.0, 0.0)
    assert (apart.p_value, apart.difference) == (0.0, 1.0)


def test_incomplete_configurations_do_not_enter_bbc_cv() -> None:
    rng = np.random.default_rng(0)
    gold = rng.random((50, 2)) < 0.4
    unfinished = np.arange(50) < 40
    candidates = [
        Candidate("perfect but unfinished", "max_f1", gold, covered=unfinished),
        Candidate("noisy", "max_f1", gold ^ (rng.random(gold.shape) < 0.2)),
        Candidate("finished", "max_f1", gold ^ (rng.random(gold.shape) < 0.1), covered=unfinished | True),
    ]
    result = bbc_cv(gold, candidates, rng, rounds=100)
    assert result.left_out == ("perfect but unfinished",)
    assert (result.entered, result.winner, result.win_share[0]) == (2, 2, 0.0)


def test_a_single_candidate_is_hardly_corrected() -> None:
    rng = np.random.default_rng(0)
    gold = rng.random((2000, 2)) < 0.4
    result = bbc_cv(gold, [Candidate("only", "max_f1", gold ^ (rng.random(gold.shape) < 0.1))], rng)
    assert result.optimism == pytest.approx(0, abs=0.002)


def test_many_equal_candidates_are_corrected() -> None:
    rng = np.random.default_rng(1)
    gold = rng.random((500, 2)) < 0.3
    noise = rng.random((60, *gold.shape)) < 0.2
    result = bbc_cv(gold, [Candidate(str(i), "", gold ^ each) for i, each in enumerate(noise)], rng)
    truth = 2 * 0.3 * 0.8 / (0.3 * 0.8 + 0.7 * 0.2 + 0.3)
    assert result.raw_best > truth + 0.03
    assert result.corrected == pytest.approx(truth, abs=0.02)
    assert truth in result.interval


def test_constant_scorings_have_no_rank() -> None:
    found = rank_agreement({"oracle": np.ones(3), "test": np.array([0.1, 0.3, 0.2])}, reference="test")
    assert np.isnan(found.kendall[0, 1])
    assert found.picks == {"oracle": 0, "test": 1}
    assert found.regret == pytest.approx({"oracle": 0.2, "test": 0.0})


def test_points_are_signed() -> None:
    assert [points(value) for value in (0.0041, -0.011, 0.0, -0.0001)] == ["+0.4", "−1.1", "+0.0", "+0.0"]


BITS = np.zeros((40, 2), dtype=bool)
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fold_paired(np.ones(5), np.ones(4)), r"fold scores must have the same shape, got \(5,\)"),
        (lambda: fold_paired(FOLDS[0], FOLDS[3]), r"at least 2 folds finished by both .* got 1 of 5"),
        (lambda: fold_paired(np.ones(5), np.ones(5), planned_folds=3), r"no more than planned, got 5 of 3"),
        (lambda: fold_paired(np.ones(5), np.ones(5), level=1.0), r"level must lie between 0 and 1, got 1.0"),
        (
            lambda: comparison_matrix(["a", "a"], FOLDS[:2]),
            r"names must be distinct, one per configuration \(2\)",
        ),
        (
            lambda: row_paired_bootstrap(BITS, BITS, BITS[:3], RNG),
            r"gold and second must have the same shape",
        ),
        (lambda: row_paired_bootstrap(BITS[:0], BITS[:0], BITS[:0], RNG), r"at least one row and one label"),
        (lambda: bootstrap_scores(BITS, BITS, RNG, rounds=10), r"rounds must be at least 100, got 10"),
        (
            lambda: bootstrap_scores(BITS[:0], BITS[:0], RNG),
            r"at least one row and one label, got shape \(0, 2\)",
        ),
        (
            lambda: bbc_cv(BITS, [], RNG),
            r"one configuration with every fold finished, got 40 rows and 0 cand",
        ),
        (lambda: bbc_cv(BITS[:9], [Candidate("a", "", BITS[:9])], RNG), r"at least 30 rows"),
        (
            lambda: bbc_cv(BITS, [Candidate("a", "", BITS[:9])], RNG),
            r"decisions of a must have the same shape",
        ),
        (lambda: rank_agreement({"a": np.ones(3)}, "b"), r"one of the scorings \['a'\], got 'b'"),
        (lambda: rank_agreement({"a": np.ones(3), "b": np.ones(2)}, "a"), r"got {'a': 3, 'b': 2}"),
        (lambda: rank_agreement({"a": np.array([1, NAN])}, "a"), r"finite, got nan in 'a', position 1"),
    ],
)
def test_bad_arguments(call: Callable[[], object], message: str) -> None:
    with pytest.raises(DecisionError, match=message):
        call()
