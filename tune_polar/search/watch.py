"""What a person watching a search is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from tune_polar.search.fold_dispatch import FoldDispatch
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.progress import Progress


class Watcher(Protocol):
    """Told what happens, in the thread that drives the search."""

    def started(self, trial: FoldTrial) -> None:
        """A fold trial has been handed out."""

    def progressed(self, trial: FoldTrial, progress: Progress) -> None:
        """A fold trial has taken some steps."""

    def ended(self, trial: FoldTrial, core: FoldDispatch) -> None:
        """A fold trial has finished, failed or been stopped; the core knows the rest."""


class Silent:
    """A watcher that says nothing."""

    def started(self, trial: FoldTrial) -> None:
        """Nothing."""

    def progressed(self, trial: FoldTrial, progress: Progress) -> None:
        """Nothing."""

    def ended(self, trial: FoldTrial, core: FoldDispatch) -> None:
        """Nothing."""


class Together:
    """Several watchers, each told in turn; one whose terminal is gone is told no more, and the search goes on."""

    def __init__(self, watchers: Sequence[Watcher]) -> None:
        self._watchers = list(watchers)

    def started(self, trial: FoldTrial) -> None:
        """Tell all."""
        self._tell(lambda watcher: watcher.started(trial))

    def progressed(self, trial: FoldTrial, progress: Progress) -> None:
        """Tell all."""
        self._tell(lambda watcher: watcher.progressed(trial, progress))

    def ended(self, trial: FoldTrial, core: FoldDispatch) -> None:
        """Tell all."""
        self._tell(lambda watcher: watcher.ended(trial, core))

    def _tell(self, say: Callable[[Watcher], None]) -> None:
        for watcher in list(self._watchers):
            try:
                say(watcher)
            except OSError:  # the terminal is gone or its pipe is closed
                self._watchers.remove(watcher)
