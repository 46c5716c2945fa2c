"""The model's rule: given up when there is hardly a chance that the final score will beat the incumbent's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from tune_polar.decide.array_checks import BoolArray, FloatArray
from tune_polar.search.racing.board import Board

EPSILON = 0.001


@dataclass(frozen=True)
class ModelRule:
    """P(final score > incumbent's) < ``epsilon`` by the model of cells' effects and the line to the final score."""

    name: str = "model"
    fewest_cells: int = 1
    epsilon: float = EPSILON

    def hopeless(self, board: Board) -> BoolArray:
        """See ``RacingRule``."""
        below: BoolArray = chance_to_win(board) < self.epsilon
        return below


def chance_to_win(board: Board) -> FloatArray:
    """(configurations,) probability that each row's final score will beat the best one so far."""
    if board.incumbent is None:
        return np.ones(len(board.scores))
    expected, deviation = board.predicted
    best = board.finals[board.incumbent]
    with np.errstate(divide="ignore", invalid="ignore"):
        chance: FloatArray = ndtr((expected - best) / deviation)
    return np.where(np.isnan(chance), 1.0, chance)
