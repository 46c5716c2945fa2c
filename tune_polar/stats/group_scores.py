"""Scores of groups of rows, of all of them pooled, and their mean over groups, with intervals drawn within groups.

Pooled and mean answer different questions. A correlation over all rows also rewards telling the groups' levels apart
(texts of one language have higher numbers than those of another), which the mean over groups does not see: ``levels``
says how much of the gold's variance that is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import BoolArray, FloatArray, IntArray
from tune_polar.decide.metrics import Measured, Metric
from tune_polar.decide.rows import Rows
from tune_polar.errors import DecisionError
from tune_polar.stats.intervals import Interval, check_level, check_rounds, percentile_interval
from tune_polar.stats.weighted_scores import Exact, WeightedScores, bootstrap_weights, portions

ROUNDS = 500
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number with the interval that resampled texts give it."""

    value: float
    interval: Interval
    rows: int
    remarks: tuple[str, ...] = ()  # what made it say nothing, such as constant predictions

    @property
    def told_from_zero(self) -> bool:
        """Whether 0 lies outside the interval."""
        return not self.interval.low <= 0 <= self.interval.high


@dataclass(frozen=True, eq=False)
class GroupScores:
    """One set of decisions, group by group."""

    groups: Mapping[str, Estimate]
    macro: Estimate  # mean over groups
    pooled: Estimate
    gap: Estimate  # by how much pooled is better than the mean
    levels: float | None  # share of gold's variance that lies between groups; None of labels and classes


def group_scores(
    rows: Rows,
    decided: NDArray[Any],
    metric: Metric,
    subsets: Mapping[str, BoolArray],
    rng: np.random.Generator,
    *,
    rounds: int = ROUNDS,
    level: float = LEVEL,
) -> GroupScores:
    """Score each of ``subsets``, which part the rows.

    Args:
        rows: that are judged; several seeds' one below the other.
        decided: of them, (rows, columns).
        metric: by which.
        subsets: by name the rows of each group, (rows,) each, which do not overlap.
        rng: of the draws.
        rounds: draws.
        level: of the intervals.

    Raises:
        DecisionError: no group, gold that the metric does not score, fewer than 100 rounds.

    Example:
        >>> subsets = {"fra": language == 0, "por": language == 1}
        >>> found = group_scores(rows, decided, metric_named("pearson"), subsets, rng)
        >>> found.macro.value, found.pooled.value
    """
    every = np.ones(len(rows), dtype=np.bool_)
    draws = subset_draws(rows, [decided], metric, [*subsets.values(), every], rng, rounds=rounds)[:, :, 0]
    sign = 1.0 if metric.larger_is_better else -1.0

    def estimate(value: float, of: FloatArray, count: int, remarks: tuple[str, ...] = ()) -> Estimate:
        return Estimate(value, percentile_interval(of, level), count, remarks)

    found = {}
    for place, (name, own) in enumerate((*subsets.items(), ("", every))):
        measured = measure(rows, decided, metric, own)
        found[name] = estimate(measured.score, draws[:, place], int(own.sum()), measured.remarks)
    pooled = found.pop("")
    macro, of_macro = float(np.mean([each.value for each in found.values()])), draws[:, :-1].mean(axis=1)
    return GroupScores(
        groups=found,
        macro=estimate(macro, of_macro, pooled.rows),
        pooled=pooled,
        gap=estimate(metric.gain(pooled.value, macro), sign * (draws[:, -1] - of_macro), pooled.rows),
        levels=_between(rows, list(subsets.values())) if rows.gold.kind == "number" else None,
    )


def group_difference(
    rows: Rows,
    first: NDArray[Any],
    second: NDArray[Any],
    metric: Metric,
    subsets: Sequence[BoolArray],
    rng: np.random.Generator,
    *,
    rounds: int = ROUNDS,
    level: float = LEVEL,
) -> Estimate:
    """By how much ``first`` is better than ``second`` in the mean over groups, texts drawn in pairs within groups.

    Raises:
        DecisionError: as for ``group_scores``.
    """
    draws = subset_draws(rows, [first, second], metric, subsets, rng, rounds=rounds).mean(axis=1)
    scores = [float(np.mean([measure(rows, each, metric, own).score for own in subsets])) for each in (first, second)]
    sign = 1.0 if metric.larger_is_better else -1.0
    interval = percentile_interval(sign * (draws[:, 0] - draws[:, 1]), level)
    return Estimate(metric.gain(scores[0], scores[1]), interval, int(sum(own.sum() for own in subsets)))


