"""What a racing rule sees: every configuration's scores on its cells, and the scores of those that have finished.

All scores are turned so that larger is better, whatever the recipe is scored by.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tune_polar.decide.array_checks import BoolArray, FloatArray
from tune_polar.stats.fold_effects import FoldEffects, fit_fold_effects
from tune_polar.stats.race_to_score import ScoreLink, fit_score_link

CURVE_POINTS = 40  # of a stage's steps: curves are compared at equal shares, whatever their steps


@dataclass(frozen=True)
class RunningCell:
    """A cell in its last stage, right after an evaluation."""

    row: int  # of the board
    place: int  # of the cell among the search's cells
    share: float  # of the stage's steps that are done, in (0, 1]
    value: float  # the best of its checkpoint metric so far


def curve_point(share: float) -> int:
    """The point of a curve within which ``share`` of all steps lies."""
    return min(max(int(np.ceil(share * CURVE_POINTS - 1e-9)) - 1, 0), CURVE_POINTS - 1)


def curve_values(evaluations: Iterable[tuple[float, float]]) -> FloatArray:
    """(CURVE_POINTS,) the best value until each point's end, of evaluations (share, value); NaN before the first."""
    values = np.full(CURVE_POINTS, np.nan)
    for share, value in evaluations:
        point = curve_point(share)
        values[point:] = np.fmax(values[point:], value)
    return values


@dataclass(frozen=True, eq=False)
class Board:
    """Rows are configurations in any order; what a rule decides must not depend on it."""

    scores: FloatArray  # (configurations, cells) what is raced on; NaN: not finished, or not a number
    finals: FloatArray  # (configurations,) the score; NaN: not all cells have finished
    open: BoolArray  # (configurations,) may still be given up
    curves: FloatArray  # (configurations, cells, CURVE_POINTS) of finished cells' last stages, see ``curve_values``
    failed: frozenset[int] = frozenset()  # rows that will never finish, whatever is expected of them

    @property
    def cells(self) -> int:
        """Cells of each configuration."""
        return int(self.scores.shape[1])

    @cached_property
    def counts(self) -> FloatArray:
        """(configurations,) scored cells."""
        found: FloatArray = (~np.isnan(self.scores)).sum(axis=1).astype(np.float64)
        return found

    @cached_property
    def incumbent(self) -> int | None:
        """The row with the best final score; of equal ones the one with the best cells."""
        finished = np.flatnonzero(~np.isnan(self.finals))
        if len(finished) == 0:
            return None
        means = np.nan_to_num(self.scores[finished], nan=-np.inf).mean(axis=1)
        return int(finished[np.lexsort((means, self.finals[finished]))[-1]])

    @cached_property
    def effects(self) -> FoldEffects | None:
        """The model of all scores; None where there is none."""
        return fit_fold_effects(self.scores) if self.counts.any() else None

    @cached_property
    def link(self) -> ScoreLink | None:
        """From raced means to final scores; None before a configuration has finished."""
        done = ~np.isnan(self.finals) & (self.counts == self.cells)
        return fit_score_link(self.scores[done].mean(axis=1), self.finals[done]) if done.any() else None

    @cached_property
    def predicted(self) -> tuple[FloatArray, FloatArray]:
        """(configurations,) expected final score and its deviation; of a finished one its score and 0.

        Before anything has finished, the expected mean over cells of what is raced on.
        """
        if self.effects is None:
            nothing = np.full(len(self.scores), np.nan)
            return nothing, nothing
        mean, deviation = self.effects.mean, self.effects.deviation
        if self.link is not None:
            mean, deviation = self.link.predict(mean, deviation)
        mean = np.where(self.counts > 0, mean, np.nan)
        done = ~np.isnan(self.finals)
        return np.where(done, self.finals, mean), np.where(done, 0.0, deviation)

    def predicted_of(self, row: int) -> tuple[float, float]:
        """``predicted`` of one row."""
        expected, deviation = self.predicted
        return float(expected[row]), float(deviation[row])
