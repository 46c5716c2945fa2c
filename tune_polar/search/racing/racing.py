"""A race as the search core runs it: keeps the board, and turns what the rule gives up into records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from tune_polar.search.racing.board import Board, RunningFold
from tune_polar.search.racing.rule import Race
from tune_polar.search.racing.scoreboard import Scoreboard
from tune_polar.spec.configuration import Configuration
from tune_polar.store.abandonment import Abandonment
from tune_polar.store.record import FoldRecord, StageName
from tune_polar.trial.progress import Progress


class Racing:
    """Told what happens, asked what to give up. Follows from records alone."""

    def __init__(self, race: Race, folds: int) -> None:
        self._race = race
        self._board = Scoreboard(folds)

    def opened(self, configuration: Configuration) -> None:
        """A configuration is in training; the published one always runs all its folds."""
        self._board.add(configuration.id, may_end=not configuration.is_reference)

    def scored(self, record: FoldRecord) -> None:
        """A fold has finished."""
        self._board.scored(record)

    def ended(self, configuration_id: str, score: float | None) -> None:
        """A configuration has finished, failed or been given up."""
        self._board.ended(configuration_id, score)

    @property
    def chooses(self) -> bool:
        """Whether it says which fold comes next."""
        return self._race.choice is not None

    def next_configuration(self, waiting: Sequence[str], *, may_open: bool) -> str | None:
        """The one of ``waiting`` whose fold comes next, or None for a new one."""
        if self._race.choice is None:
            raise RuntimeError("asked for a choice without a rule to choose by")
        row = self._race.choice.next_row(self._board.board(), [self._board.row(each) for each in waiting], may_open)
        return None if row is None else self._board.ids[row]

    def expected(self) -> dict[str, float]:
        """The final score expected of each configuration with a fold; none before a first one has finished."""
        board = self._board.board()
        if board.incumbent is None:
            return {}
        scores = zip(self._board.ids, board.predicted[0].tolist(), strict=True)
        return {key: score for key, score in scores if np.isfinite(score)}

    def given_up(self) -> list[Abandonment]:
        """Configurations to give up now."""
        board = self._board.board()
        return [self._record(board, row, None, *board.predicted_of(row)) for row in self._race.given_up(board)]

    def given_up_within(self, configuration_id: str, progress: Progress) -> Abandonment | None:
        """The configuration whose fold has just been evaluated in its last stage, if it is to be given up."""
        if self._race.curves is None or progress.best_value is None or progress.value is None:
            return None
        board = self._board.board()
        row, share = self._board.row(configuration_id), progress.step / progress.total_steps
        running = RunningFold(row, progress.fold, share, progress.best_value)
        if share >= 1 or not self._race.gives_up_within(board, running):
            return None
        expected, deviation = self._race.curves.predicted(board, running)
        return self._record(board, row, (progress.fold, progress.stage, progress.step), expected, deviation)

    def _record(
        self, board: Board, row: int, within: tuple[int, StageName, int] | None, expected: float, deviation: float
    ) -> Abandonment:
        best = board.incumbent
        if best is None:
            raise RuntimeError("nothing is given up before a configuration has finished")
        score = float(board.finals[best])
        return Abandonment(
            configuration_id=self._board.ids[row],
            rule=self._race.rule.name,
            folds=tuple(np.flatnonzero(~np.isnan(board.scores[row])).tolist()),
            within=within,
            predicted=expected,
            deviation=deviation,
            chance=float(ndtr((expected - score) / deviation)) if deviation > 0 else float(expected > score),
            incumbent=self._board.ids[best],
            incumbent_score=score,
        )
