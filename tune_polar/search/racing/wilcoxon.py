"""Wilcoxon's signed-rank test against the incumbent on the cells that both have, as Optuna's ``WilcoxonPruner``.

With five cells the smallest one-sided p is 1/32, and at p < 0.1 nothing is given up before the fourth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tune_polar.decide.array_checks import BoolArray
from tune_polar.search.racing.board import Board
from tune_polar.search.racing.verdicts import incumbent_scores, mean_of_scored


@dataclass(frozen=True)
class Wilcoxon:
    """Given up where p < ``p_threshold``, unless the mean so far is at least the incumbent's over all its cells."""

    name: str = "wilcoxon"
    fewest_cells: int = 2
    p_threshold: float = 0.1

    def hopeless(self, board: Board) -> BoolArray:
        """See ``RacingRule``."""
        from scipy.stats import wilcoxon  # half a second to import, for one rule of six

        found = np.zeros(len(board.scores), dtype=np.bool_)
        theirs = incumbent_scores(board)
        worse = mean_of_scored(board.scores) < mean_of_scored(theirs[None, :])[0]
        # Below four differences no p is under a tenth: 1/2ⁿ is the smallest.
        enough = board.counts >= max(self.fewest_cells, np.ceil(-np.log2(self.p_threshold)))
        for row in np.flatnonzero(board.open & worse & enough):
            differences = board.scores[row] - theirs
            differences = differences[~np.isnan(differences)]
            if len(differences) >= self.fewest_cells:
                p = wilcoxon(differences, alternative="less", zero_method="zsplit").pvalue
                found[row] = p < self.p_threshold
        return found
