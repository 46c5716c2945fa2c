"""The interval for new rows where the truth can be drawn again and again."""

from __future__ import annotations

import numpy as np
import pytest

from tune_polar.decide.metrics import metric_named
from tune_polar.decide.rows import Gold, Rows
from tune_polar.stats.new_rows import MeasuredRows, new_rows_score

FOLDS, ROWS, NEW = 5, 400, 250
SIGNAL = 1.4
LABELS = ("a", "b")


def macro_f1(gold: np.ndarray, decided: np.ndarray) -> float:
    return metric_named("macro_f1").score(Gold("labels", gold, LABELS), decided)


def measured(gold: np.ndarray, decided: list[np.ndarray], fold: np.ndarray) -> MeasuredRows:
    return MeasuredRows(Rows.of(Gold("labels", gold, LABELS), part=fold), decided)


def rows_of(count: int, signal: np.ndarray | float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Gold and decisions, (rows, 2); ``signal`` per row or for all."""
    gold = rng.random((count, 2)) < (0.4, 0.15)
    shift = np.broadcast_to(np.asarray(signal), (count,))[:, None]
    return gold, rng.normal(size=gold.shape) + shift * gold >= 0.9


def coverage(run_spread: float, training: bool, repetitions: int = 80) -> float:
    """Share of repetitions in which the 90% interval holds the score of one more run on new rows."""
    rng = np.random.default_rng(5)
    fold = np.arange(ROWS) % FOLDS
    held = 0
    for _ in range(repetitions):
        runs = SIGNAL + run_spread * rng.normal(size=FOLDS + 1)
        gold, decided = rows_of(ROWS, runs[fold], rng)
        new = macro_f1(*rows_of(NEW, runs[FOLDS], rng))
        found = new_rows_score(
            measured(gold, [decided], fold),
            macro_f1(gold, decided),
            NEW,
            rng,
            rounds=300,
            training=training,
        )
        held += new in found.interval(0.9)
    return held / repetitions


def test_it_holds_the_score_of_a_new_set_as_often_as_it_says() -> None:
    assert coverage(run_spread=0.0, training=True) == pytest.approx(0.9, abs=0.08)


def test_runs_that_differ_are_covered_only_where_they_count() -> None:
    with_runs, without = coverage(0.4, training=True), coverage(0.4, training=False)
    assert without < 0.65
    assert with_runs > 0.75


def test_the_variance_between_models_is_what_row_sampling_leaves() -> None:
    """Against the definition in plain loops, with many more rounds."""
    rng = np.random.default_rng(0)
    fold = np.arange(1000) % FOLDS
    signal = np.array([0.6, 1.0, 1.4, 1.8, 2.2])
    gold, decided = rows_of(1000, signal[fold], rng)
    scores, variances = [], []
    for number in range(FOLDS):
        own = fold == number
        truth, guess = gold[own], decided[own]
        scores.append(macro_f1(truth, guess))
        picks = rng.integers(len(truth), size=(1000, len(truth)))
        variances.append(np.var([macro_f1(truth[pick], guess[pick]) for pick in picks]))
    expected = (np.var(scores, ddof=1) - np.mean(variances)) ** 0.5
    found = new_rows_score(measured(gold, [decided], fold), 0.5, 100, rng, rounds=100)
    assert found.training_sd == pytest.approx(expected, rel=0.03)


def test_choosing_among_equals_widens_but_does_not_move_it() -> None:
    rng = np.random.default_rng(1)
    gold, _ = rows_of(ROWS, SIGNAL, rng)
    many = [rng.normal(size=gold.shape) + SIGNAL * gold >= 0.9 for _ in range(30)]
    found = new_rows_score(measured(gold, many, np.arange(ROWS) % FOLDS), 0.5, 10**6, rng, training=False)
    # A million new rows have hardly any noise of their own: what is left is measuring and choosing, about the estimate.
    assert found.draws.mean() == pytest.approx(0.5, abs=0.005)
    assert 0.005 < found.draws.std() < 0.05


def test_more_new_rows_give_a_narrower_interval() -> None:
    rng = np.random.default_rng(2)
    gold, decided = rows_of(ROWS, SIGNAL, rng)
    rows_of_old = measured(gold, [decided], np.arange(ROWS) % FOLDS)
    widths = []
    for rows in (50, 500, 50_000):
        interval = new_rows_score(rows_of_old, 0.5, rows, rng).interval(0.9)
        widths.append(interval.high - interval.low)
    assert widths[0] > widths[1] > widths[2]
