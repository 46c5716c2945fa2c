"""Rules within a cell: stop it, and give its configuration up, by its evaluations so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from tune_polar.decide.array_checks import FloatArray
from tune_polar.search.racing.board import Board, RunningCell, curve_point
from tune_polar.stats.race_to_score import fit_score_link

# Finished cells with a curve, before which no cell is compared with them.
FEWEST_CURVES = 10
EPSILON = 0.001
EARLIEST_SHARE, KEPT_SHARE = 0.25, 1 / 3


@dataclass(frozen=True)
class ModelCurves:
    """P(final score > incumbent's) < ``epsilon``, the running cell counted as a score with more noise.

    What the cell will score is read off finished cells: a line through their values at the same share of steps and
    their scores, both less the cell's level.
    """

    name: str = "model"
    epsilon: float = EPSILON

    def hopeless(self, board: Board, running: RunningCell) -> bool:
        """See ``CurveRule``."""
        expected, deviation = self.predicted(board, running)
        if board.incumbent is None or not np.isfinite(expected):
            return False
        return bool(ndtr((expected - board.finals[board.incumbent]) / deviation) < self.epsilon)

    def predicted(self, board: Board, running: RunningCell) -> tuple[float, float]:
        """See ``CurveRule``."""
        return predicted_within(board, running)


@dataclass(frozen=True)
class HalvingCurves:
    """As ASHA: from a quarter of the steps on, only the best third at the same share of steps goes on."""

    name: str = "asha"

    def hopeless(self, board: Board, running: RunningCell) -> bool:
        """See ``CurveRule``."""
        values, _ = _others(board, running)
        if running.share < EARLIEST_SHARE or len(values) < FEWEST_CURVES or board.effects is None:
            return False
        return float((values > running.value - board.effects.levels[running.place]).mean()) >= KEPT_SHARE

    def predicted(self, board: Board, running: RunningCell) -> tuple[float, float]:
        """See ``CurveRule``."""
        return predicted_within(board, running)


def predicted_within(board: Board, running: RunningCell) -> tuple[float, float]:
    """Expected final score of the configuration in training, and its deviation; NaN while too little is known."""
    values, scores = _others(board, running)
    if len(values) < FEWEST_CURVES or board.effects is None or board.link is None:
        return np.nan, np.nan
    effects, level = board.effects, board.effects.levels[running.place]
    line = fit_score_link(values, scores)
    guess, error = line.predict(np.array([running.value - level]), np.zeros(1))
    mean, deviation = effects.with_partial(
        board.scores[running.row], running.place, float(guess[0]) + level, float(error[0]) ** 2
    )
    expected, spread = board.link.predict(np.array([mean]), np.array([deviation]))
    return float(expected[0]), float(spread[0])


def _others(board: Board, running: RunningCell) -> tuple[FloatArray, FloatArray]:
    """Values of finished cells at the share of steps that is reached here, and their scores, both less the level."""
    at = board.curves[:, :, curve_point(running.share)]
    known = ~np.isnan(at) & ~np.isnan(board.scores)
    if board.effects is None or not known.any():
        return np.empty(0), np.empty(0)
    levels = np.broadcast_to(board.effects.levels, at.shape)
    return (at - levels)[known], (board.scores - levels)[known]
