"""The two rules of Bergman, Purucker and Hutter, "Don't waste your time: early stopping cross-validation" (2024)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tune_polar.decide.array_checks import BoolArray
from tune_polar.search.racing.board import Board
from tune_polar.search.racing.verdicts import incumbent_scores, mean_of_scored


@dataclass(frozen=True)
class Aggressive:
    """The mean so far is below the incumbent's mean on the same cells."""

    name: str = "aggressive"
    fewest_cells: int = 1

    def hopeless(self, board: Board) -> BoolArray:
        """See ``RacingRule``."""
        theirs = np.where(np.isnan(board.scores), np.nan, incumbent_scores(board)[None, :])
        below: BoolArray = mean_of_scored(board.scores) < mean_of_scored(theirs)
        return below


@dataclass(frozen=True)
class Forgiving:
    """The mean so far is below the incumbent's worst cell."""

    name: str = "forgiving"
    fewest_cells: int = 1

    def hopeless(self, board: Board) -> BoolArray:
        """See ``RacingRule``."""
        below: BoolArray = mean_of_scored(board.scores) < incumbent_scores(board).min()
        return below