def subset_gap(
    rows: Rows,
    decided: NDArray[Any],
    metric: Metric,
    pairs: Sequence[tuple[BoolArray, BoolArray]],
    rng: np.random.Generator,
    *,
    rounds: int = ROUNDS,
    level: float = LEVEL,
) -> Estimate:
    """By how much the first subset of each pair scores better than the second, mean over ``pairs``, one a group.

    A text that stands in both is drawn for both.

    Raises:
        DecisionError: as for ``group_scores``.
    """
    flat = [own for pair in pairs for own in pair]
    draws = subset_draws(rows, [decided], metric, flat, rng, rounds=rounds)[:, :, 0]
    scores = [measure(rows, decided, metric, own).score for own in flat]
    sign = 1.0 if metric.larger_is_better else -1.0
    value = float(np.mean([metric.gain(scores[at], scores[at + 1]) for at in range(0, len(flat), 2)]))
    gaps = sign * (draws[:, 0::2] - draws[:, 1::2]).mean(axis=1)
    return Estimate(value, percentile_interval(gaps, level), int(sum(own.sum() for own in flat)))


def subset_draws(
    rows: Rows,
    decided: Sequence[NDArray[Any]],
    metric: Metric,
    subsets: Sequence[BoolArray],
    rng: np.random.Generator,
    *,
    rounds: int = ROUNDS,
) -> FloatArray:
    """Scores of resampled texts, (rounds, subsets, candidates): every subset and candidate sees the same draws.

    Texts are drawn within the combinations of subsets that they stand in, so that each subset keeps its size in texts.

    Raises:
        DecisionError: no subset or an empty one, gold that the metric does not score, fewer than 100 rounds.
    """
    check_rounds(rounds)
    check_level(LEVEL)
    if not subsets or not all(own.any() for own in subsets):
        raise DecisionError(
            f"scores by group need at least one group, and of each at least one row, got "
            f"{[int(own.sum()) for own in subsets]}",
            "Leave out groups without rows.",
        )
    bonds, place = np.unique(rows.bonds, return_inverse=True)
    strata = _strata(len(bonds), place.reshape(-1), subsets)
    scored = [WeightedScores(rows.take(own), [each[own] for each in decided], metric) for own in subsets]
    columns = [np.searchsorted(bonds, each.bonds) for each in scored]
    found = []
    for count in portions(rounds, len(bonds)):
        weights: FloatArray = np.zeros((count, len(bonds)), dtype=Exact)
        for stratum in strata:
            weights[:, stratum] = bootstrap_weights(len(stratum), count, rng)
        of_subsets = [each.scores(weights[:, own]) for each, own in zip(scored, columns, strict=True)]
        found.append(np.stack(of_subsets, axis=1))
    return np.concatenate(found)


def _strata(texts: int, place: IntArray, subsets: Sequence[BoolArray]) -> list[IntArray]:
    """Texts by the subsets that any of their rows stands in; ``place``: of each row's text, (rows,)."""
    member = np.zeros((texts, len(subsets)), dtype=np.bool_)
    for column, own in enumerate(subsets):
        member[place[own], column] = True
    _, kind = np.unique(np.packbits(member, axis=1), axis=0, return_inverse=True)
    order = np.argsort(kind.reshape(-1), kind="stable")
    return [each.astype(np.int64) for each in np.split(order, np.cumsum(np.bincount(kind.reshape(-1)))[:-1])]


def measure(rows: Rows, decided: NDArray[Any], metric: Metric, own: BoolArray) -> Measured:
    """``decided`` (rows, columns) on the rows ``own``, (rows,): of several seeds the mean, as everywhere."""
    seeds = [each for seed in rows.seeds if (each := own & (rows.seed == seed)).any()]
    found = [metric.measure(rows.gold.take(each), decided[each]) for each in seeds]
    if len(found) == 1:
        return found[0]
    return Measured(
        score=float(np.mean([each.score for each in found])),
        per_column=np.mean([each.per_column for each in found], axis=0),
        remarks=tuple(dict.fromkeys(remark for each in found for remark in each.remarks)),
    )


def _between(rows: Rows, subsets: Sequence[BoolArray]) -> float:
    """Share of gold's variance between groups, mean over columns; rows of no subset do not count."""
    within, total = np.zeros(rows.gold.values.shape[1]), np.zeros(rows.gold.values.shape[1])
    for own in subsets:
        within += ((rows.gold.values[own] - rows.gold.values[own].mean(axis=0)) ** 2).sum(axis=0)
    together = rows.gold.values[np.logical_or.reduce(subsets)]
    total += ((together - together.mean(axis=0)) ** 2).sum(axis=0)
    return float(np.divide(total - within, total, out=np.zeros_like(total), where=total > 0).mean())
