"""Every pair of the best configurations compared, with control for how many pairs there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import BitArray, FloatArray
from tune_polar.decide.metrics import Metric, metric_named
from tune_polar.decide.rows import Gold, Rows
from tune_polar.errors import DecisionError
from tune_polar.stats.intervals import Interval, signed, signed_span, unit_of
from tune_polar.stats.paired import PairedDifference, fold_paired, row_paired_bootstrap, text_paired_bootstrap


def holm(p_values: Sequence[float]) -> FloatArray:
    """Holm's step-down adjusted p-values, (pairs,): below α, the pair differs at family-wise error α."""
    raw = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(raw, kind="stable")
    stepped = np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1))
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


USUAL = metric_named("macro_f1")  # where nothing is said
EQUAL_WITHIN = (
    0.01  # of what the scores span, or where that has no end of the score: a point of F1, 0.01 of a correlation
)
NO_WIDTH = 1e-9  # of the same: nothing but rounding
NOTHING = PairedDifference(0.0, Interval(0.0, 0.0), 1.0, 0)


@dataclass(frozen=True)
class Comparison:
    """One pair; the difference is ``first`` minus ``second``."""

    first: str
    second: str
    paired: PairedDifference
    adjusted_p: float  # by Holm over all pairs of the matrix
    alpha: float
    unit: str  # "folds", "seeds" or "rows"
    metric: Metric = USUAL
    span: float = 1.0  # that scores of the metric can differ by; of one without an end, a score of it

    @property
    def differs(self) -> bool:
        """Whether the two can be told apart with all pairs taken into account."""
        return self.adjusted_p < self.alpha

    @property
    def most(self) -> float:
        """The largest difference, either way, that the interval allows."""
        return max(abs(self.paired.interval.low), abs(self.paired.interval.high))

    @property
    def are_alike(self) -> bool:
        """Whether both score the same every time: without a spread that shows nothing of another time."""
        return not self.differs and self.most <= NO_WIDTH * self.span

    @property
    def are_equal(self) -> bool:
        """Whether the interval leaves room for no more than a point: shown, and not just unrefuted."""
        interval = self.paired.interval
        return interval.high - interval.low > NO_WIDTH * self.span and self.most <= EQUAL_WITHIN * self.span

    @property
    def sentence(self) -> str:
        """In words, in the metric's unit, and no stronger than the interval."""
        difference, interval = self.paired.difference, self.paired.interval
        numbers = (
            f"difference {signed(difference, self.metric)}{unit_of(self.metric)}, {interval.level:.0%} interval "
            f"{signed_span(interval, self.metric)}, Holm-adjusted p = {self.adjusted_p:.2g}"
        )
        at_most = f"by {signed(self.most, self.metric).removeprefix('+')}{unit_of(self.metric)} at most"
        if self.are_alike:
            return (
                f"{self.first} and {self.second} score the same on these {self.unit}, without any spread: that shows "
                f"nothing of other {self.unit}."
            )
        if not self.differs:
            if self.are_equal:
                return f"{self.first} and {self.second} differ {at_most} with these {self.unit}: {numbers}."
            alone = "" if 0.0 in interval else ", which leaves out 0 but is one of several pairs compared"
            return f"{self.first} and {self.second} cannot be told apart with these {self.unit}: {numbers}{alone}."
        is_better = self.metric.gain(difference, 0.0) > 0
        better, worse = (self.first, self.second) if is_better else (self.second, self.first)
        but = f", {at_most}" if self.are_equal else ""
        return f"{better} is better than {worse} on these {self.unit}{but}: {numbers}."


@dataclass(frozen=True)
class ComparisonMatrix:
    """All pairs that could be compared, in the order of the names."""

    names: tuple[str, ...]
    pairs: tuple[Comparison, ...]
    not_applicable: tuple[tuple[str, str], ...]  # pairs with fewer than two folds in common

    def pair(self, first: str, second: str) -> Comparison | None:
        """The comparison of these two in either order, None where it is not applicable."""
        return next((each for each in self.pairs if {each.first, each.second} == {first, second}), None)


def comparison_matrix(
    names: Sequence[str],
    fold_scores: FloatArray,
    *,
    planned_folds: int | None = None,
    seeds: int = 1,
    held_out: float | None = None,
    level: float = 0.95,
    metric: Metric = USUAL,
) -> ComparisonMatrix:
    """Paired comparison of every pair, cell by cell; ``fold_scores`` (configurations, cells), NaN where unfinished.

    ``planned_folds``, ``seeds`` and ``held_out`` are those of the plan, as ``fold_paired`` takes them.

    Raises:
        DecisionError: names that are not distinct or not one per configuration.
    """
    pair = partial(fold_paired, planned_folds=planned_folds, seeds=seeds, held_out=held_out, level=level, metric=metric)
    like = Comparison("", "", NOTHING, 1.0, 1 - level, _unit(planned_folds, seeds), metric)
    return _by_cells(names, fold_scores, list(combinations(range(len(names)), 2)), pair, like)


