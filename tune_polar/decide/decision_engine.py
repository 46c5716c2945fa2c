"""The one place that chooses settings of decisions and scores them, for every kind alike.

============  =====================================================================================================
cross_fitted  for each part chosen on the other parts' rows, its own rows decided so; all pooled and scored once
fold_tuned    chosen on all out-of-fold rows; scored on these and, all models together, on each labelled split
inside_folds  chosen and scored in each part, averaged
oracle        chosen on the very rows: on each labelled split; where there is none, inside the folds
as_written    the recipe's settings; what it leaves open as in cross_fitted, on splits as in fold_tuned
plain         what needs no choice: thresholds of 0.5, the majority of all stored neighbours
============  =====================================================================================================

How rows are parted for this (folds, seeds, one split, groups left out) is said in ``evidence``; what a group of rows
chooses for itself in ``groups``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.chooser import Chooser, Settings
from tune_polar.decide.evidence import Evidence
from tune_polar.decide.graph import Graph, Node
from tune_polar.decide.judgement import Alternative, Judged, Judgement, Rung, Scored, mean_of
from tune_polar.decide.kinds import Setting
from tune_polar.decide.metrics import Metric, metric_named
from tune_polar.decide.rows import Rows
from tune_polar.decide.score_ladder import SeedLadder, split_rungs
from tune_polar.decide.tables import Table
from tune_polar.errors import DecisionError

NOTHING: Mapping[str, Any] = MappingProxyType({})


def judge(
    graph: Graph,
    tables: Mapping[str, Table],
    rows: Mapping[str, Rows],
    metric: Metric | str,
    *,
    splits: Mapping[str, Evidence] = NOTHING,
    alternatives: Mapping[str, Sequence[Any]] = NOTHING,
) -> Judged:
    """Score every decision of ``graph``.

    A decision that ``metric`` cannot score (another kind of gold) has the usual metric of its gold, and is chosen by it
    where it is chosen by a metric.

    Args:
        graph: the recipe's decisions.
        tables: by stage, one answer for each out-of-fold row.
        rows: by stage, the same rows: part, gold, which are judged, groups, seed.
        metric: of the score.
        splits: labelled splits; their tables hold all models' answers. They take no part in any choice but their own
            oracle's.
        alternatives: by ``NAME.setting`` the values to try beside the recipe's own, such as threshold rules.

    Raises:
        DecisionError: the score's decision cannot be judged: rows or kinds that do not fit, fewer than two parts with
            rows to choose on, predictions that are no numbers.

    Example:
        >>> judge(graph, tables, rows, "macro_f1", alternatives={"manifestations.rule": ["max_f1", "fixed"]}).score
    """
    bench = _Bench(Evidence(tables, rows), splits, _metric(metric))
    _check(bench.pooled, graph.scored)
    variants = [(changes, graph.changed(changes)) for changes in _variants(graph, alternatives)]
    tried = [bench.alternative(changes, variant) for changes, variant in variants]
    # Sorting keeps the order of equals: the recipe's own settings come first.
    order = sorted(range(len(tried)), key=lambda place: bench.metric.gain(0.0, tried[place].scored.score))
    decisions, unjudged = {}, {}
    for name, node in variants[order[0]][1].nodes.items():
        try:
            decisions[name] = bench.judgement(node, graph.nodes[name])
        except DecisionError as error:
            if name == graph.score:
                raise
            unjudged[name] = error.problem
    return Judged(graph.score, decisions, tuple(tried[place] for place in order), unjudged)


def fold_score(graph: Graph, tables: Mapping[str, Table], rows: Mapping[str, Rows], metric: Metric | str) -> float:
    """The score of one cell alone, in the metric's own unit, which racing hears: it flatters, all about alike.

    What is scored is chosen on the cell's own rows, by the rule that finds the most of the metric (another rule costs
    nothing later). What only opens a gate takes its plain setting where it has one: the majority of the stored
    neighbours.

    Raises:
        DecisionError: as ``judge``.

    Example:
        >>> fold_score(graph, {"detector": Table.of("neighbours", [found])}, {"detector": Rows.of(gold)}, "macro_f1")
    """
    chooser = Chooser(Evidence(tables, rows), _metric(metric))
    _check(chooser, graph.scored)
    settings, reached = _hindsight(chooser, graph.scored, is_scored=True)
    if reached is not None:
        return reached
    found, decided = chooser.rows(graph.scored), chooser.decide(graph.scored, settings)
    return chooser.metric(graph.scored).score(found.gold.take(found.mask), decided[found.mask])


def decide_rows(graph: Graph, name: str, settings: Settings, evidence: Evidence) -> NDArray[Any]:
    """What decision ``name`` says of rows by given ``settings``, such as the deployed ones; shape (rows, columns)."""
    return Chooser(evidence, metric_named("macro_f1")).decide(graph.nodes[name], settings)


class _Bench:
    """A configuration's rows, seed by seed and together, and its labelled splits."""

    def __init__(self, evidence: Evidence, splits: Mapping[str, Evidence], metric: Metric) -> None:
        cut = evidence.cut()
        own, cuts = evidence.by_seed(), cut.by_seed()
        self.metric = metric
        self.pooled = Chooser(evidence, metric)
        self.seeds = [SeedLadder(own[seed], own[seed] if cut is evidence else cuts[seed], metric) for seed in own]
        self._deployed = self.seeds[0].whole if len(self.seeds) == 1 else Chooser(cut, metric)
        self._splits = {name: Chooser(split, metric) for name, split in splits.items()}

    def alternative(self, changes: Mapping[str, Any], graph: Graph) -> Alternative:
        """The score's decision in one variant of the graph."""
        crossed = mean_of([seed.cross_fitted(graph.scored) for seed in self.seeds])
        return Alternative(changes, crossed, self.deployed(graph.scored))

    def deployed(self, node: Node) -> Settings:
        """Chosen on all out-of-fold rows of all seeds."""
        return self._deployed.choose(node, self._deployed.parts(node))

    def judgement(self, node: Node, own: Node) -> Judgement:
        """Every rung; ``own`` is the recipe's node, where ``node`` is an alternative of it."""
        by_seed = [seed.rungs(node, own) for seed in self.seeds]
        ladder: dict[Rung, Scored] = {rung: mean_of([each[rung] for each in by_seed]) for rung in by_seed[0]}
        splits = {
            name: split_rungs(chooser, node, own, self.deployed(node), self.deployed(own))
            for name, chooser in self._splits.items()
            if node.stages <= set(chooser.evidence.tables) and chooser.rows(node).mask.any()
        }
        if not splits:
            ladder["oracle"] = ladder["inside_folds"]
        rows = self.pooled.rows(node)
        in_order = np.argsort(rows.seed, kind="stable")
        judged = rows.take(in_order[rows.mask[in_order]])
        cells = [(seed, part) for seed in judged.seeds for part in np.unique(judged.part[judged.seed == seed]).tolist()]
        return Judgement(
            name=node.name,
            kind=node.kind,
            metric=self.pooled.metric(node),
            rows=judged,
            cells=tuple((part, seed) for seed, part in cells),
            ladder=ladder,
            splits=splits,
            deployed=self.deployed(node),
        )


