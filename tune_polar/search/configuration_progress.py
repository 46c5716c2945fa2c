"""Where a configuration stands in a search."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tune_polar.spec.configuration import Configuration
from tune_polar.store.abandonment import Abandonment
from tune_polar.store.record import FailureRecord, FoldRecord

State = Literal["open", "finished", "infeasible", "abandoned"]


@dataclass
class ConfigurationProgress:
    """Where one configuration stands."""

    configuration: Configuration
    order: tuple[int, ...]  # in which its folds are run
    state: State = "open"
    waiting: list[int] = field(default_factory=list)  # folds to hand out, next first
    running: set[int] = field(default_factory=set)
    finished: dict[int, FoldRecord] = field(default_factory=dict)
    failures: dict[int, list[FailureRecord]] = field(default_factory=dict)  # of each fold
    failure: FailureRecord | None = None
    abandonment: Abandonment | None = None  # why racing gave it up
    score: float | None = None

    @property
    def handed_out(self) -> int:
        """Folds running or finished."""
        return len(self.running) + len(self.finished)
