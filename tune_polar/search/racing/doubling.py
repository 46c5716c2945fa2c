"""Successive halving over cells, asynchronous (after Li et al., ASHA, 2020): rungs at one, two, four cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tune_polar.decide.array_checks import BoolArray
from tune_polar.search.racing.board import Board


@dataclass(frozen=True)
class Doubling:
    """At a rung only the better half of all that have come so far goes on, by mean over its cells less their levels."""

    name: str = "doubling"
    fewest_cells: int = 1

    def hopeless(self, board: Board) -> BoolArray:
        """See ``RacingRule``."""
        found = np.zeros(len(board.scores), dtype=np.bool_)
        if board.effects is None:
            return found
        corrected = board.scores - board.effects.levels
        known = ~np.isnan(corrected)
        means = np.where(known, corrected, 0.0).sum(axis=1) / np.maximum(board.counts, 1)
        rung = 1
        while rung < board.cells:
            there = board.counts >= rung
            better = ((means[None, :] > means[:, None]) & there[None, :]).sum(axis=1)
            found |= (board.counts == rung) & (better >= np.ceil(there.sum() / 2))
            rung *= 2
        return found
