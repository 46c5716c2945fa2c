"""Thresholds of each group (a language) against thresholds of all groups pooled, both cross-fitted.

A group's own thresholds fit it better and are chosen on fewer rows: which wins cannot be known without trying.
For each fold both are chosen on the other folds' rows, of the group alone or of all groups, and decide this fold's
rows of the group. Scores are per group; their mean over groups counts each group alike, as leaderboards do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.checks import BitArray, BoolArray, FloatArray, fold_numbers, gold_and_probability
from tune_polar.decide.crossfit import cross_fitted_decisions
from tune_polar.decide.scores import Score, label_scores
from tune_polar.errors import DecisionError
from tune_polar.stats.cells import cells_of
from tune_polar.stats.intervals import Interval, check_level, check_rounds, percentile_interval


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
    """Out-of-fold rows of all groups together."""

    gold: BitArray  # (rows, labels)
    probability: NDArray[Any]  # (rows, labels)
    fold: NDArray[np.integer[Any]]  # (rows,)
    group: Sequence[str]  # (rows,)


def group_thresholds(
    rule: str,
    rows: GroupedRows,
    rng: np.random.Generator,
    *,
    rounds: int = 1000,
    level: float = 0.90,
    score: Score = "positive",
) -> GroupThresholds:
    """Score every group both ways; groups in order of first appearance.

    Raises:
        DecisionError: fewer than two groups, a group whose rows all lie in one fold, or anything that
            ``choose_thresholds`` refuses.
    """
    check_rounds(rounds)
    check_level(level)
    gold, probability = gold_and_probability(rows.gold, rows.probability, None)
    fold, _ = fold_numbers(rows.fold, len(gold))
    names = tuple(dict.fromkeys(rows.group))
    if len(names) < 2 or len(rows.group) != len(gold):
        raise DecisionError(
            f"groups must be at least two, one name per row ({len(gold)}), got {len(rows.group)} names of "
            f"{len(names)} groups",
            "Give the predictions of several languages, or the column that tells them apart.",
        )
    member = np.array([names.index(each) for each in rows.group])
    masks = [member == place for place in range(len(names))]
    pooled = cross_fitted_decisions(rule, gold, probability, fold).decided
    parts = []
    for name, mask in zip(names, masks, strict=True):
        folds = np.unique(fold[mask])
        if len(folds) < 2:
            raise DecisionError(
                f"every group must have rows in at least two folds, got {name!r} in fold {folds[0]} only",
                "Split the rows so that each fold holds some of every group.",
            )
        own = cross_fitted_decisions(rule, gold[mask], probability[mask], fold[mask]).decided
        parts.append(_Drawn.of(gold[mask], pooled[mask], own, rounds, rng, score))
    return GroupThresholds(
        rule,
        tuple(
            GroupGain(name, part.rows, part.pooled, part.own, percentile_interval(part.gains, level))
            for name, part in zip(names, parts, strict=True)
        ),
        percentile_interval(np.mean([part.gains for part in parts], axis=0), level),
    )


@dataclass(frozen=True, eq=False)
class _Drawn:
    """One group's two scores, and the gain in each bootstrap round."""

    rows: int
    pooled: float
    own: float
    gains: FloatArray  # (rounds,)

    @classmethod
    def of(
        cls, gold: BoolArray, pooled: BoolArray, own: BoolArray, rounds: int, rng: np.random.Generator, score: Score
    ) -> _Drawn:
        cells = cells_of(gold, pooled, own)
        drawn = cells.drawn(rounds, rng, stratified=True)
        return cls(
            rows=len(gold),
            pooled=float(label_scores(gold, pooled, score).mean()),
            own=float(label_scores(gold, own, score).mean()),
            gains=cells.macro(drawn, score, which=1) - cells.macro(drawn, score, which=0),
        )
