"""The rule that gives nothing up between cells: every configuration runs all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tune_polar.decide.array_checks import BoolArray
from tune_polar.search.racing.board import Board


@dataclass(frozen=True)
class KeepAll:
    """Nothing is hopeless."""

    name: str = "none"
    fewest_cells: int = 1

    def hopeless(self, board: Board) -> BoolArray:
        """See ``RacingRule``."""
        return np.zeros(len(board.scores), dtype=np.bool_)
