"""What a graph of decisions scores on the mean of many tables, for many ensembles at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import BoolArray, FloatArray, IntArray
from tune_polar.decide.chooser import Chooser
from tune_polar.decide.ensemble_scores import Cuts, Real, scores_of_many
from tune_polar.decide.graph import Node
from tune_polar.decide.kinds import Inputs
from tune_polar.decide.tables import Table, TableKind

_AT_ONCE = 4_000_000  # numbers in one array: ensembles of many rows are scored some at a time


class DecisionObjective:
    """The score of a graph's decision on the mean of candidates' tables, its settings chosen on these same rows.

    A threshold is here the one of the highest F1 (of one yes-or-no column: of both classes' F1), whatever the rule that
    decides in the end, and one for all groups; any other decision takes the setting that needs no choice. That is what
    members are looked for by; nobody is shown it.
    """

    def __init__(
        self,
        node: Node,
        chooser: Chooser,
        tables: Sequence[Mapping[str, FloatArray]],
        covered: Sequence[Mapping[str, BoolArray]],
    ) -> None:
        """Take the rows of ``chooser``; by candidate and stage its table (rows, columns) and which rows it answers."""
        self._node, self._chooser = node, chooser
        self._metric, self._rows = chooser.metric(node), chooser.rows(node)
        self._kinds: dict[str, TableKind] = {stage: chooser.evidence.tables[stage].kind for stage in node.stages}
        self._there = {stage: np.stack([each[stage] for each in covered]).astype(Real) for stage in node.stages}
        self._tables = {  # (candidates, columns, rows), 0 where there is no answer
            stage: np.stack([each[stage].T for each in tables]).astype(Real) * self._there[stage][:, None]
            for stage in node.stages
        }

    def added(self, counts: IntArray) -> FloatArray:
        """The score with one more of each candidate; NaN never: rows that nobody answers for count as 0."""
        cost = max(table[0].size for table in self._tables.values())
        step = max(1, _AT_ONCE // max(cost, 1))
        chunks = [self._scores(counts, slice(first, first + step)) for first in range(0, len(counts), step)]
        return np.concatenate(chunks)

    def _scores(self, counts: IntArray, candidates: slice) -> FloatArray:
        means: dict[str, NDArray[Any]] = {}
        often = counts.astype(Real)
        for stage, table in self._tables.items():
            total = table[candidates] + np.tensordot(often, table, axes=1)
            weight = self._there[stage][candidates] + often @ self._there[stage]
            total /= np.maximum(weight, 1)[:, None]
            means[stage] = total
        gold, mask = self._rows.gold, self._rows.mask
        node = self._node
        if node.kind == "threshold" and isinstance(node.of[0], str) and self._metric.name == "macro_f1":
            return np.asarray(Cuts.of(means[node.of[0]], gold, mask).score.max(axis=2).mean(axis=1), dtype=np.float64)
        decided = self._decided(node, means).swapaxes(1, 2)
        return scores_of_many(self._metric, gold.take(mask), decided[:, mask])

    def _decided(self, source: Node | str, means: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """(ensembles, columns, rows)."""
        if isinstance(source, str):
            return means[source]
        read = [self._decided(each, means) for each in source.sources]
        rows = self._chooser.rows(source)
        if source.kind == "threshold":
            return Cuts.of(read[0], rows.gold, rows.mask).best()
        ensembles, count = len(read[0]), len(rows)
        tables = tuple(
            Table.of(self._kind(each), [table.swapaxes(1, 2).reshape(ensembles * count, -1)])
            for each, table in zip(source.sources, read, strict=True)
        )
        names, decision = rows.gold.names, source.plain_decision
        decided = decision.decide(Inputs(tables, names), decision.plain(names, tables[0].width))
        return decided.reshape(ensembles, count, -1).swapaxes(1, 2)

    def _kind(self, source: Node | str) -> TableKind:
        if isinstance(source, str):
            return self._kinds[source]
        is_number = self._chooser.rows(source).gold.kind == "number"
        return "decided" if not source.decision.gives_table else "value" if is_number else "probability"
