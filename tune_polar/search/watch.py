"""What a person watching a search is told."""

from __future__ import annotations

from typing import Protocol

from tune_polar.search.core import SearchCore
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.progress import Progress


class Watcher(Protocol):
    """Told what happens, in the thread that drives the search."""

    def started(self, trial: FoldTrial) -> None:
        """A fold trial has been handed out."""

    def progressed(self, trial: FoldTrial, progress: Progress) -> None:
        """A fold trial has taken some steps."""

    def ended(self, trial: FoldTrial, core: SearchCore) -> None:
        """A fold trial has finished, failed or been stopped; the core knows the rest."""


class Silent:
    """A watcher that says nothing."""

    def started(self, trial: FoldTrial) -> None:
        """Nothing."""

    def progressed(self, trial: FoldTrial, progress: Progress) -> None:
        """Nothing."""

    def ended(self, trial: FoldTrial, core: SearchCore) -> None:
        """Nothing."""
