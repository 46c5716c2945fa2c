"""Differences between two configurations, paired by fold or by row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit  # scipy.stats takes half a second to import

from tune_polar.decide.checks import BitArray, FloatArray, as_bool, same_shape
from tune_polar.decide.scores import Score, confusion, per_label_f1
from tune_polar.errors import DecisionError
from tune_polar.stats.cells import cells_of
from tune_polar.stats.intervals import Interval, check_level, check_rounds, percentile_interval


@dataclass(frozen=True)
class PairedDifference:
    """First minus second."""

    difference: float
    interval: Interval
    p_value: float  # two-sided
    pairs: int  # folds, or rows


def fold_paired(
    first: FloatArray, second: FloatArray, *, planned_folds: int | None = None, level: float = 0.95
) -> PairedDifference:
    """Corrected resampled t (Nadeau and Bengio, 2003) on the folds that both have finished.

    Folds share training rows, so the variance of their mean is (1/J + n_test/n_train)·s² rather than s²/J;
    for a plan of K folds n_test/n_train = 1/(K−1).

    Args:
        first: score per fold, (folds,); NaN where the fold has not finished.
        second: the same folds in the same order.
        planned_folds: K of the fold plan; the length of ``first`` where not given.
        level: of the interval.

    Raises:
        DecisionError: shapes that differ, or fewer than two folds that both have finished.
    """
    check_level(level)
    ours, theirs = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    same_shape(ours, theirs, "the two configurations' fold scores")
    differences = (ours - theirs)[~np.isnan(ours - theirs)]
    folds = len(ours) if planned_folds is None else planned_folds
    pairs = len(differences)
    if pairs < 2 or folds < pairs:
        raise DecisionError(
            f"a fold-paired comparison needs at least 2 folds finished by both and no more than planned, got "
            f"{pairs} of {folds}",
            "Let both configurations finish another fold.",
        )
    mean = float(differences.mean())
    variance = (1 / pairs + 1 / (folds - 1)) * float(differences.var(ddof=1))
    reach = float(stdtrit(pairs - 1, (1 + level) / 2)) * variance**0.5
    return PairedDifference(mean, Interval(mean - reach, mean + reach, level), _t_p(mean, variance, pairs), pairs)


def _t_p(mean: float, variance: float, pairs: int) -> float:
    """Two-sided p; the limit where all folds differ by the same amount."""
    if variance == 0.0:
        return 1.0 if mean == 0.0 else 0.0
    return float(2 * stdtr(pairs - 1, -abs(mean) / variance**0.5))


def row_paired_bootstrap(
    gold: BitArray,
    first: BitArray,
    second: BitArray,
    rng: np.random.Generator,
    *,
    rounds: int = 1000,
    level: float = 0.95,
    score: Score = "positive",
) -> PairedDifference:
    """Macro-F1 difference of two sets of out-of-fold decisions on the same rows, (rows, labels) each.

    Rows are resampled together, stratified by label pattern. p = 2·min(share of rounds ≤ 0, share ≥ 0), with
    one round added to each so that it is never 0. It speaks of the models as trained: another seed is not
    among what varies.

    Raises:
        DecisionError: shapes that differ, no rows, fewer than 100 rounds.
    """
    check_rounds(rounds)
    check_level(level)
    truth = as_bool(gold, "gold", 2)
    ours, theirs = as_bool(first, "first", 2), as_bool(second, "second", 2)
    same_shape(truth, ours, "gold and first")
    same_shape(truth, theirs, "gold and second")
    if truth.size == 0:
        raise DecisionError(
            f"a bootstrap needs at least one row and one label, got shape {truth.shape}",
            "Give the rows of a finished fold.",
        )
    cells = cells_of(truth, ours, theirs)
    drawn = cells.drawn(rounds, rng, stratified=True)
    macro = [per_label_f1(cells.confusion(drawn, which), score).mean(axis=1) for which in (0, 1)]
    draws = macro[0] - macro[1]
    found = [per_label_f1(confusion(truth, decided), score).mean() for decided in (ours, theirs)]
    below, above = np.count_nonzero(draws <= 0), np.count_nonzero(draws >= 0)
    return PairedDifference(
        difference=float(found[0] - found[1]),
        interval=percentile_interval(draws, level),
        p_value=min(1.0, 2 * (min(below, above) + 1) / (rounds + 1)),
        pairs=len(truth),
    )
