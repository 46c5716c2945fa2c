"""One configuration under one threshold rule, scored by every protocol on every labelled split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tune_polar.decide.checks import BoolArray, FloatArray, IntArray
from tune_polar.decide.crossfit import ProtocolScore, ProtocolTable, threshold_protocols, with_split
from tune_polar.decide.predictions import OOF, AlignedPredictions, ConfigurationPredictions
from tune_polar.decide.scores import Score, label_scores
from tune_polar.errors import DecisionError


@dataclass(frozen=True, eq=False)
class ScoredConfiguration:
    """Scores, decisions and folds."""

    name: str
    rule: str
    protocols: ProtocolTable
    decided: BoolArray  # (rows, labels) cross-fitted decisions of the out-of-fold rows
    fold: IntArray  # (rows,)
    fold_scores: FloatArray  # (folds,) macro-F1 of these decisions on each fold's rows

    @property
    def cross_fitted(self) -> float:
        """Macro-F1 over the pooled out-of-fold rows, thresholds chosen on the other folds."""
        return self.protocols.score("cross_fitted", OOF).macro_f1

    def on(self, split: str) -> ProtocolScore | None:
        """The pooled out-of-fold thresholds applied to a labelled split, None where it has no gold."""
        found = [row for row in self.protocols.rows if row.protocol == "fold_tuned" and row.scored_on == split]
        return found[0] if found else None

    def oracle_on(self, split: str) -> ProtocolScore | None:
        """Thresholds chosen on the split's own gold, None where it has no gold."""
        found = [row for row in self.protocols.rows if row.protocol == "oracle" and row.scored_on == split]
        return found[0] if found else None


def scored_configuration(
    configuration: ConfigurationPredictions, rows: AlignedPredictions, place: int, rule: str, score: Score
) -> ScoredConfiguration:
    """Score ``configuration``, which stands at ``place`` in the aligned out-of-fold ``rows``.

    Raises:
        DecisionError: the out-of-fold rows have no gold or no folds, or fewer than two folds.
    """
    if rows.gold is None or rows.fold is None:
        raise DecisionError(
            f"{configuration.name}: out-of-fold rows must have gold and folds, got rows without",
            "Write the gold labels and the fold of every out-of-fold row.",
        )
    gold, fold, probability = rows.gold, rows.fold[place], rows.probability[place]
    labels = configuration.labels
    table = threshold_protocols(rule, gold, probability, fold, labels=labels, score=score)
    # Without dev, threshold_protocols repeats the folds' own thresholds as its oracle; here each split has its own.
    table = ProtocolTable(rule, table.labels, tuple(row for row in table.rows if row.protocol != "oracle"))
    for split, part in configuration.splits.items():
        if split != OOF and part.gold is not None:
            table = with_split(table, split, part.gold, part.probability, score)
    decided = table.score("cross_fitted", OOF).decided
    if decided is None:
        raise DecisionError(f"{configuration.name}: cross-fitted decisions must exist, got none", "Score it again.")
    return ScoredConfiguration(
        name=configuration.name,
        rule=rule,
        protocols=table,
        decided=decided,
        fold=fold,
        fold_scores=np.array(
            [label_scores(gold[fold == f], decided[fold == f], score).mean() for f in np.unique(fold)]
        ),
    )