def reference_comparisons(
    names: Sequence[str],
    fold_scores: FloatArray,
    reference: str,
    *,
    planned_folds: int | None = None,
    level: float = 0.95,
    metric: Metric = USUAL,
) -> ComparisonMatrix:
    """Paired comparison of every other configuration with ``reference`` alone; Holm over these pairs.

    Raises:
        DecisionError: names that are not distinct, or a reference that is not among them.
    """
    if reference not in names:
        raise DecisionError(
            f"the reference must be one of the configurations {list(names)}, got {reference!r}",
            "Name the configuration that the others are compared with.",
        )
    base = list(names).index(reference)
    wanted = [(place, base) for place in range(len(names)) if place != base]
    pair = partial(fold_paired, planned_folds=planned_folds, level=level, metric=metric)
    return _by_cells(names, fold_scores, wanted, pair, Comparison("", "", NOTHING, 1.0, 1 - level, "folds", metric))


def row_comparison_matrix(
    names: Sequence[str],
    gold: Gold,
    decided: Sequence[BitArray],
    rng: np.random.Generator,
    *,
    level: float = 0.95,
) -> ComparisonMatrix:
    """Row-paired comparison of every pair of out-of-fold decisions, (rows, labels) each, by macro-F1.

    Raises:
        DecisionError: names that are not distinct or not one per configuration, or shapes that differ.
    """

    def compare(i: int, j: int, rounds: int) -> PairedDifference:
        return row_paired_bootstrap(gold, decided[i], decided[j], rng, rounds=rounds, level=level)

    return _by_rows(names, len(decided), compare, Comparison("", "", NOTHING, 1.0, 1 - level, "rows"))


def text_comparison_matrix(
    names: Sequence[str],
    rows: Rows,
    decided: Sequence[NDArray[Any]],
    metric: Metric,
    rng: np.random.Generator,
    *,
    level: float = 0.95,
) -> ComparisonMatrix:
    """The same for every metric and kind of gold; ``decided`` (rows, columns) each.

    Raises:
        DecisionError: names that are not distinct or not one per configuration, or shapes that differ.
    """

    def compare(i: int, j: int, rounds: int) -> PairedDifference:
        better = text_paired_bootstrap(rows, decided[i], decided[j], metric, rng, rounds=rounds, level=level)
        return better if metric.larger_is_better else _turned(better)

    return _by_rows(names, len(decided), compare, Comparison("", "", NOTHING, 1.0, 1 - level, "rows", metric))


def _by_rows(
    names: Sequence[str], given: int, compare: Callable[[int, int, int], PairedDifference], nothing: Comparison
) -> ComparisonMatrix:
    """Every pair; ``compare`` takes two places and a number of rounds."""
    _check_names(names, given)
    pairs = list(combinations(range(len(names)), 2))
    # Holm multiplies p by up to the number of pairs: enough rounds that the smallest possible p still counts.
    rounds = max(1000, int(np.ceil(4 * len(pairs) / nothing.alpha)))
    return _matrix(names, pairs, set(pairs), lambda i, j: compare(i, j, rounds), nothing)


def _turned(better: PairedDifference) -> PairedDifference:
    """By how much it is better, as the difference of two errors."""
    ends = better.interval
    return replace(better, difference=-better.difference, interval=Interval(-ends.high, -ends.low, ends.level))


def _unit(planned_folds: int | None, seeds: int) -> str:
    return "seeds" if planned_folds == 1 else "folds" if seeds == 1 else "cells"


def _by_cells(
    names: Sequence[str],
    fold_scores: FloatArray,
    wanted: Sequence[tuple[int, int]],
    pair: Callable[[FloatArray, FloatArray], PairedDifference],
    like: Comparison,
) -> ComparisonMatrix:
    scores = np.asarray(fold_scores, dtype=np.float64)
    _check_names(names, len(scores))
    done = ~np.isnan(scores)
    if done.any() and not np.isfinite(like.metric.range).all():
        like = replace(like, span=float(np.abs(scores[done]).mean()))
    applicable = {(i, j) for i, j in wanted if np.count_nonzero(done[i] & done[j]) >= 2}
    return _matrix(names, wanted, applicable, lambda i, j: pair(scores[i], scores[j]), like)


def _check_names(names: Sequence[str], expected: int) -> None:
    if len(names) != expected or len(set(names)) != len(names):
        raise DecisionError(
            f"names must be distinct, one per configuration ({expected}), got {list(names)}",
            "Name each configuration once.",
        )


def _matrix(
    names: Sequence[str],
    wanted: Sequence[tuple[int, int]],
    applicable: set[tuple[int, int]],
    compare: Callable[[int, int], PairedDifference],
    like: Comparison,
) -> ComparisonMatrix:
    pairs = [pair for pair in wanted if pair in applicable]
    found = [compare(i, j) for i, j in pairs]
    adjusted = holm([each.p_value for each in found])
    comparisons = tuple(
        replace(like, first=names[i], second=names[j], paired=each, adjusted_p=float(p))
        for (i, j), each, p in zip(pairs, found, adjusted, strict=True)
    )
    skipped = [pair for pair in wanted if pair not in applicable]
    return ComparisonMatrix(tuple(names), comparisons, tuple((names[i], names[j]) for i, j in skipped))
