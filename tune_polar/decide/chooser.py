"""Chooses and decides on one set of rows; nothing is prepared or chosen twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.evidence import Evidence
from tune_polar.decide.graph import Node
from tune_polar.decide.kinds import Inputs, Sample, Setting
from tune_polar.decide.metrics import Metric, default_metric, metric_named
from tune_polar.decide.rows import Rows
from tune_polar.decide.tables import Table
from tune_polar.errors import DecisionError

Settings: TypeAlias = Mapping[str, Setting]  # by decision, of all under one and itself


class Chooser:
    """One seed's out-of-fold rows, or one labelled split."""

    def __init__(self, evidence: Evidence, metric: Metric) -> None:
        self.evidence, self.score_metric = evidence, metric
        self._rows: dict[str, Rows] = {}
        self._prepared: dict[str, Any] = {}
        self._chosen: dict[tuple[str, tuple[int, ...]], dict[str, Setting]] = {}

    # -- what a decision reads ---------------------------------------------------------------------------------

    def rows(self, source: Node | str) -> Rows:
        """The rows of a stage or a decision.

        Raises:
            DecisionError: the stage has no table here, or a decision's sources have other rows or other gold.
        """
        if isinstance(source, str):
            if source not in self.evidence.tables:
                raise DecisionError(f"stage {source!r} must have a table, got none", "Finish the stage on these rows.")
            return self.evidence.rows[source]
        if source.key not in self._rows:
            self._rows[source.key] = self._joined_rows(source)
        return self._rows[source.key]

    def _joined_rows(self, node: Node) -> Rows:
        read = [self.rows(source) for source in node.sources]
        first, mask = read[0], read[0].mask
        for source, other in zip(node.sources[1:], read[1:], strict=True):
            if not (np.array_equal(first.ids, other.ids) and np.array_equal(first.part, other.part)):
                raise DecisionError(
                    f"{node.name} must read predictions for the same rows in the same folds, got {len(first)} rows "
                    f"and {len(other)} of {source if isinstance(source, str) else source.name!r}",
                    "Give both stages one fold plan and the same rows.",
                )
            if source in node.by:
                mask = other.mask  # what the gate rejects is judged too
            elif (first.gold.kind, first.gold.names) != (other.gold.kind, other.gold.names):
                raise DecisionError(
                    f"{node.name} must read tables of the same columns, got {first.gold.names} and {other.gold.names}",
                    "Take the mean of stages with one and the same task.",
                )
            else:
                mask = mask & other.mask
        return Rows(first.gold, first.part, mask, first.groups, first.seed, first.ids, first.bonds)

    def inputs(self, node: Node, settings: Settings) -> Inputs:
        """The tables that ``node`` reads once everything under it has decided by ``settings``."""
        rows = self.rows(node)
        tables = tuple(self._table(source, settings) for source in node.sources)
        inputs = Inputs(tables, rows.gold.names, rows.groups.get(node.per) if node.per is not None else None)
        node.decision.check(inputs, rows.gold)
        return inputs

    def _table(self, source: Node | str, settings: Settings) -> Table:
        if isinstance(source, str):
            return self.evidence.tables[source]
        inputs = self.inputs(source, settings)
        kind = source.decision.kind_of_answer(inputs)
        return Table.of(kind, [source.decision.decide(inputs, settings.get(source.name))])

    def parts(self, node: Node) -> list[int]:
        """Parts in which something under ``node`` is judged, in rising order."""
        return sorted({part for each in node.below for part in self.rows(each).parts})

    # -- choosing and deciding ---------------------------------------------------------------------------------

    def metric(self, node: Node) -> Metric:
        """The score's own where it can score this decision; else the usual one of its gold, of shares log-loss."""
        kind = self.rows(node).gold.kind
        if node.decision.gives_table and kind != "number":
            return metric_named("log_loss")
        fits = kind in self.score_metric.kinds and self.score_metric.reads == "decided"
        return self.score_metric if fits else default_metric(kind)

    def choose(self, node: Node, parts: Sequence[int]) -> dict[str, Setting]:
        """Settings of ``node`` and of all under it, chosen on the judged rows of ``parts``."""
        place = (node.key, tuple(parts))
        if place not in self._chosen:
            found: dict[str, Setting] = {}
            for source in node.sources:
                if isinstance(source, Node):
                    found |= self.choose(source, parts)
            if node.decision.parameters:
                found[node.name] = node.decision.choose(self._ready(node, found), parts)
            self._chosen[place] = found
        return self._chosen[place]

    def reached(self, node: Node, parts: Sequence[int]) -> float | None:
        """The highest score of any setting on these rows, where ``node`` alone chooses and its sweep knows it."""
        if not node.decision.parameters or len(node.below) > 1:
            return None
        return node.decision.reached(self._ready(node, {}), parts)

    def decide(self, node: Node, settings: Settings) -> NDArray[Any]:
        """What is decided for every row, judged or not, shape (rows, columns)."""
        return node.decision.decide(self.inputs(node, settings), settings.get(node.name))

    def written(self, node: Node) -> dict[str, Setting]:
        """The settings that the recipe writes, of ``node`` and all under it; what it leaves open is not there."""
        return self._given(node, "as_written")

    def plain(self, node: Node) -> dict[str, Setting] | None:
        """Settings that need no choice; None where something under ``node`` has none, or nothing is chosen."""
        found = self._given(node, "plain")
        return found if found and all(each.name in found for each in node.below if each.decision.parameters) else None

    def _given(self, node: Node, offered: Literal["as_written", "plain"]) -> dict[str, Setting]:
        found: dict[str, Setting] = {}
        for each in node.below:
            names, first = self.rows(each).gold.names, each.of[0]
            width = self.evidence.tables[first].width if isinstance(first, str) else len(names)
            decision = each.decision
            setting = decision.as_written(names, width) if offered == "as_written" else decision.plain(names, width)
            if setting is not None:
                found[each.name] = setting
        return found

    def sample(self, node: Node, settings: Settings) -> Sample:
        """The rows that ``node`` is judged on."""
        rows, inputs = self.rows(node), self.inputs(node, settings)
        if not rows.mask.any():
            raise DecisionError(
                f"{node.name} must be chosen on at least one row, got none",
                "Use fewer folds, or give the rows that it is to be chosen on.",
            )
        sample = Sample(inputs, rows.gold, rows.part, rows.ids, self.metric(node))
        return sample if rows.mask.all() else sample.take(rows.mask)

    def _ready(self, node: Node, settings: Settings) -> Any:
        if any(isinstance(source, Node) and source.chooses for source in node.sources):
            return node.decision.prepare(self.sample(node, settings))
        if node.key not in self._prepared:
            self._prepared[node.key] = node.decision.prepare(self.sample(node, settings))
        return self._prepared[node.key]
