"""Intervals of macro and per-class F1 by resampling rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tune_polar.decide.checks import BitArray, FloatArray, as_bool, same_shape
from tune_polar.decide.scores import Score, confusion, per_label_f1
from tune_polar.errors import DecisionError
from tune_polar.stats.cells import cells_of
from tune_polar.stats.intervals import Interval, check_level, check_rounds, percentile_interval

__all__ = ["BootstrapScores", "Score", "bootstrap_scores", "per_label_f1"]


@dataclass(frozen=True, eq=False)
class BootstrapScores:
    """Scores with percentile intervals."""

    macro_f1: float
    macro_interval: Interval
    per_class: FloatArray  # (labels,)
    per_class_intervals: tuple[Interval, ...]
    rounds: int


def bootstrap_scores(
    gold: BitArray,
    decided: BitArray,
    rng: np.random.Generator,
    *,
    rounds: int = 1000,
    level: float = 0.95,
    score: Score = "positive",
    stratified: bool = True,
) -> BootstrapScores:
    """Resample rows and score again; ``gold`` and ``decided`` have shape (rows, labels).

    Stratified by label pattern (the row's gold labels together), so that every round has each label as often
    as the data do; a row whose pattern occurs once then stays in every round. ``stratified=False`` resamples
    all rows alike.

    Raises:
        DecisionError: shapes that differ, no rows, fewer than 100 rounds, a level outside 0–1.
    """
    check_rounds(rounds)
    check_level(level)
    truth, guess = as_bool(gold, "gold", 2), as_bool(decided, "decided", 2)
    same_shape(truth, guess, "gold and decided")
    if truth.size == 0:
        raise DecisionError(
            f"a bootstrap needs at least one row and one label, got shape {truth.shape}",
            "Give the rows of a finished fold.",
        )
    cells = cells_of(truth, guess)
    draws = per_label_f1(cells.confusion(cells.drawn(rounds, rng, stratified), which=0), score)
    per_class = per_label_f1(confusion(truth, guess), score)
    return BootstrapScores(
        macro_f1=float(per_class.mean()),
        macro_interval=percentile_interval(draws.mean(axis=1), level),
        per_class=per_class,
        per_class_intervals=tuple(percentile_interval(column, level) for column in draws.T),
        rounds=rounds,
    )
