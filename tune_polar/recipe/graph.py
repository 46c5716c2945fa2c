"""Which stage starts from which, what each decision reads, and the orders that follow.

No order depends on how a file lists stages or decisions: records and manifests sort their keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tune_polar.recipe.components import Decision
from tune_polar.recipe.components.output_form import Said
from tune_polar.recipe.sections import Stage

Edges = Mapping[str, Sequence[str]]  # name → what must come before it


@dataclass(frozen=True)
class DecisionGraph:
    """Decisions over stages, as a recipe writes them down."""

    stages: Mapping[str, Stage]
    decide: Mapping[str, Decision]

    def stage_read(self, decision: Decision, name: str) -> str | None:
        """The stage that ``decision`` means by ``name``; None: it means a decision, or nothing there is."""
        if name in self.stages and (decision.reads_tables or name not in self.decide):
            return name
        return None

    @property
    def edges(self) -> dict[str, list[str]]:
        """Decision → the decisions that it reads."""
        return {
            name: [read for read in decision.reads if self.stage_read(decision, read) is None and read in self.decide]
            for name, decision in self.decide.items()
        }

    def stages_below(self, name: str) -> Iterator[str]:
        """Stages that a decision rests on, in the order in which it reads them; there must be no circle."""
        decision = self.decide[name]
        for read in decision.reads:
            stage = self.stage_read(decision, read)
            if stage is not None:
                yield stage
            elif read in self.decide:
                yield from self.stages_below(read)

    def said(self, name: str) -> Said | None:
        """What a decision says; None where something that it reads is not there or does not fit."""
        inputs = self.inputs(name)
        decision = self.decide[name]
        if inputs is None or any(decision.problems(inputs)):
            return None
        return decision.said(inputs)

    def inputs(self, name: str) -> dict[str, Said] | None:
        """What a decision reads, by the name it has there; None where that cannot be said."""
        decision = self.decide[name]
        found = {}
        for read in decision.reads:
            stage = self.stage_read(decision, read)
            said = said_by(self.stages[stage]) if stage else self.said(read) if read in self.decide else None
            if said is None:
                return None
            found[read] = said
        return found


def said_by(stage: Stage) -> Said:
    """What a stage's table says."""
    return Said(stage.predicts, stage.task.gold, stage.columns)


def circle_in(edges: Edges) -> tuple[str, ...] | None:
    """Names that come before one another in a circle, or None."""
    left = {name: set(before) & set(edges) for name, before in edges.items()}
    while free := {name for name, before in left.items() if not before}:
        left = {name: before - free for name, before in left.items() if name not in free}
    if not left:
        return None
    path = [min(left)]
    while True:
        following = min(left[path[-1]])
        if following in path:
            return (*path[path.index(following) :], following)
        path.append(following)


def in_order(wanted: Iterable[str], edges: Edges) -> list[str]:
    """``wanted`` as listed, each after all that must come before it; there must be no circle."""
    found: dict[str, None] = {}

    def visit(name: str) -> None:
        if name not in found:
            for before in edges.get(name, ()):
                visit(before)
            found[name] = None

    for name in wanted:
        visit(name)
    return list(found)


def start_edges(stages: Mapping[str, Stage]) -> dict[str, list[str]]:
    """Stage → the stage it starts from."""
    return {
        name: [stage.start.stage] if stage.start is not None and stage.start.stage in stages else []
        for name, stage in stages.items()
    }


def training_order(graph: DecisionGraph, scored: str) -> list[str]:
    """Stages in the order in which they are trained: those that the score rests on last, as it reads them."""
    read = list(dict.fromkeys(graph.stages_below(scored))) if scored in graph.decide else []
    others = sorted(set(graph.stages) - set(read))
    return in_order([*others, *read], start_edges(graph.stages))


def deciding_order(graph: DecisionGraph, scored: str) -> list[str]:
    """Decisions, each after those it reads; the scored one as early as may be."""
    return in_order([name for name in (scored, *sorted(graph.decide)) if name in graph.decide], graph.edges)
