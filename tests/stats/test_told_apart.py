from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tune_polar.decide.metrics import METRICS, metric_named
from tune_polar.decide.rows import Gold, Rows
from tune_polar.errors import DecisionError
from tune_polar.stats.bbc_cv import Candidate, bbc_cv
from tune_polar.stats.bootstrap import bootstrap_scores
from tune_polar.stats.intervals import points
from tune_polar.stats.new_rows import new_rows_score
from tune_polar.stats.paired import fold_paired, row_paired_bootstrap
from tune_polar.stats.ranking import rank_agreement
from tune_polar.stats.told_apart import comparison_matrix, row_comparison_matrix

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


def two_labels(values: np.ndarray) -> Gold:
    return Gold("labels", values, ("x", "y"))


def rows_of(values: np.ndarray) -> Rows:
    return Rows.of(two_labels(values))


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
    matrix = row_comparison_matrix(list("abcde"), two_labels(gold), decided, rng)
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
    result = bbc_cv(rows_of(gold), candidates, rng, rounds=100)
    assert result.left_out == ("perfect but unfinished",)
    assert (result.entered, result.winner, result.win_share[0]) == (2, 2, 0.0)


def test_a_single_candidate_is_hardly_corrected() -> None:
    rng = np.random.default_rng(0)
    gold = rng.random((2000, 2)) < 0.4
    result = bbc_cv(rows_of(gold), [Candidate("only", "max_f1", gold ^ (rng.random(gold.shape) < 0.1))], rng)
    assert result.optimism == pytest.approx(0, abs=0.002)


def test_many_equal_candidates_are_corrected() -> None:
    rng = np.random.default_rng(1)
    gold = rng.random((500, 2)) < 0.3
    noise = rng.random((60, *gold.shape)) < 0.2
    result = bbc_cv(rows_of(gold), [Candidate(str(i), "", gold ^ each) for i, each in enumerate(noise)], rng)
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
            lambda: row_paired_bootstrap(two_labels(BITS), BITS, BITS[:3], RNG),
            r"gold and decisions must have the same shape",
        ),
        (
            lambda: row_paired_bootstrap(two_labels(BITS[:0]), BITS[:0], BITS[:0], RNG),
            r"at least one row and one label",
        ),
        (lambda: bootstrap_scores(two_labels(BITS), BITS, RNG, rounds=10), r"rounds must be at least 100, got 10"),
        (
            lambda: bootstrap_scores(two_labels(BITS[:0]), BITS[:0], RNG),
            r"at least one row and one label, got shape \(0, 2\)",
        ),
        (
            lambda: bbc_cv(rows_of(BITS), [], RNG),
            r"one configuration with every fold finished, got 40 rows and 0 cand",
        ),
        (lambda: bbc_cv(rows_of(BITS[:9]), [Candidate("a", "", BITS[:9])], RNG), r"at least 30 rows"),
        (
            lambda: bbc_cv(rows_of(BITS), [Candidate("a", "", BITS[:9])], RNG),
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


CODES = np.arange(60)[:, None] % 3
ALL_RIGHT = {
    "labels": two_labels(np.arange(120).reshape(60, 2) % 3 == 0),
    "binary": Gold("binary", np.arange(60)[:, None] % 2, ("x",)),
    "class": Gold("class", CODES, ("x", "y", "z")),
    "number": Gold("number", CODES / 7, ("x",)),
}


@pytest.mark.parametrize("name", [each.name for each in METRICS.values() if each.reads == "decided"])
def test_no_interval_ends_where_no_score_can_lie(name: str) -> None:
    """Nearly perfect decisions: the curvature that is added back would lead beyond the best score there is."""
    metric, rng = metric_named(name), np.random.default_rng(0)
    low, high = metric.range
    for kind in metric.kinds:
        gold = ALL_RIGHT[kind]
        guesses = [gold.values, *(np.where(rng.random(gold.values.shape) < 0.02, gold.values[::-1], gold.values),) * 2]
        found = bbc_cv(
            Rows.of(gold), [Candidate(str(n), "", each) for n, each in enumerate(guesses)], rng, metric=metric
        )
        assert low <= found.interval.low <= found.corrected <= found.interval.high <= high
        assert low <= found.draws.min() <= found.draws.max() <= high
        wider = found.interval_at(0.999)
        assert low <= wider.low <= wider.high <= high
    two = np.array([[0.9, 0.2], [0.1, 0.1]])
    (pair,) = comparison_matrix(["a", "b"], two, metric=metric).pairs
    assert high == np.inf or (pair.paired.interval.low, pair.paired.interval.high) == (low - high, high - low)
    free = fold_paired(*two)
    assert (free.interval.low < -1, free.interval.high > 1) == (True, True)
    assert free.p_value == pair.paired.p_value


def test_ranges_of_scores() -> None:
    found = {name: metric_named(name).range for name in ("macro_f1", "accuracy", "pearson", "mae", "log_loss")}
    share, error = (0.0, 1.0), (0.0, np.inf)
    assert found == {"macro_f1": share, "accuracy": share, "pearson": (-1.0, 1.0), "mae": error, "log_loss": error}


def test_a_new_set_scores_no_more_than_all_right() -> None:
    gold = ALL_RIGHT["labels"]
    rows = Rows.of(gold, part=np.arange(60) % 3)
    worse = [gold.values ^ (np.random.default_rng(n).random((60, 2)) < 0.05) for n in range(4)]
    rng = np.random.default_rng(0)
    corrected = bbc_cv(rows, [Candidate(str(n), "", each) for n, each in enumerate(worse)], rng)
    found = new_rows_score(corrected, rows, worse[corrected.winner], 20, None, rng)
    assert found.draws.max() == 1.0
    assert 0.0 <= found.interval(0.99).low <= found.interval(0.99).high <= 1.0
    assert found.expected_draws.max() <= 1.0
