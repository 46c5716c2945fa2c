"""Tells trackers of a running search what a person sees of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from tune_polar.recipe.cells import Cell
from tune_polar.recipe.seen_starts import seen_starts, stage_starts
from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.fold_dispatch import FoldDispatch
from tune_polar.search.trackers.relay import Message, Relay
from tune_polar.search.trackers.runs import ConfigurationEnd, ConfigurationRun, Evaluation, FoldEnd, FoldRun, SearchRun
from tune_polar.search.trackers.tracker import open_tracker
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.progress import Progress

FAREWELL_SECONDS = 30.0  # that the end of a search waits for what is not told yet


class Tracking:
    """A watcher that passes on starts, evaluations and ends."""

    def __init__(self, core: FoldDispatch, search: SearchRun, relays: Sequence[Relay]) -> None:
        """What has ended before was told when it ended."""
        self._core = core
        self._search = search
        self._relays = relays
        self._steps: dict[tuple[str, Cell, str], int] = {}  # evaluated last, by stage of a fold trial
        self._ended = {name for name, progress in core.progress.items() if progress.state != "open"}

    def started(self, trial: FoldTrial) -> None:
        """Open its run."""
        run = self._run(trial)
        self._tell(lambda tracker: tracker.fold_started(run))

    def progressed(self, trial: FoldTrial, progress: Progress) -> None:
        """Pass on an evaluation; one that a lost worker made already is made again, and passed over."""
        place = (trial.configuration_id, trial.cell, progress.stage)
        if progress.value is None or progress.step <= self._steps.get(place, 0):
            return
        self._steps[place] = progress.step
        run = self._run(trial)
        told = Evaluation(progress.stage, progress.step, progress.training_loss, progress.value)
        self._tell(lambda tracker: tracker.evaluated(run, told))

    def ended(self, trial: FoldTrial, core: FoldDispatch) -> None:
        """Close its run, and those of configurations that this has ended."""
        run, end = self._run(trial), _end_of(core.progress[trial.configuration_id], trial.cell)
        self._tell(lambda tracker: tracker.fold_ended(run, end))
        for name, progress in core.progress.items():
            if progress.state != "open" and name not in self._ended:
                self._ended.add(name)
                self._configuration_ended(progress)

    def _configuration_ended(self, progress: ConfigurationProgress) -> None:
        run = ConfigurationRun(self._search, progress.configuration)
        expected = None if progress.abandonment is None else progress.abandonment.predicted
        recipe = progress.configuration.recipe
        seen = seen_starts(recipe, recipe.score.of, _folds(progress))
        end = ConfigurationEnd(progress.state, progress.score, expected, [each.stage for each in seen])
        self._tell(lambda tracker: tracker.configuration_ended(run, end))

    def _run(self, trial: FoldTrial) -> FoldRun:
        configuration = self._core.progress[trial.configuration_id].configuration
        return FoldRun(ConfigurationRun(self._search, configuration), trial.cell)

    def _tell(self, message: Message) -> None:
        for relay in self._relays:
            relay.put(message)


@contextlib.contextmanager
def tracking(
    names: Sequence[str], core: FoldDispatch, search: SearchRun, folder: Path, say: Callable[[str], None]
) -> Iterator[Tracking]:
    """A watcher for the time of a search; at its end what was not told by then is said.

    Args:
        names: of trackers, checked.
        core: of the search.
        search: as trackers know it.
        folder: for TensorBoard's files where the environment names no other.
        say: shows a line to whoever watches.

    Example:
        >>> with tracking(["mlflow"], search.core, run, Path("curves"), print) as watcher: search.run(watcher)
    """
    relays = [Relay(name, partial(open_tracker, name, search, folder), say) for name in dict.fromkeys(names)]
    try:
        yield Tracking(core, search, relays)
    finally:
        until = time.monotonic() + FAREWELL_SECONDS
        for relay in relays:
            relay.close(until - time.monotonic())
            if relay.dropped:
                say(f"{relay.name}: {relay.dropped} messages were not sent; the search's own records are whole")


def _end_of(progress: ConfigurationProgress, cell: Cell) -> FoldEnd:
    record = progress.finished.get(cell)
    if record is not None:
        recipe = progress.configuration.recipe
        seen = [name for name in recipe.stages if stage_starts(recipe, name, _folds(progress))]
        return FoldEnd("finished", record.scores, record.seconds, record.reused, seen)
    is_over = progress.state == "infeasible" and cell not in progress.waiting
    return FoldEnd("failed" if is_over else "stopped")


def _folds(progress: ConfigurationProgress) -> int:
    return len({cell.fold for cell in progress.order})
