"""How far a running search has come, and how long the rest will take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from tune_polar.recipe.cells import Cell
from tune_polar.report.words import CellWords
from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.fold_dispatch import FoldDispatch
from tune_polar.trial.fold_trial import FoldTrial

ONE_SEED = (Cell(0, 0), Cell(1, 0))  # told apart by their folds


def clock(seconds: float) -> str:
    """``75`` → ``1:15``, ``3700`` → ``1:01:40``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class Pace:
    """Elapsed and remaining time, from the seconds that the fold trials of this run took and how many ran at once."""

    def __init__(
        self, total: int | None, now: Callable[[], float] = time.monotonic, *, cells: Sequence[Cell] = ONE_SEED
    ) -> None:
        """``total`` fold trials are to be finished; None: as many as there will be.

        ``cells``: of a configuration, by which its fold trials are called.
        """
        self._now = now
        self._words = CellWords(tuple(cells))
        self._began = now()
        self._total = total
        self._running: set[str] = set()
        self._at_once = 1
        self._finished = 0
        self._fold_seconds = 0.0
        self._trains = False

    def started(self, trial: FoldTrial) -> None:
        """A fold trial has been handed out."""
        self._running.add(trial.id)

    def progressed(self) -> bool:
        """Some fold trial has taken a step; whether it was the first one of this run."""
        first, self._trains = not self._trains, True
        return first

    def ended(self, trial: FoldTrial, core: FoldDispatch) -> None:
        """A fold trial is over, whether it finished or not."""
        self._at_once = max(1, len(self._running))
        self._running.discard(trial.id)
        record = core.progress[trial.configuration_id].finished.get(trial.cell)
        if record is not None:
            self._trains = True
            self._finished += 1
            self._fold_seconds += record.seconds

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._now() - self._began

    def line(self, core: FoldDispatch) -> str:
        """``12/40 folds · elapsed 0:31 · about 1:10 left``."""
        rows = list(core.progress.values())  # a copy: the driving thread adds to them while another one draws
        done = sum(len(row.finished) for row in rows)
        said = self._words.count(done) if self._total is None else f"{done}/{self._total} {self._words.many}"
        text = f"{said} · elapsed {clock(self.elapsed)}"
        if not self._trains:
            return f"{text} · workers are starting"
        left = 0 if self._total is None else self._total - done - _dropped(rows)
        if left > 0 and self._finished:
            # Not from the time that has passed: before the first fold the workers had to load, and several run at once.
            seconds = self._fold_seconds / self._finished * left / min(self._at_once, left)
            text += f" · about {clock(seconds)} left"
        return text


def _dropped(rows: Sequence[ConfigurationProgress]) -> int:
    """Fold trials of configurations that failed or were given up."""
    over = [row for row in rows if row.state in ("infeasible", "abandoned")]
    return sum(len(row.order) - len(row.finished) for row in over)
