"""Thresholds of each group (a language) against thresholds of all groups pooled, both cross-fitted.

A group's own thresholds fit it better and are chosen on fewer rows: which wins cannot be known without trying.
For each fold both are chosen on the other folds' rows, of the group alone or of all groups, and decide this fold's
rows of the group. Scores are per group; their mean over groups counts each group alike, as leaderboards do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tune_polar.decide.array_checks import BoolArray, FloatArray
from tune_polar.decide.decision_engine import judge
from tune_polar.decide.graph import Graph
from tune_polar.decide.metrics import default_metric
from tune_polar.decide.rows import Rows
from tune_polar.decide.tables import Table
from tune_polar.errors import DecisionError
from tune_polar.stats.intervals import Interval, check_level, check_rounds, percentile_interval
from tune_polar.stats.scored_configuration import DECISION, METRIC, MODEL
from tune_polar.stats.weighted_scores import WeightedScores

GROUP = "group"  # the column of ``GroupedRows.rows`` that tells them apart


@dataclass(frozen=True)
class GroupGain:
    """One group's macro-F1 with the thresholds of all groups and with its own; the gain is own minus pooled."""

    group: str
    rows: int
    pooled: float
    own: float
    interval: Interval  # of the gain, by resampling the group's rows

    @property
    def gain(self) -> float:
        """Own minus pooled."""
        return self.own - self.pooled


@dataclass(frozen=True)
class GroupThresholds:
    """All groups under one rule."""

    rule: str
    groups: tuple[GroupGain, ...]
    interval: Interval  # of the mean gain

    @property
    def pooled(self) -> float:
        """Mean over groups with pooled thresholds."""
        return float(np.mean([each.pooled for each in self.groups]))

    @property
    def own(self) -> float:
        """Mean over groups with each group's own thresholds."""
        return float(np.mean([each.own for each in self.groups]))

    @property
    def gain(self) -> float:
        """Own minus pooled, mean over groups."""
        return self.own - self.pooled


@dataclass(frozen=True, eq=False)
class GroupedRows:
    """Out-of-fold rows of all groups together: ``rows`` has their names as ``groups["group"]``."""

    rows: Rows
    probability: FloatArray  # (rows, labels)

    @property
    def names(self) -> tuple[str, ...]:
        """Groups in order of first appearance."""
        return tuple(dict.fromkeys(self.rows.groups.get(GROUP, np.array([])).tolist()))


def group_thresholds(
    rule: str, grouped: GroupedRows, rng: np.random.Generator, *, rounds: int = 1000, level: float = 0.90
) -> GroupThresholds:
    """Score every group both ways by macro-F1; groups in order of first appearance.

    Raises:
        DecisionError: fewer than two groups, a group whose rows all lie in one fold, or anything that
            ``choose_thresholds`` refuses.
    """
    check_rounds(rounds)
    check_level(level)
    rows, names = grouped.rows, grouped.names
    if len(names) < 2:
        raise DecisionError(
            f"groups must be at least two, got {len(names)}: {list(names)}",
            "Give the predictions of several languages, or the column that tells them apart.",
        )
    pooled = _cross_fitted(rule, rows, grouped.probability)
    parts = []
    for name in names:
        own = rows.groups[GROUP] == name
        folds = np.unique(rows.part[own])
        if len(folds) < 2:
            raise DecisionError(
                f"every group must have rows in at least two folds, got {name!r} in fold {folds[0]} only",
                "Split the rows so that each fold holds some of every group.",
            )
        alone = _cross_fitted(rule, rows.take(own), grouped.probability[own])
        parts.append(_Drawn.of(rows.take(own), pooled[own], alone, rounds, rng))
    return GroupThresholds(
        rule,
        tuple(
            GroupGain(name, part.rows, part.pooled, part.own, percentile_interval(part.gains, level))
            for name, part in zip(names, parts, strict=True)
        ),
        percentile_interval(np.mean([part.gains for part in parts], axis=0), level),
    )


def _cross_fitted(rule: str, rows: Rows, probability: FloatArray) -> BoolArray:
    """(rows, labels), each fold's thresholds chosen on the others."""
    steps = {DECISION: {"type": "threshold", "of": MODEL, "rule": rule}}
    graph = Graph.of(steps, score=DECISION, stages=[MODEL])
    judged = judge(graph, {MODEL: Table.of("probability", [probability])}, {MODEL: rows}, METRIC)
    return np.asarray(judged.scored.cross_fitted.decided)


@dataclass(frozen=True, eq=False)
class _Drawn:
    """One group's two scores, and the gain in each bootstrap round."""

    rows: int
    pooled: float
    own: float
    gains: FloatArray  # (rounds,)

    @classmethod
    def of(cls, rows: Rows, pooled: BoolArray, own: BoolArray, rounds: int, rng: np.random.Generator) -> _Drawn:
        metric = default_metric(rows.gold.kind)
        drawn = WeightedScores(rows, [pooled, own], metric).drawn(rounds, rng)
        return cls(
            rows=len(rows),
            pooled=metric.score(rows.gold, pooled),
            own=metric.score(rows.gold, own),
            gains=drawn[:, 1] - drawn[:, 0],
        )
