"""What ends a search before its configurations are used up: a time that is over, or nothing that works."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.stopping.stop_rule import Stop

UNLIMITED = sys.maxsize
FAILED_AT_FIRST = 3  # configurations that fail before anything has worked, after which a search gives up


@dataclass(frozen=True)
class Limits:
    """What a person has said about when to stop, besides a number of configurations."""

    seconds: float | None = None  # counted from ``began``
    until_converged: bool = False
    trials_given: bool = True  # False: only the limits above end the search
    began: float = field(default_factory=time.monotonic)

    @property
    def is_open_ended(self) -> bool:
        """Whether the number of configurations is left open."""
        return not self.trials_given and (self.seconds is not None or self.until_converged)

    def configurations(self, planned: int) -> int:
        """How many configurations may be opened."""
        return UNLIMITED if self.is_open_ended else planned


@dataclass(frozen=True)
class TimeLimit:
    """No new fold trial after so many seconds; those that run are let finish."""

    seconds: float
    began: float
    clock: Callable[[], float] = time.monotonic

    def stop(self, progress: Mapping[str, ConfigurationProgress]) -> Stop | None:  # noqa: ARG002
        """See ``StopRule``."""
        if self.clock() - self.began < self.seconds:
            return None
        said = f"The time given (--time, {self.seconds:g} s) is over: no further fold was begun, those running finished"
        return Stop("time", said, holds_folds=True)


class NothingWorks:
    """The first configurations have all failed and no cell has ever finished: the rest would fail as well.

    Only what fails under this rule's eyes counts, so that a resumed search gets another chance.
    """

    def __init__(self, planned: int, before: Mapping[str, ConfigurationProgress]) -> None:
        self._before = {key for key, each in before.items() if each.state == "infeasible"}
        self._enough = max(1, min(FAILED_AT_FIRST, planned - len(self._before)))

    def stop(self, progress: Mapping[str, ConfigurationProgress]) -> Stop | None:
        """See ``StopRule``."""
        failed = 0
        for key, each in progress.items():
            if each.finished or each.state in ("finished", "abandoned"):
                return None
            failed += each.state == "infeasible" and key not in self._before
        if failed < self._enough:
            return None
        said = f"All of the first {failed} configurations failed before any fold had finished"
        return Stop("failures", said, holds_folds=True)
