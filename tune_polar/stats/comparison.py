"""Every pair of the best configurations compared, with control for how many pairs there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from tune_polar.decide.checks import BitArray, FloatArray
from tune_polar.decide.scores import Score
from tune_polar.errors import DecisionError
from tune_polar.stats.intervals import points
from tune_polar.stats.paired import PairedDifference, fold_paired, row_paired_bootstrap


def holm(p_values: Sequence[float]) -> FloatArray:
    """Holm's step-down adjusted p-values, (pairs,): below α, the pair differs at family-wise error α."""
    raw = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(raw, kind="stable")
    stepped = np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1))
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


@dataclass(frozen=True)
class Comparison:
    """One pair; the difference is ``first`` minus ``second``."""

    first: str
    second: str
    paired: PairedDifference
    adjusted_p: float  # by Holm over all pairs of the matrix
    alpha: float
    unit: str  # "folds" or "rows"

    @property
    def differs(self) -> bool:
        """Whether the two can be told apart with all pairs taken into account."""
        return self.adjusted_p < self.alpha

    @property
    def sentence(self) -> str:
        """In words, in F1 points."""
        difference, interval = self.paired.difference, self.paired.interval
        numbers = (
            f"difference {points(difference)} points, {interval.level:.0%} interval {points(interval.low)} "
            f"to {points(interval.high)}, Holm-adjusted p = {self.adjusted_p:.2g}"
        )
        if not self.differs:
            return f"{self.first} and {self.second} cannot be told apart with these {self.unit}: {numbers}."
        better, worse = (self.first, self.second) if difference > 0 else (self.second, self.first)
        return f"{better} is better than {worse} on these {self.unit}: {numbers}."


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
    names: Sequence[str], fold_scores: FloatArray, *, planned_folds: int | None = None, level: float = 0.95
) -> ComparisonMatrix:
    """Fold-paired comparison of every pair; ``fold_scores`` (configurations, folds), NaN where unfinished.

    Raises:
        DecisionError: names that are not distinct or not one per configuration.
    """
    scores = np.asarray(fold_scores, dtype=np.float64)
    _check_names(names, len(scores))
    done = ~np.isnan(scores)
    applicable = {(i, j) for i, j in combinations(range(len(names)), 2) if np.count_nonzero(done[i] & done[j]) >= 2}
    return _matrix(
        names,
        list(combinations(range(len(names)), 2)),
        applicable,
        lambda i, j: fold_paired(scores[i], scores[j], planned_folds=planned_folds, level=level),
        level,
        "folds",
    )


def reference_comparisons(
    names: Sequence[str],
    fold_scores: FloatArray,
    reference: str,
    *,
    planned_folds: int | None = None,
    level: float = 0.95,
) -> ComparisonMatrix:
    """Fold-paired comparison of every other configuration with ``reference`` alone; Holm over these pairs.

    Raises:
        DecisionError: names that are not distinct, or a reference that is not among them.
    """
    scores = np.asarray(fold_scores, dtype=np.float64)
    _check_names(names, len(scores))
    if reference not in names:
        raise DecisionError(
            f"the reference must be one of the configurations {list(names)}, got {reference!r}",
            "Name the configuration that the others are compared with.",
        )
    base = list(names).index(reference)
    wanted = [(place, base) for place in range(len(names)) if place != base]
    done = ~np.isnan(scores)
    return _matrix(
        names,
        wanted,
        {(i, j) for i, j in wanted if np.count_nonzero(done[i] & done[j]) >= 2},
        lambda i, j: fold_paired(scores[i], scores[j], planned_folds=planned_folds, level=level),
        level,
        "folds",
    )


def row_comparison_matrix(
    names: Sequence[str],
    gold: BitArray,
    decided: Sequence[BitArray],
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    score: Score = "positive",
) -> ComparisonMatrix:
    """Row-paired comparison of every pair of out-of-fold decisions, (rows, labels) each.

    Raises:
        DecisionError: names that are not distinct or not one per configuration, or shapes that differ.
    """
    _check_names(names, len(decided))
    pairs = list(combinations(range(len(names)), 2))
    # Holm multiplies p by up to the number of pairs: enough rounds that the smallest possible p still counts.
    rounds = max(1000, int(np.ceil(4 * len(pairs) / (1 - level))))
    return _matrix(
        names,
        pairs,
        set(pairs),
        lambda i, j: row_paired_bootstrap(gold, decided[i], decided[j], rng, rounds=rounds, level=level, score=score),
        level,
        "rows",
    )


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
    level: float,
    unit: str,
) -> ComparisonMatrix:
    pairs = [pair for pair in wanted if pair in applicable]
    found = [compare(i, j) for i, j in pairs]
    adjusted = holm([each.p_value for each in found])
    comparisons = tuple(
        Comparison(names[i], names[j], each, float(p), alpha=1 - level, unit=unit)
        for (i, j), each, p in zip(pairs, found, adjusted, strict=True)
    )
    skipped = [pair for pair in wanted if pair not in applicable]
    return ComparisonMatrix(tuple(names), comparisons, tuple((names[i], names[j]) for i, j in skipped))
