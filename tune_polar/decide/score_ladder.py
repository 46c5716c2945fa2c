"""One seed's rows: each way of choosing a decision's settings, and what it scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.chooser import Chooser, Settings
from tune_polar.decide.evidence import Evidence
from tune_polar.decide.graph import Node
from tune_polar.decide.judgement import Ladder, Rung, Scored
from tune_polar.decide.kinds import Setting
from tune_polar.decide.metrics import Measured, Metric
from tune_polar.errors import DecisionError


class SeedLadder:
    """Out-of-fold rows of one seed: chosen for by the parts as cut, scored cell by cell by those that held them out."""

    def __init__(self, evidence: Evidence, cut: Evidence, metric: Metric) -> None:
        """``cut`` is ``evidence`` itself unless its only part had to be cut."""
        self.whole = Chooser(cut, metric)
        self.cells = self.whole if cut is evidence else Chooser(evidence, metric)
        self._overlaps = cut.overlaps
        self._apart: dict[int, Chooser] = {}
        self._crossed: dict[str, Scored] = {}

    def rungs(self, node: Node, own: Node) -> dict[Rung, Scored]:
        """Every rung but the oracle; ``own`` is the recipe's node, where ``node`` is an alternative of it."""
        found: dict[Rung, Scored] = {
            "inside_folds": self._inside_folds(node),
            "fold_tuned": self._at(node, self.whole.choose(node, self.whole.parts(node))),
            "cross_fitted": self.cross_fitted(node),
            "as_written": self._as_written(own),
        }
        plain = self.whole.plain(node)
        return found if plain is None else {**found, "plain": self._at(node, plain)}

    def cross_fitted(self, node: Node) -> Scored:
        """Each part decided by settings chosen on the others."""
        if node.key not in self._crossed:
            parts = self.whole.rows(node).parts
            self._crossed[node.key] = (
                self._by_part(node, {part: self._without(node, part) for part in parts})
                if node.chooses
                else self._at(node, {})
            )
        return self._crossed[node.key]

    def _without(self, node: Node, part: int) -> Settings:
        others = [other for other in self.whole.parts(node) if other != part]
        if not others:
            raise DecisionError(
                f"cross-fitting needs at least 2 folds, got {[part]}",
                "Finish another fold of this configuration first.",
            )
        if not self._overlaps:
            return self.whole.choose(node, others)
        if part not in self._apart:
            self._apart[part] = Chooser(self.whole.evidence.without(part), self.whole.score_metric)
        return self._apart[part].choose(node, others)

    def _as_written(self, node: Node) -> Scored:
        written = self.whole.written(node)
        if all(each.name in written for each in node.below if each.decision.parameters):
            return self._at(node, written)
        parts = self.whole.rows(node).parts
        return self._by_part(node, {part: {**self._without(node, part), **written} for part in parts})

    def _inside_folds(self, node: Node) -> Scored:
        """Over the parts in which everything under ``node`` has rows to choose on."""
        rows, metric = self.cells.rows(node), self.cells.metric(node)
        inside = sorted(set.intersection(*(set(self.cells.rows(each).parts) for each in node.below)))
        chosen = {part: self.cells.choose(node, (part,)) for part in inside}
        decided = _decided_by_part(self.cells, node, chosen)
        owns = [rows.mask & (rows.part == part) for part in inside]
        measured = [metric.measure(rows.gold.take(own), decided[own]) for own in owns]
        per_column = np.mean([each.per_column for each in measured], axis=0)
        reached = [self.cells.reached(node, (part,)) for part in inside]
        scores = [each.score if best is None else best for each, best in zip(measured, reached, strict=True)]
        is_mean = metric.whole is None and None in reached
        return Scored(
            score=float(per_column.mean() if is_mean else np.mean(scores)),
            per_column=per_column,
            settings=tuple(chosen.values()),
            parts=tuple(inside),
            decided=decided[rows.mask & np.isin(rows.part, inside)],
            cell_scores=tuple(scores),
            remarks=tuple(dict.fromkeys(remark for each in measured for remark in each.remarks)),
        )

    def _at(self, node: Node, settings: Settings) -> Scored:
        return self._scored(node, self.whole.decide(node, settings), (settings,), ())

    def _by_part(self, node: Node, chosen: Mapping[int, Settings]) -> Scored:
        return self._scored(node, _decided_by_part(self.whole, node, chosen), tuple(chosen.values()), tuple(chosen))

    def _scored(
        self, node: Node, decided: NDArray[Any], settings: tuple[Settings, ...], parts: tuple[int, ...]
    ) -> Scored:
        rows, metric = self.cells.rows(node), self.cells.metric(node)
        owns = [rows.mask & (rows.part == part) for part in rows.parts]
        cells = tuple(metric.score(rows.gold.take(own), decided[own]) for own in owns)
        return scored_rows(self.cells, node, decided, settings, parts, cells)


def split_rungs(chooser: Chooser, node: Node, own: Node, deployed: Settings, own_deployed: Settings) -> Ladder:
    """The rungs of one labelled split, all models deciding together; ``deployed``: as chosen out of fold."""
    parts = chooser.parts(node)
    oracle = _on_split(chooser, node, chooser.choose(node, parts), chooser.reached(node, parts))
    found: dict[Rung, Scored] = {
        "oracle": oracle,
        "fold_tuned": _on_split(chooser, node, deployed),
        "as_written": _on_split(chooser, own, {**own_deployed, **chooser.written(own)}),
    }
    plain = chooser.plain(node)
    return found if plain is None else {**found, "plain": _on_split(chooser, node, plain)}


def _on_split(chooser: Chooser, node: Node, settings: Settings, reached: float | None = None) -> Scored:
    return scored_rows(chooser, node, chooser.decide(node, settings), (settings,), (), (), reached)


def scored_rows(
    chooser: Chooser,
    node: Node,
    decided: NDArray[Any],
    settings: tuple[Settings, ...],
    parts: tuple[int, ...],
    cells: tuple[float, ...],
    reached: float | None = None,
) -> Scored:
    """``decided`` (rows, columns) scored on the judged rows."""
    rows = chooser.rows(node)
    measured: Measured = chooser.metric(node).measure(rows.gold.take(rows.mask), decided[rows.mask])
    score = measured.score if reached is None else reached
    return Scored(score, measured.per_column, settings, parts, decided[rows.mask], cells, measured.remarks)


def _decided_by_part(chooser: Chooser, node: Node, chosen: Mapping[int, Mapping[str, Setting]]) -> NDArray[Any]:
    """Each part's rows by its settings; rows of no part in ``chosen`` are 0."""
    part, decided = chooser.rows(node).part, None
    for number, settings in chosen.items():
        found = chooser.decide(node, settings)
        decided = np.zeros_like(found) if decided is None else decided
        decided[part == number] = found[part == number]
    if decided is None:
        raise DecisionError(
            f"{node.name} must be judged on at least one row, got none", "Give the rows it is judged on."
        )
    return decided
