"""Which cell comes next: of the most promising configuration in training, or of a new one.

A configuration that is neither promising nor hopeless waits: it costs nothing, and whether it is worth more cells is
judged again against every better score that turns up meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from tune_polar.decide.array_checks import FloatArray, IntArray
from tune_polar.search.racing.board import Board

# Cells that a new configuration is expected to cost before it is given up or known to be good.
CELLS_OF_A_NEW_ONE = 3.0


@dataclass(frozen=True)
class Promise:
    """Expected improvement over the best finished score, for each cell that it would still cost to have it."""

    cells_of_a_new_one: float = CELLS_OF_A_NEW_ONE

    def next_row(self, board: Board, waiting: Sequence[int], may_open: bool) -> int | None:
        """One of the rows with cells ``waiting``, or None for a new configuration."""
        if not waiting:
            return None
        rows = np.array(waiting)
        if board.incumbent is None:  # the first to finish is what the others are compared with
            return int(rows[0])
        worth = self._worth(board, rows)
        best = int(np.argmax(worth))
        if may_open and worth[best] < self._worth_of_a_new_one(board):
            return None
        return int(rows[best])

    def _worth(self, board: Board, rows: IntArray) -> FloatArray:
        expected, deviation = board.predicted
        left = np.maximum(board.cells - board.counts[rows], 1)
        gain = expected_improvement(expected[rows], deviation[rows], float(board.finals[board.incumbent]))
        new = self._worth_of_a_new_one(board)
        worth: FloatArray = np.where(board.counts[rows] > 0, gain / left, new)  # not begun: as good as a new one
        return worth

    def _worth_of_a_new_one(self, board: Board) -> float:
        if board.effects is None or board.link is None or board.incumbent is None:
            return math.inf
        effects, cells = board.effects, board.cells
        spread = math.sqrt(effects.variances.configuration + effects.variances.noise / cells)
        mean, deviation = board.link.predict(np.array([effects.levels.mean()]), np.array([spread]))
        gain = expected_improvement(mean, deviation, float(board.finals[board.incumbent]))
        return float(gain[0]) / self.cells_of_a_new_one


def expected_improvement(mean: FloatArray, deviation: FloatArray, best: float) -> FloatArray:
    """E[(x − best)⁺] for normal x; all (n,)."""
    safe = np.maximum(deviation, 1e-12)
    z = (mean - best) / safe
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    gain: FloatArray = safe * (z * ndtr(z) + density)
    return gain
