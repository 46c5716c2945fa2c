"""How far a search has come, in a line and in figures."""

from __future__ import annotations

from dataclasses import dataclass

from tune_polar.evaluate.summary import SearchSummary


@dataclass(frozen=True)
class Status:
    """Of a search, as its records tell it.

    Args:
        kind: ``search`` or ``ablation``.
        recipe: its name.
        begun: when, ISO 8601.
        planned: configurations that it is to come to.
        finished: that have a score.
        open: whose folds are not all trained yet.
        failed: that cannot be trained.
        stopped: that racing has given up.
        is_complete: whether every planned configuration has ended, well or badly.
    """

    kind: str
    recipe: str
    begun: str
    planned: int
    finished: int
    open: int
    failed: int
    stopped: int
    is_complete: bool

    def __str__(self) -> str:
        stopped = f", {self.stopped} stopped early" if self.stopped else ""
        return (
            f"{self.kind} {self.recipe}, begun {self.begun}: {self.finished} of {self.planned} configurations "
            f"finished, {self.open} open, {self.failed} failed{stopped}"
        )


def status_of(summary: SearchSummary) -> Status:
    """The status that a summary tells."""
    states, facts = [row.state for row in summary.configurations], summary.facts
    return Status(
        kind=facts.kind,
        recipe=summary.recipe.recipe,
        begun=facts.created,
        planned=summary.planned,
        finished=states.count("finished"),
        open=states.count("incomplete"),
        failed=states.count("infeasible"),
        stopped=states.count("abandoned"),
        is_complete=summary.is_complete,
    )
