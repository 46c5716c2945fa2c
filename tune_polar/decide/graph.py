"""A recipe's decisions as a graph: which reads what, built from plain data."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from tune_polar.decide.groups import PerGroup
from tune_polar.decide.kinds import DECISIONS, Decision, build_decision
from tune_polar.errors import DecisionError

Steps: TypeAlias = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class Node:
    """One decision, and what it reads: a stage's table by name, or another decision."""

    name: str
    kind: str
    decision: Decision[Any, Any]
    of: tuple[Node | str, ...]
    by: tuple[Node | str, ...]  # what opens a gate
    per: str | None  # column of the groups that are chosen for one by one
    key: str  # equal for decisions that decide alike

    @property
    def sources(self) -> tuple[Node | str, ...]:
        """All that it reads."""
        return (*self.of, *self.by)

    @property
    def plain_decision(self) -> Decision[Any, Any]:
        """The decision as its kind has it, without groups."""
        return self.decision.inner if isinstance(self.decision, PerGroup) else self.decision

    @property
    def parameters(self) -> tuple[str, ...]:
        """What it chooses, as a recipe names it."""
        return self.plain_decision.parameters

    @property
    def below(self) -> tuple[Node, ...]:
        """The decisions under it, each after those that it reads, and itself."""
        found = {node.name: node for source in self.sources if isinstance(source, Node) for node in source.below}
        return (*found.values(), self)

    @property
    def stages(self) -> frozenset[str]:
        """Stages whose tables it rests on."""
        return frozenset(source for node in self.below for source in node.sources if isinstance(source, str))

    @property
    def chooses(self) -> bool:
        """Whether anything in it is chosen."""
        return any(node.decision.parameters for node in self.below)


@dataclass(frozen=True, eq=False)
class Graph:
    """All decisions of a recipe."""

    steps: Steps
    score: str  # the decision that is scored
    stages: frozenset[str]
    nodes: Mapping[str, Node]

    @classmethod
    def of(cls, steps: Steps, *, score: str, stages: Collection[str]) -> Graph:
        """From the section ``decide`` as plain data.

        Decisions read the stage of a name where there is one, else the decision of that name; a gate reads decisions
        first, for a decision may bear the name of its stage.

        Args:
            steps: by name the settings of each, with its ``type``, ``of``, and where its kind has them ``by``, ``per``.
            score: the decision that is scored.
            stages: names of the stages.

        Raises:
            DecisionError: an unknown type, setting or name, a circle, or a decision that reads what it cannot.

        Example:
            >>> Graph.of({"vote": {"type": "knn_vote", "of": "detector", "k": 49, "tau": 0.4}},
            ...          score="vote", stages=["detector"])
        """
        builder = _Builder(steps, frozenset(stages))
        nodes = {name: builder.node(name, ()) for name in steps}
        if score not in nodes:
            raise DecisionError(
                f"score.of must name a decision, one of {list(nodes)}, got {score!r}", "Give the stage a decision."
            )
        return cls(steps, score, builder.stages, nodes)

    @property
    def scored(self) -> Node:
        """The decision that is scored."""
        return self.nodes[self.score]

    def setting(self, key: str) -> Any:
        """The value of ``NAME.setting``, its default where the recipe does not say it.

        Raises:
            DecisionError: a decision or setting that does not exist.
        """
        name, _, setting = key.partition(".")
        if name not in self.nodes:
            raise DecisionError(f"{key} must begin with a decision, one of {list(self.nodes)}", "Mend the name.")
        settings = vars(self.nodes[name].plain_decision)
        if setting not in settings:
            raise DecisionError(f"{key} must be a setting of {name}, one of {list(settings)}", "Mend the name.")
        return settings[setting]

    def changed(self, changes: Mapping[str, Any]) -> Graph:
        """The graph with other settings, given by ``NAME.setting``.

        Raises:
            DecisionError: a decision, setting or value that does not exist.

        Example:
            >>> graph.changed({"manifestations.rule": "prevalence_match"})
        """
        steps = {name: dict(step) for name, step in self.steps.items()}
        for key, value in changes.items():
            self.setting(key)
            name, _, setting = key.partition(".")
            steps[name][setting] = value
        return Graph.of(steps, score=self.score, stages=self.stages)


class _Builder:
    def __init__(self, steps: Steps, stages: frozenset[str]) -> None:
        self.steps, self.stages = steps, stages
        self._nodes: dict[str, Node] = {}

    def node(self, name: str, above: tuple[str, ...]) -> Node:
        if name in above:
            circle = " → ".join((*above, name))
            raise DecisionError(f"decisions must not read each other in a circle, got {circle}", "Cut it.")
        if name not in self._nodes:
            self._nodes[name] = self._built(name, above)
        return self._nodes[name]

    def _built(self, name: str, above: tuple[str, ...]) -> Node:
        settings = dict(self.steps[name])
        kind, of, by, per = (settings.pop(key, None) for key in ("type", "of", "by", "per"))
        decision = build_decision(str(kind), **settings)
        _check_arity(name, decision, of, by)
        over = (*above, name)
        sources = tuple(self._source(name, each, decision, over) for each in ([of] if isinstance(of, str) else of))
        gates = () if by is None else (self._source(name, by, decision, over),)
        if per is not None:
            if not decision.parameters or decision.gives_table:
                raise DecisionError(f"{name}: {kind} must choose something to be chosen per {per}", "Leave out `per`.")
            decision = PerGroup(decision)
        read = [each if isinstance(each, str) else each.key for each in (*sources, *gates)]
        key = json.dumps([name, kind, per, settings, read], sort_keys=True, default=str)
        return Node(name, str(kind), decision, sources, gates, per, key)

    def _source(self, name: str, source: str, decision: Decision[Any, Any], above: tuple[str, ...]) -> Node | str:
        only_decisions = decision.reads == ("decided",)
        if source in self.stages and not only_decisions:
            return source
        if source in self.steps and source != name:
            node = self.node(source, above)
            if "decided" in decision.reads or node.decision.gives_table:
                return node
            raise DecisionError(
                f"{name} must read a stage or a mean, got the decision {source!r}, which has decided already",
                "Name the stage that it reads.",
            )
        known = [each for each in (*sorted(self.stages), *self.steps) if each != name]
        wanted = "a decision" if only_decisions else "a stage or a decision"
        raise DecisionError(f"{name} must read {wanted}, got {source!r}", f"There are {', '.join(known)}.")


def _check_arity(name: str, decision: Decision[Any, Any], of: object, by: object) -> None:
    several = isinstance(of, list | tuple) and len(of) > 0 and all(isinstance(each, str) for each in of)
    if not (several if decision.takes_several else isinstance(of, str)):
        wanted = "a list of names" if decision.takes_several else "one name"
        raise DecisionError(f"{name}.of must be {wanted}, got {of!r}", "Name what it decides on.")
    if isinstance(by, str) != decision.is_gated:
        wanted = "the name of a decision" if decision.is_gated else "left out: only a gate has one"
        raise DecisionError(f"{name}.by must be {wanted}, got {by!r}", f"Kinds are {', '.join(DECISIONS)}.")
