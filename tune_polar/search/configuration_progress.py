"""Where a configuration stands in a search."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import Configuration
from tune_polar.store.abandonment import Abandonment
from tune_polar.store.failures import FailureRecord
from tune_polar.store.records import FoldRecord

State = Literal["open", "finished", "infeasible", "abandoned"]


@dataclass
class ConfigurationProgress:
    """Where one configuration stands."""

    configuration: Configuration
    order: tuple[Cell, ...]  # in which its cells are run
    state: State = "open"
    waiting: list[Cell] = field(default_factory=list)  # to hand out, next first
    running: set[Cell] = field(default_factory=set)
    finished: dict[Cell, FoldRecord] = field(default_factory=dict)
    failures: dict[Cell, list[FailureRecord]] = field(default_factory=dict)  # of each cell
    failure: FailureRecord | None = None  # for which it is infeasible
    abandonment: Abandonment | None = None  # why racing gave it up
    score: float | None = None

    @property
    def handed_out(self) -> int:
        """Cells running or finished."""
        return len(self.running) + len(self.finished)


def cell_of(record: FoldRecord | FailureRecord) -> Cell:
    """The cell that a record is of."""
    return Cell(record.fold, record.seed)