def _metric(metric: Metric | str) -> Metric:
    return metric_named(metric) if isinstance(metric, str) else metric


def _check(chooser: Chooser, node: Node) -> None:
    """Refuse a metric that cannot score the decision."""
    metric = chooser.score_metric
    metric.check(chooser.rows(node).gold.kind)
    if chooser.metric(node) is not metric:
        wanted = {"probability": "shares, such as a mean of them", "nearest": "a stage while it trains"}
        raise DecisionError(
            f"{metric.name} scores {wanted.get(metric.reads, 'decisions')}, got {node.name!r}, a {node.kind}",
            "Choose another metric, or score another decision.",
        )


def _hindsight(chooser: Chooser, node: Node, is_scored: bool) -> tuple[dict[str, Setting], float | None]:
    """Settings of ``node`` and all under it on one cell, and what the sweep of ``node`` alone says they reach."""
    settings: dict[str, Setting] = {}
    for source in node.sources:
        if isinstance(source, Node):
            settings |= _hindsight(chooser, source, is_scored and source not in node.by)[0]
    if not node.decision.parameters:
        return settings, None
    sample = chooser.sample(node, settings)
    plain = None if is_scored else node.decision.plain(sample.gold.names, sample.inputs.tables[0].width)
    if plain is not None:
        return {**settings, node.name: plain}, None
    decision = node.decision.best_for(sample.metric, sample.gold.kind)
    ready, parts = decision.prepare(sample), np.unique(sample.part).tolist()
    reached = decision.reached(ready, parts) if len(node.below) == 1 else None
    return {**settings, node.name: decision.choose(ready, parts)}, reached


def _variants(graph: Graph, alternatives: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """{} for the recipe's own, then every combination of values of settings that the score depends on."""
    below = {node.name: node for node in graph.scored.below}
    free: dict[str, list[Any]] = {}
    for key, values in alternatives.items():
        name, _, setting = key.partition(".")
        graph.setting(key)  # refuses what is not there
        if setting in graph.nodes[name].parameters:
            raise DecisionError(f"{key} must not have alternatives: it is chosen anyway", "Leave it out of them.")
        if name in below:
            free[key] = list(values)
    own = {key: graph.setting(key) for key in free}
    combined = [dict(zip(free, values, strict=True)) for values in product(*free.values())]
    found: list[dict[str, Any]] = [{}]
    for changes in combined:
        if changes not in (*found, own):
            found.append(changes)
    return found
