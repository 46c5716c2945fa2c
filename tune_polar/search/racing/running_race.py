"""A race as the search core runs it: keeps the board, and turns what the rule gives up into records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import ndtr

from tune_polar.decide.metrics import Metric
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import Configuration
from tune_polar.search.racing.board import Board, RunningCell
from tune_polar.search.racing.board_keeper import Scoreboard
from tune_polar.search.racing.evaluation import Evaluation
from tune_polar.search.racing.verdicts import Race
from tune_polar.store.abandonment import Abandonment, StoppedAt
from tune_polar.store.records import FoldRecord


class Racing:
    """A ``Pruner`` that goes by a race's rules.

    Inside, larger is better; what comes in and goes out is as the recipe's metric measures it.
    """

    gives_up = True

    def __init__(self, race: Race, cells: Sequence[Cell], metric: Metric) -> None:
        """``cells`` of each configuration; ``metric`` of the score."""
        self._race = race
        self._cells = tuple(cells)
        self._metric = metric
        self._board = Scoreboard(cells)

    def opened(self, configuration: Configuration) -> None:
        """A configuration is in training; the recipe itself always runs all its cells."""
        self._board.add(configuration.id, may_end=not configuration.is_reference)

    def scored(self, record: FoldRecord) -> None:
        """A cell has finished."""
        self._board.scored(record)

    def ended(self, configuration_id: str, score: float | None) -> None:
        """A configuration has finished or been given up."""
        self._board.ended(configuration_id, None if score is None else self._turned(score))

    def failed(self, configuration_id: str) -> None:
        """A configuration will have no score."""
        self._board.failed(configuration_id)

    @property
    def chooses(self) -> bool:
        """Whether it says which cell comes next."""
        return self._race.choice is not None

    def next_configuration(self, waiting: Sequence[str], *, may_open: bool) -> str | None:
        """The one of ``waiting`` whose cell comes next, or None for a new one."""
        if self._race.choice is None:
            raise RuntimeError("asked for a choice without a rule to choose by")
        row = self._race.choice.next_row(self._board.board(), [self._board.row(each) for each in waiting], may_open)
        return None if row is None else self._board.ids[row]

    def expected(self) -> Mapping[str, float]:
        """The final score expected of each configuration with a cell; none before a first one has finished."""
        board = self._board.board()
        if board.incumbent is None:
            return {}
        scores = zip(self._board.ids, board.predicted[0].tolist(), strict=True)
        return {key: self._turned(score) for key, score in scores if np.isfinite(score)}

    def given_up(self) -> Sequence[Abandonment]:
        """Configurations to give up now."""
        board = self._board.board()
        return [self._record(board, row, None, *board.predicted_of(row)) for row in self._race.given_up(board)]

    def given_up_within(self, configuration_id: str, evaluation: Evaluation) -> Abandonment | None:
        """The configuration whose running cell has just been evaluated, if it is to be given up."""
        if self._race.curves is None or evaluation.share >= 1:
            return None
        board, row = self._board.board(), self._board.row(configuration_id)
        running = RunningCell(row, self._board.place(evaluation.cell), evaluation.share, evaluation.value)
        if not self._race.gives_up_within(board, running):
            return None
        return self._record(board, row, evaluation, *self._race.curves.predicted(board, running))

    def _record(
        self, board: Board, row: int, within: Evaluation | None, expected: float, deviation: float
    ) -> Abandonment:
        best = board.incumbent
        if best is None:
            raise RuntimeError("nothing is given up before a configuration has finished")
        score = float(board.finals[best])
        scored = np.flatnonzero(~np.isnan(board.scores[row])).tolist()
        return Abandonment(
            configuration_id=self._board.ids[row],
            rule=self._race.rule.name,
            cells=tuple(sorted(self._cells[place] for place in scored)),
            within=None if within is None else StoppedAt(within.cell, within.stage, within.step),
            predicted=self._turned(expected),
            deviation=deviation,
            chance=float(ndtr((expected - score) / deviation)) if deviation > 0 else float(expected > score),
            incumbent=self._board.ids[best],
            incumbent_score=self._turned(score),
        )

    def _turned(self, score: float) -> float:
        """A score so that larger is better, and back."""
        return self._metric.gain(score, 0.0)
