"""Ensembles of configurations: who counts how much, and what the decisions make of the mean, each chosen honestly.

An ensemble replaces each stage's table by the weighted mean of its members' tables of that stage. Then it is decided as
a configuration is, its settings chosen on the mean. A table of neighbours becomes the share of positives among the k
nearest, k as its member alone would choose it; a vote becomes a threshold of that share.

Weights, k and settings that decide a fold's rows are chosen on the other folds (``evidence`` says how rows are parted);
those that would be used are chosen on all out-of-fold rows. A member counts on the rows that it has answered; there the
weights of those present are divided by their sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import BoolArray, FloatArray
from tune_polar.decide.chooser import Chooser, Settings
from tune_polar.decide.ensemble_fit import Choice, EnsembleCandidate, EnsembleFit, Fitted, Weigh
from tune_polar.decide.evidence import Evidence
from tune_polar.decide.graph import Graph, Node
from tune_polar.decide.greedy_selection import steadied_weights
from tune_polar.decide.groups import GroupSettings
from tune_polar.decide.judgement import Scored
from tune_polar.decide.mean_graph import mean_graph
from tune_polar.decide.metrics import Metric
from tune_polar.decide.rows import Rows
from tune_polar.decide.score_ladder import scored_rows
from tune_polar.decide.tables import Table
from tune_polar.errors import DecisionError


@dataclass(frozen=True, eq=False)
class Ensemble:
    """An ensemble, its score cross-fitted, and how it would be used."""

    scored: Scored  # ``decided`` of the judged rows
    deployed: Fitted


def greedy(choice: Choice) -> FloatArray:
    """Half greedy selection, half the best few."""
    return steadied_weights(choice.objective, choice.complete)


def uniform(choice: Choice) -> FloatArray:
    """All that have answered for every row, alike."""
    return choice.complete.astype(np.float64)


def only(place: int) -> Weigh:
    """One candidate alone: the mean of its seeds."""
    return lambda choice: (choice.places == place).astype(np.float64)


class EnsembleBench:
    """Candidates on the same out-of-fold rows, each text once a part.

    Args:
        graph: of a configuration's decisions.
        rows: by stage.
        candidates: at least one of them complete.
        metric: of the score.

    Raises:
        DecisionError: no complete candidate, or tables that do not fit each other.

    Example:
        >>> bench = EnsembleBench(graph, rows, candidates, metric_named("macro_f1"))
        >>> bench.ensemble(greedy).scored.score
    """

    def __init__(
        self, graph: Graph, rows: Mapping[str, Rows], candidates: Sequence[EnsembleCandidate], metric: Metric
    ) -> None:
        first = next((each for each in candidates if each.is_complete), None)
        if first is None:
            raise DecisionError(
                "an ensemble must have a configuration that has answered for every row, got none",
                "Finish all folds of one configuration.",
            )
        self.candidates, self.metric = tuple(candidates), metric
        self.graph = mean_graph(graph, metric)
        self._votes = {node.of[0]: node for node in reversed(graph.scored.below) if node.kind == "knn_vote"}
        stages = sorted(graph.scored.stages)
        given = Evidence({each: _blank(first.tables[each]) for each in stages}, {each: rows[each] for each in stages})
        judged = Chooser(given, metric).rows(self.node)
        self.judged = judged.take(judged.mask)  # before a single part is cut: what ``Scored.decided`` stands for
        self.rows, self._frame = given.rows, given.cut()
        self._alone: dict[tuple[int, str, int | None], Chooser] = {}

    @property
    def node(self) -> Node:
        """The decision that is scored."""
        return self.graph.scored

    @cached_property
    def _rows(self) -> Rows:
        return Chooser(self._frame, self.metric).rows(self.node)

    @cached_property
    def on_all(self) -> EnsembleFit:
        """Chooses on all out-of-fold rows."""
        return self._fit(None)

    def ensemble(self, weigh: Weigh) -> Ensemble:
        """One of ``ensembles``."""
        return self.ensembles([weigh])[0]

    def ensembles(self, ways: Sequence[Weigh]) -> list[Ensemble]:
        """Each chosen for each part on the others, and on all rows; part by part, for each holds all tables.

        Raises:
            DecisionError: fewer than two parts.
        """
        rows, chooser = self._rows, Chooser(self._frame, self.metric)
        if len(rows.parts) < 2:
            raise DecisionError(
                f"cross-fitting needs at least 2 folds, got {list(rows.parts)}", "Finish another fold first."
            )
        decided: list[NDArray[Any] | None] = [None] * len(ways)
        settings: list[list[Settings]] = [[] for _ in ways]
        for part in rows.parts:
            fit, own = self._fit(part), rows.part == part
            for place, weigh in enumerate(ways):
                fitted = fit.fit(weigh)
                found = fit.decide(fitted)
                settings[place].append(fitted.settings)
                decided[place] = _with_rows(decided[place], found, own)
        metric = chooser.metric(self.node)
        owns = [rows.mask & (rows.part == part) for part in rows.parts]
        result = []
        for place, weigh in enumerate(ways):
            each = np.asarray(decided[place])
            cells = tuple(metric.score(rows.gold.take(own), each[own]) for own in owns)
            scored = scored_rows(chooser, self.node, each, tuple(settings[place]), rows.parts, cells)
            result.append(Ensemble(scored, self.on_all.fit(weigh)))
        return result

    def _fit(self, part: int | None) -> EnsembleFit:
        kept = {}
        for stage, rows in self._frame.rows.items():
            held = rows.part == part  # nothing where part is None
            kept[stage] = ~(np.isin(rows.ids, rows.ids[held]) if self._frame.overlaps else held)
        ks = [self._ks(place, part, kept) for place in range(len(self.candidates))]
        return EnsembleFit(self.node, self.metric, self.candidates, self._frame, kept, ks)

    def _ks(self, place: int, part: int | None, kept: Mapping[str, BoolArray]) -> dict[str, int] | None:
        """How many neighbours of each stage the candidate alone would ask; None where it has no row to choose on."""
        candidate = self.candidates[place]
        if not all(
            (candidate.covered[stage] & rows & self._frame.rows[stage].mask).any() for stage, rows in kept.items()
        ):
            return None
        return {
            stage: self._k(place, stage, part, rows)
            for stage, rows in kept.items()
            if candidate.tables[stage].kind == "neighbours"
        }

    def _k(self, place: int, stage: str, part: int | None, kept: BoolArray) -> int:
        node = self._votes.get(stage)
        if node is None:
            raise DecisionError(f"neighbours of {stage!r} must be read by a vote, got none", "Add a knn_vote of it.")
        candidate, rows = self.candidates[place], self._frame.rows[stage]
        key = (place, stage, part if self._frame.overlaps else None)
        if key not in self._alone:
            own = candidate.covered[stage] & kept if self._frame.overlaps else candidate.covered[stage]
            self._alone[key] = Chooser(
                Evidence({stage: candidate.tables[stage].take(own)}, {stage: rows.take(own)}), self.metric
            )
        chooser = self._alone[key]
        rule = chooser.choose(node, [each for each in chooser.parts(node) if each != part])[node.name]
        return int((rule.pooled if isinstance(rule, GroupSettings) else rule).written()["k"])


def _with_rows(decided: NDArray[Any] | None, found: NDArray[Any], own: BoolArray) -> NDArray[Any]:
    """``decided`` with the rows ``own`` of ``found``."""
    whole = np.zeros_like(found) if decided is None else decided
    whole[own] = found[own]
    return whole


def _blank(table: Table) -> Table:
    """What the mean of tables like this one will be, to know its rows by."""
    votes = table.kind == "neighbours"
    return Table.of("probability" if votes else table.kind, [np.zeros((len(table), 1 if votes else table.width))])
