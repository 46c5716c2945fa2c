"""The interface of racing rules, and what holds for every one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tune_polar.decide.array_checks import BoolArray, FloatArray
from tune_polar.search.racing.board import Board, RunningCell

# Configurations that are best, as far as is known, are never given up: they are what comparisons are made of.
ALWAYS_FINISHED = 3


class RacingRule(Protocol):
    """One way to tell hopeless configurations from others. A pure function of the board."""

    @property
    def name(self) -> str:
        """As typed after ``--racing``."""

    @property
    def fewest_cells(self) -> int:
        """Finished before the rule says anything of a configuration."""

    def hopeless(self, board: Board) -> BoolArray:
        """(configurations,) which should be given up; rows that are not open, or too new, need not be thought of."""


class CurveRule(Protocol):
    """The same within a cell, from its evaluations so far."""

    @property
    def name(self) -> str:
        """As ``--in-fold`` of the replay calls it."""

    def hopeless(self, board: Board, running: RunningCell) -> bool:
        """Whether it should be stopped and its configuration given up."""

    def predicted(self, board: Board, running: RunningCell) -> tuple[float, float]:
        """The final score expected of its configuration, and the deviation."""


class CellChoice(Protocol):
    """Which cell comes next."""

    def next_row(self, board: Board, waiting: Sequence[int], may_open: bool) -> int | None:
        """One of the rows with cells ``waiting``, or None for a new configuration."""


@dataclass(frozen=True)
class Race:
    """A rule with its safeguards: what it gives up has enough cells, is not the best, and is not among the best."""

    rule: RacingRule
    curves: CurveRule | None = None
    choice: CellChoice | None = None  # None: configurations in training take turns, no more of them than slots
    always_finished: int = ALWAYS_FINISHED

    def given_up(self, board: Board) -> list[int]:
        """Rows to give up now."""
        candidates = board.open & (board.counts >= max(1, self.rule.fewest_cells)) & (board.counts < board.cells)
        if board.incumbent is None or not candidates.any():
            return []
        candidates &= self.rule.hopeless(board)
        if not candidates.any():
            return []
        return [int(row) for row in np.flatnonzero(candidates & ~self._protected(board))]

    def gives_up_within(self, board: Board, running: RunningCell) -> bool:
        """Whether the running cell is stopped, and its configuration with it."""
        if self.curves is None or board.incumbent is None or not board.open[running.row]:
            return False
        if not np.isfinite(running.value) or not self.curves.hopeless(board, running):
            return False
        expected, _ = self.curves.predicted(board, running)
        others = np.delete(board.predicted[0], [running.row, *board.failed])
        return int((others > expected).sum()) >= self.always_finished

    def _protected(self, board: Board) -> BoolArray:
        """The best ``always_finished`` rows by what is expected of them; ties all belong to the best."""
        expected = board.predicted[0]
        rivals = np.delete(expected, list(board.failed))
        better = (rivals[None, :] > expected[:, None]).sum(axis=1)
        protected: BoolArray = (better < self.always_finished) | np.isnan(expected)
        if board.incumbent is not None:
            protected[board.incumbent] = True
        return protected


def incumbent_scores(board: Board) -> FloatArray:
    """(cells,) of the best finished configuration; NaN where there is none."""
    if board.incumbent is None:
        return np.full(board.cells, np.nan)
    row: FloatArray = board.scores[board.incumbent]
    return row


def mean_of_scored(scores: FloatArray) -> FloatArray:
    """Mean of each row's scores that are there; NaN for a row without one."""
    known = ~np.isnan(scores)
    counts = known.sum(axis=1)
    sums = np.where(known, scores, 0.0).sum(axis=1)
    found: FloatArray = np.divide(sums, counts, out=np.full(len(scores), np.nan), where=counts > 0)
    return found
