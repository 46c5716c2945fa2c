"""Differences between two configurations, paired by fold or by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit  # scipy.stats takes half a second to import

from tune_polar.decide.array_checks import BitArray, FloatArray, same_shape
from tune_polar.decide.metrics import Metric
from tune_polar.decide.rows import Gold, Rows
from tune_polar.errors import DecisionError
from tune_polar.stats.intervals import Interval, check_level, check_rounds, percentile_interval
from tune_polar.stats.row_kinds import row_kinds
from tune_polar.stats.weighted_scores import WeightedScores


@dataclass(frozen=True)
class PairedDifference:
    """First minus second."""

    difference: float
    interval: Interval
    p_value: float  # two-sided
    pairs: int  # cells, or rows


def fold_paired(
    first: FloatArray,
    second: FloatArray,
    *,
    planned_folds: int | None = None,
    seeds: int = 1,
    held_out: float | None = None,
    level: float = 0.95,
    metric: Metric | None = None,
) -> PairedDifference:
    """Corrected resampled t (Nadeau and Bengio, 2003) on the cells that both have finished.

    Folds share training rows, so the variance of their mean is (1/J + n_test/n_train)·s² rather than s²/J;
    where each row is held out in one of K folds n_test/n_train = 1/(K−1). With one fold the cells are seeds on one and
    the same split: what varies between them is training alone, and the second term is 0.

    Args:
        first: score per cell, (cells,); NaN where the cell has not finished.
        second: the same cells in the same order.
        planned_folds: K of the fold plan; the length of ``first`` where not given.
        seeds: with which every fold is trained.
        held_out: n_test/n_train of the plan; None: 1/(K−1). Where folds leave out groups of rows that no other row
            stands for, such as two languages of six at a time, it is far larger.
        level: of the interval.
        metric: of the scores; its interval then ends at the largest difference there can be.

    Raises:
        DecisionError: shapes that differ, or fewer than two cells that both have finished.
    """
    check_level(level)
    ours, theirs = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    same_shape(ours, theirs, "the two configurations' fold scores")
    differences = (ours - theirs)[~np.isnan(ours - theirs)]
    folds = len(ours) if planned_folds is None else planned_folds
    pairs = len(differences)
    if pairs < 2 or folds * seeds < pairs:
        raise DecisionError(
            f"a fold-paired comparison needs at least 2 folds finished by both and no more than planned, got "
            f"{pairs} of {folds * seeds}",
            "Let both configurations finish another fold.",
        )
    mean = float(differences.mean())
    shared = 0.0 if folds == 1 else 1 / (folds - 1) if held_out is None else held_out
    variance = (1 / pairs + shared) * float(differences.var(ddof=1))
    reach = float(stdtrit(pairs - 1, (1 + level) / 2)) * variance**0.5
    least, most = (-np.inf, np.inf) if metric is None else metric.range
    interval = Interval(max(mean - reach, least - most), min(mean + reach, most - least), level)
    return PairedDifference(mean, interval, _t_p(mean, variance, pairs), pairs)


def _t_p(mean: float, variance: float, pairs: int) -> float:
    """Two-sided p; the limit where all folds differ by the same amount."""
    if variance == 0.0:
        return 1.0 if mean == 0.0 else 0.0
    return float(2 * stdtr(pairs - 1, -abs(mean) / variance**0.5))


def row_paired_bootstrap(
    gold: Gold,
    first: BitArray,
    second: BitArray,
    rng: np.random.Generator,
    *,
    rounds: int = 1000,
    level: float = 0.95,
) -> PairedDifference:
    """Macro-F1 difference of two sets of out-of-fold decisions on the same rows, (rows, labels) each.

    Rows are resampled together. p = 2·min(share of rounds ≤ 0, share ≥ 0), with
    one round added to each so that it is never 0. It speaks of the models as trained: another seed is not
    among what varies.

    Raises:
        DecisionError: shapes that differ, no rows, fewer than 100 rounds.
    """
    check_rounds(rounds)
    check_level(level)
    kinds = row_kinds(gold, first, second)
    drawn = kinds.drawn(rounds, rng)
    draws = kinds.macro(drawn, 0) - kinds.macro(drawn, 1)
    found = [float(kinds.macro(kinds.count[None, :], which)[0]) for which in (0, 1)]
    below, above = np.count_nonzero(draws <= 0), np.count_nonzero(draws >= 0)
    return PairedDifference(
        difference=found[0] - found[1],
        interval=percentile_interval(draws, level),
        p_value=min(1.0, 2 * (min(below, above) + 1) / (rounds + 1)),
        pairs=len(gold),
    )


def text_paired_bootstrap(
    rows: Rows,
    first: NDArray[Any],
    second: NDArray[Any],
    metric: Metric,
    rng: np.random.Generator,
    *,
    rounds: int = 1000,
    level: float = 0.95,
) -> PairedDifference:
    """By how much ``first`` is better than ``second``, both decided on the same ``rows``, (rows, columns) each.

    As ``row_paired_bootstrap``, for every metric and kind of gold: a text is drawn with all that was decided of it, by
    several seeds or in several parts. Larger is better, whatever the metric.

    Raises:
        DecisionError: shapes that differ, gold that the metric does not score, fewer than 100 rounds.
    """
    check_rounds(rounds)
    check_level(level)
    same_shape(np.asarray(first), np.asarray(second), "the two sets of decisions")
    prepared = WeightedScores(rows, [first, second], metric)
    found = prepared.scores(np.ones((1, prepared.units), dtype=np.float32))[0]
    sign = 1.0 if metric.larger_is_better else -1.0
    differences = sign * (prepared.drawn(rounds, rng) @ np.array([1.0, -1.0]))
    below, above = np.count_nonzero(differences <= 0), np.count_nonzero(differences >= 0)
    return PairedDifference(
        difference=metric.gain(float(found[0]), float(found[1])),
        interval=percentile_interval(differences, level),
        p_value=min(1.0, 2 * (min(below, above) + 1) / (rounds + 1)),
        pairs=prepared.units,
    )
