"""A replayed search that pauses: a first fold that promises little stops within its last stage, and may go on later.

Not in the package: a resumed search would need a record of each pause to decide as the uninterrupted one, and disk for
the checkpoint of every fold that waits (docs/decisions/0018). What it would save, `race.py --pause MARGIN` prints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from replay import STAGE, STEPS, Clock

from tune_polar.decide.array_checks import FloatArray, IntArray
from tune_polar.search.racing.board import Board, RunningCell
from tune_polar.search.racing.curves import predicted_within
from tune_polar.search.racing.evaluation import evaluation_of
from tune_polar.search.racing.most_promising import Promise, expected_improvement
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.progress import Progress

LEAST_LEFT = 0.05  # of a cell


@dataclass(frozen=True)
class PromiseOfPaused(Promise):
    """As the package's; of rows whose first cell is paused by their curve so far, and what is left of that cell."""

    paused: dict[int, RunningCell] = field(default_factory=dict)  # by row of the board

    def worth_of(self, board: Board, running: RunningCell) -> float | None:
        """Expected improvement for each cell that is left; None while curves say nothing."""
        expected, deviation = predicted_within(board, running)
        if not np.isfinite(expected) or board.incumbent is None:
            return None
        left = max(LEAST_LEFT, float(board.cells - board.counts[running.row]) - running.share)
        best = float(board.finals[board.incumbent])
        gain = float(expected_improvement(np.array([expected]), np.array([deviation]), best)[0])
        return gain / left

    def best_other(self, board: Board, waiting: Sequence[int], may_open: bool) -> float:
        """The worth of what could be trained instead."""
        found = [self._worth_of_a_new_one(board)] if may_open else []
        return max([*found, *self._worth(board, np.array(waiting, dtype=np.int64)).tolist()], default=0.0)

    def _worth(self, board: Board, rows: IntArray) -> FloatArray:
        worth = super()._worth(board, rows)
        for place, row in enumerate(rows.tolist()):
            own = self.worth_of(board, self.paused[row]) if row in self.paused else None
            worth[place] = worth[place] if own is None else own
        return worth


class PausingClock(Clock):
    """Pauses a first fold whose worth is below ``margin`` times that of what could be trained instead."""

    def __init__(self, *about: Any, margin: float, promise: PromiseOfPaused) -> None:
        super().__init__(*about)
        if self._racing is None:
            raise ValueError("pauses need a race")
        self._margin, self._promise, self._keeper = margin, promise, self._racing.keeper

    def _begin(self, trial: FoldTrial) -> None:
        self._promise.paused.pop(self._keeper.row(trial.configuration_id), None)
        super()._begin(trial)

    def _evaluated(self, trial: FoldTrial, evaluation: int) -> None:
        super()._evaluated(trial, evaluation)
        progress, row, fold = self._core.progress[trial.configuration_id], self._stage.row(trial), trial.cell.fold
        share, best = self._stage.table.curves[row][fold][evaluation]
        told = evaluation_of(trial, Progress(STAGE, 0, fold, round(share * STEPS), STEPS, best, best))
        if progress.state != "open" or progress.finished or told is None or told.share >= 1:
            return
        board = self._keeper.board()
        place = self._keeper.place(trial.cell)
        running = RunningCell(self._keeper.row(trial.configuration_id), place, told.share, told.value)
        worth = self._promise.worth_of(board, running)
        others = [
            self._keeper.row(key)
            for key, each in self._core.progress.items()
            if each.state == "open" and each.waiting and (each.finished or not each.running) and each is not progress
        ]
        may_open = len(self._core.progress) < len(self._stage.configurations)
        if worth is None or worth >= self._margin * self._promise.best_other(board, others, may_open):
            return
        self._pause(row, fold)
        self._core.fold_returned(trial)
        self._promise.paused[running.row] = running
