"""Chooses weights of members, and settings of decisions on their mean, on one set of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import BoolArray, FloatArray
from tune_polar.decide.chooser import Chooser, Settings
from tune_polar.decide.evidence import Evidence
from tune_polar.decide.graph import Node
from tune_polar.decide.member_tables import shares
from tune_polar.decide.metrics import Metric
from tune_polar.decide.selection_objective import DecisionObjective
from tune_polar.decide.tables import Table


@dataclass(frozen=True, eq=False)
class EnsembleCandidate:
    """One configuration that may be a member."""

    name: str
    tables: Mapping[str, Table]  # by stage: answers for each of the rows that all share; any value where it has none
    covered: Mapping[str, BoolArray]  # by stage: rows that it has answered, (rows,)

    @property
    def is_complete(self) -> bool:
        """Whether it has answered for every row."""
        return all(bool(each.all()) for each in self.covered.values())


@dataclass(frozen=True, eq=False)
class Choice:
    """What weights are chosen from: candidates that have answered for some of the rows to choose on."""

    places: NDArray[np.int64]  # (candidates,) among all
    complete: BoolArray  # (candidates,) whether it has answered for every row
    objective: DecisionObjective


MOST_ROWS = (
    20_000  # that weights are chosen on: more rows would choose the same, and fifty tables of them fill a memory
)
Weigh: TypeAlias = Callable[[Choice], FloatArray]  # → (candidates,), not negative, not all 0


@dataclass(frozen=True, eq=False)
class Fitted:
    """An ensemble as it was chosen on some rows."""

    weights: FloatArray  # (all candidates,), adding up to 1
    ks: tuple[Mapping[str, int], ...]  # by candidate and stage of neighbours: how many vote
    settings: Settings  # of the decisions over the mean


class EnsembleFit:
    """Choosing on some rows, deciding all."""

    def __init__(
        self,
        node: Node,
        metric: Metric,
        candidates: Sequence[EnsembleCandidate],
        frame: Evidence,
        kept: Mapping[str, BoolArray],
        ks: Sequence[Mapping[str, int] | None],
    ) -> None:
        """Prepare to choose for ``node``, which is scored by ``metric``.

        ``frame`` knows rows and kinds of the mean tables; ``kept`` are the rows to choose on, by stage; ``ks`` of each
        candidate how many neighbours vote, None where it has no answer for a row to choose on.
        """
        self._node, self._metric, self._frame, self._kept = node, metric, frame, kept
        self._candidates, self._ks = candidates, tuple({} if each is None else each for each in ks)
        seen = _thinned(frame, kept)
        places = np.array([place for place, each in enumerate(ks) if each is not None], dtype=np.int64)
        self._choice = Choice(
            places,
            np.array([candidates[place].is_complete for place in places], dtype=np.bool_),
            DecisionObjective(
                node,
                Chooser(frame.take(seen), metric),
                [{stage: table[seen[stage]] for stage, table in self._shares(place).items()} for place in places],
                [{stage: candidates[place].covered[stage][seen[stage]] for stage in seen} for place in places],
            ),
        )

    def fit(self, weigh: Weigh) -> Fitted:
        """Weights first, then settings on the mean."""
        weights = np.zeros(len(self._candidates))
        weights[self._choice.places] = weigh(self._choice)
        weights /= weights.sum()
        chooser = Chooser(self._mean(weights).take(self._kept), self._metric)
        return Fitted(weights, self._ks, chooser.choose(self._node, chooser.parts(self._node)))

    def decide(self, fitted: Fitted) -> NDArray[Any]:
        """All rows, (rows, columns)."""
        return Chooser(self._mean(fitted.weights), self._metric).decide(self._node, fitted.settings)

    def _shares(self, place: int) -> dict[str, FloatArray]:
        tables, ks = self._candidates[place].tables, self._ks[place]
        return {stage: shares(tables[stage], ks.get(stage)) for stage in self._kept}

    def _mean(self, weights: FloatArray) -> Evidence:
        members, means = np.flatnonzero(weights).tolist(), {}
        tables = {place: self._shares(place) for place in members}
        for stage, blank in self._frame.tables.items():
            total, summed = np.zeros(len(blank)), np.zeros((len(blank), blank.width))
            for place in members:
                there = weights[place] * self._candidates[place].covered[stage]
                total += there
                summed += there[:, None] * tables[place][stage]
            mean = summed / np.maximum(total, np.finfo(np.float64).tiny)[:, None]
            # Rounding must not carry a share past 1.
            means[stage] = Table.of(blank.kind, [mean.clip(0.0, 1.0) if blank.kind == "probability" else mean])
        return Evidence(means, self._frame.rows)


def _thinned(frame: Evidence, kept: Mapping[str, BoolArray]) -> dict[str, BoolArray]:
    """About ``MOST_ROWS`` of each stage's kept rows, evenly in the order of their ids: the same texts in all stages."""
    step = max(-(-int(rows.sum()) // MOST_ROWS) for rows in kept.values())
    if step <= 1:
        return dict(kept)
    texts = np.unique(np.concatenate([frame.rows[stage].ids[rows] for stage, rows in kept.items()]))[::step]
    return {stage: rows & np.isin(frame.rows[stage].ids, texts) for stage, rows in kept.items()}
