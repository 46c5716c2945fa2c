"""Anybody's predictions decided by one rule, judged like a search's own: everything the engine derives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import FloatArray, IntArray
from tune_polar.decide.decision_engine import judge
from tune_polar.decide.evidence import Evidence
from tune_polar.decide.graph import Graph
from tune_polar.decide.judgement import Judgement, Rung, Scored
from tune_polar.decide.kinds import Thresholds
from tune_polar.decide.prediction_columns import Kind
from tune_polar.decide.predictions import OOF, AlignedPredictions, ConfigurationPredictions
from tune_polar.decide.rows import Gold, Rows
from tune_polar.decide.tables import Table
from tune_polar.errors import DecisionError

METRIC = "macro_f1"
DECISION, MODEL = "labels", "model"
LIKELIEST, AS_PREDICTED = "likeliest class", "as predicted"  # where nothing is chosen
_STEPS: Mapping[str, Mapping[str, str]] = {LIKELIEST: {"type": "argmax"}, AS_PREDICTED: {"type": "clip"}}


@dataclass(frozen=True, eq=False)
class ScoredConfiguration:
    """One configuration under one threshold rule, or as it is predicted."""

    name: str
    rule: str
    judgement: Judgement
    flaw: str = ""  # why the score is not honest

    @property
    def cross_fitted(self) -> float:
        """Score of the pooled out-of-fold rows, thresholds chosen on the other folds."""
        return self.judgement.cross_fitted.score

    @property
    def decided(self) -> NDArray[Any]:
        """These decisions, (rows, labels)."""
        return self.judgement.cross_fitted.decided

    @property
    def fold(self) -> IntArray:
        """(rows,)."""
        return self.judgement.rows.part

    @property
    def fold_scores(self) -> FloatArray:
        """(folds,) score of these decisions on each fold's rows."""
        return np.array(self.judgement.cross_fitted.cell_scores)

    def on(self, split: str, rung: Rung = "fold_tuned") -> Scored | None:
        """What settings chosen so score on a split, ``oof`` too; None where it has no gold, or nothing is so chosen."""
        ladder = self.judgement.ladder if split == OOF else self.judgement.splits.get(split, {})
        return ladder.get(rung)


def thresholds_of(scored: Scored) -> FloatArray:
    """(folds, labels), of one setting for all rows (1, labels)."""
    found = [settings[DECISION] for settings in scored.settings]
    return np.stack([each.values for each in found if isinstance(each, Thresholds)])


def gold_of(values: NDArray[Any], labels: tuple[str, ...], kind: Kind = "labels") -> Gold:
    """One label is a yes-or-no task, scored by both classes' F1; several are scored by the positive classes'."""
    if kind != "labels":
        return Gold(kind, values, labels)
    return Gold("binary" if len(labels) == 1 else "labels", values, labels)


def graph_of(rule: str) -> Graph:
    """The one decision of a model's table by ``rule``."""
    step = _STEPS.get(rule, {"type": "threshold", "rule": rule})
    return Graph.of({DECISION: {**step, "of": MODEL}}, score=DECISION, stages=[MODEL])


def table_of(kind: Kind, values: NDArray[Any]) -> Table:
    """What one model says, (rows, columns)."""
    return Table.of("value" if kind == "number" else "probability", [values])


def scored_configurations(
    configurations: Sequence[ConfigurationPredictions],
    aligned: AlignedPredictions,
    rules: Sequence[str],
    kind: Kind = "labels",
    metric: str = METRIC,
) -> Iterator[ScoredConfiguration]:
    """Score each of ``configurations`` under each rule; ``aligned`` has their out-of-fold rows.

    Where all rows have one and the same fold, the engine cuts them in five parts by their ids and decides each by
    thresholds chosen on the others.

    Raises:
        DecisionError: the out-of-fold rows have no gold or no folds.
    """
    if aligned.gold is None or aligned.fold is None:
        raise DecisionError(
            f"{configurations[0].name}: out-of-fold rows must have gold and folds, got rows without",
            "Write the gold labels and the fold of every out-of-fold row.",
        )
    labels = configurations[0].labels
    gold = gold_of(aligned.gold, labels, kind)
    rank = np.unique(np.array(aligned.ids), return_inverse=True)[1].reshape(-1)
    graphs = {rule: graph_of(rule) for rule in rules}
    for configuration, probability, fold in zip(configurations, aligned.probability, aligned.fold, strict=True):
        table, rows = table_of(kind, probability), Rows.of(gold, part=fold, ids=rank)
        splits = {
            split: Evidence(
                {MODEL: table_of(kind, part.probability)}, {MODEL: Rows.of(gold_of(part.gold, labels, kind))}
            )
            for split, part in configuration.splits.items()
            if split != OOF and part.gold is not None
        }
        for rule, graph in graphs.items():
            judged = judge(graph, {MODEL: table}, {MODEL: rows}, metric, splits=splits)
            yield ScoredConfiguration(configuration.name, rule, judged.scored, configuration.flaw)


def compared_with(winner: ScoredConfiguration, scored: Sequence[ScoredConfiguration]) -> list[ScoredConfiguration]:
    """Those of ``scored`` that a choice is among: beside an honest winner the honest ones, else all."""
    return [each for each in scored if winner.flaw or not each.flaw]


def among_words(winner: ScoredConfiguration, scored: Sequence[ScoredConfiguration]) -> str:
    """What ``winner`` was chosen among, once all of ``scored`` have been counted in words."""
    compared = len(compared_with(winner, scored))
    return "these" if compared == len(scored) else f"the {compared:,} of them without TP010"
