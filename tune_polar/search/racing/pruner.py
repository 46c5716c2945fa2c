"""What the search core tells of a race and asks it: the same of a search that gives nothing up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from tune_polar.recipe.configuration import Configuration
from tune_polar.search.racing.evaluation import Evaluation
from tune_polar.store.abandonment import Abandonment
from tune_polar.store.records import FoldRecord


class Pruner(Protocol):
    """Told what happens, asked what to give up. Follows from records alone."""

    @property
    def gives_up(self) -> bool:
        """Whether it may ever give a configuration up."""

    @property
    def chooses(self) -> bool:
        """Whether it says which cell comes next; else configurations in training take turns."""

    def opened(self, configuration: Configuration) -> None:
        """A configuration is in training."""

    def scored(self, record: FoldRecord) -> None:
        """A cell has finished."""

    def ended(self, configuration_id: str, score: float | None) -> None:
        """A configuration has finished or been given up; its score as the recipe's metric measures it."""

    def failed(self, configuration_id: str) -> None:
        """A configuration will have no score."""

    def next_configuration(self, waiting: Sequence[str], *, may_open: bool) -> str | None:
        """The one of ``waiting`` whose cell comes next, or None for a new one."""

    def expected(self) -> Mapping[str, float]:
        """The final score expected of each configuration with a cell; none before a first one has finished."""

    def given_up(self) -> Sequence[Abandonment]:
        """Configurations to give up now."""

    def given_up_within(self, configuration_id: str, evaluation: Evaluation) -> Abandonment | None:
        """The configuration whose running cell has just been evaluated, if it is to be given up."""


class NoRacing:
    """Every configuration runs all its cells."""

    gives_up = False
    chooses = False

    def opened(self, configuration: Configuration) -> None:
        """Nothing is kept of it."""

    def scored(self, record: FoldRecord) -> None:
        """Nothing is kept of it."""

    def ended(self, configuration_id: str, score: float | None) -> None:
        """Nothing is kept of it."""

    def failed(self, configuration_id: str) -> None:
        """Nothing is kept of it."""

    def next_configuration(self, waiting: Sequence[str], *, may_open: bool) -> str | None:  # noqa: ARG002
        """The first that waits: it chooses nothing."""
        return next(iter(waiting), None)

    def expected(self) -> Mapping[str, float]:
        """Nothing is expected of anything."""
        return {}

    def given_up(self) -> Sequence[Abandonment]:
        """None."""
        return ()

    def given_up_within(self, configuration_id: str, evaluation: Evaluation) -> Abandonment | None:  # noqa: ARG002
        """None."""
        return None
