"""Intervals of macro and per-class F1 by resampling rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tune_polar.decide.array_checks import BitArray, FloatArray
from tune_polar.decide.rows import Gold
from tune_polar.stats.intervals import Interval, check_level, check_rounds, percentile_interval
from tune_polar.stats.row_kinds import row_kinds


@dataclass(frozen=True, eq=False)
class BootstrapScores:
    """Scores with percentile intervals."""

    macro_f1: float
    macro_interval: Interval
    per_class: FloatArray  # (labels,)
    per_class_intervals: tuple[Interval, ...]
    rounds: int


def bootstrap_scores(
    gold: Gold,
    decided: BitArray,
    rng: np.random.Generator,
    *,
    rounds: int = 1000,
    level: float = 0.95,
    stratified: bool = True,
) -> BootstrapScores:
    """Resample rows and score again; ``gold`` is binary or of labels, ``decided`` has shape (rows, labels).

    Stratified by label pattern (the row's gold labels together), so that every round has each label as often
    as the data do; a row whose pattern occurs once then stays in every round. ``stratified=False`` resamples
    all rows alike.

    Raises:
        DecisionError: shapes that differ, no rows, fewer than 100 rounds, a level outside 0–1.
    """
    check_rounds(rounds)
    check_level(level)
    kinds = row_kinds(gold, decided)
    draws = kinds.per_column(kinds.drawn(rounds, rng, stratified))
    per_class = kinds.per_column(kinds.count[None, :])[0]
    return BootstrapScores(
        macro_f1=float(per_class.mean()),
        macro_interval=percentile_interval(draws.mean(axis=1), level),
        per_class=per_class,
        per_class_intervals=tuple(percentile_interval(column, level) for column in draws.T),
        rounds=rounds,
    )
