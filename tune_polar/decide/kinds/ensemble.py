"""``ensemble``: a mean of several stages' tables whose weights are chosen, greedily."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tune_polar.decide.array_checks import FloatArray, IntArray
from tune_polar.decide.ensemble_scores import Cuts, Real, scores_of_many
from tune_polar.decide.fold_mean import weighted_mean
from tune_polar.decide.greedy_selection import steadied_weights
from tune_polar.decide.kinds.base import Inputs, Sample, register
from tune_polar.decide.kinds.mean import TableOfSeveral
from tune_polar.decide.metrics import Metric, default_metric


@dataclass(frozen=True)
class TableWeights:
    """What each table counts; None: all alike."""

    values: tuple[float, ...] | None

    def written(self) -> dict[str, Any]:
        """``{"weights": [0.7, 0.3]}``."""
        return {"weights": None if self.values is None else list(self.values)}

    def __str__(self) -> str:
        return "all alike" if self.values is None else ", ".join(f"{value:.3g}" for value in self.values)


@register("ensemble")
@dataclass(frozen=True)
class Ensemble(TableOfSeveral[Sample, TableWeights]):
    """A mean of tables that are all there; its weights are half greedy selection's, half alike for the best few.

    They are looked for by what can be decided on the mean: of labels the highest F1 that any threshold reaches, of one
    yes-or-no column both classes', of classes macro-F1 of the likeliest, of numbers the score's own metric.

    Args:
        weights: as the recipe writes them, one a table; None: it leaves them open.
    """

    weights: Sequence[float] | None = None

    parameters = ("weights",)
    reads = ("probability", "value")

    def prepare(self, sample: Sample) -> Sample:
        """Nothing beforehand: tables are added up while members are chosen."""
        return sample

    def choose(self, prepared: Sample, parts: Sequence[int]) -> TableWeights:
        """On the rows of ``parts``."""
        own = prepared.of(parts)
        every = np.ones(len(own.inputs.tables), dtype=np.bool_)
        return TableWeights(tuple(steadied_weights(_OnMeans(own), every).tolist()))

    def decide(self, inputs: Inputs, setting: TableWeights | None) -> FloatArray:
        """(rows, columns)."""
        weights = self.weights if setting is None else setting.values
        return weighted_mean([table.ensemble for table in inputs.tables], weights)

    def as_written(self, names: Sequence[str], width: int) -> TableWeights | None:  # noqa: ARG002
        """The recipe's weights."""
        return None if self.weights is None else TableWeights(tuple(self.weights))

    def plain(self, names: Sequence[str], width: int) -> TableWeights:  # noqa: ARG002
        """All alike."""
        return TableWeights(None)


class _OnMeans:
    """What ensembles of a sample's tables are chosen by."""

    def __init__(self, sample: Sample) -> None:
        self._gold = sample.gold
        self._metric: Metric = sample.metric if sample.gold.kind == "number" else default_metric(sample.gold.kind)
        # (candidates, columns, rows)
        self._tables = np.stack([table.ensemble.T for table in sample.inputs.tables]).astype(Real)

    def added(self, counts: IntArray) -> FloatArray:
        """The score with one more of each candidate."""
        means = (self._tables + np.tensordot(counts.astype(Real), self._tables, axes=1)) / Real(counts.sum() + 1)
        kind = self._gold.kind
        if kind in ("binary", "labels"):
            every = np.ones(len(self._gold), dtype=np.bool_)
            found = Cuts.of(means, self._gold, every).score.max(axis=2).mean(axis=1)
            return np.asarray(found, dtype=np.float64)
        decided = means.argmax(axis=1)[:, :, None] if kind == "class" else means.swapaxes(1, 2).astype(np.float64)
        return scores_of_many(self._metric, self._gold, decided)
