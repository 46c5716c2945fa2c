"""What a score may be measured by. The numbers themselves are computed in ``decide``, under the same names."""

from __future__ import annotations

from dataclasses import dataclass

from tune_polar.recipe.components.tasks import GoldKind

LAST = "last"


@dataclass(frozen=True)
class MetricKind:
    """Which decisions a metric scores."""

    name: str
    golds: frozenset[GoldKind]  # of a score
    meaning: str
    kept_golds: frozenset[GoldKind] | None = None  # of ``keep``, where it may be another; None: as of a score
    predicts: frozenset[str] = frozenset({"neighbours", "probability", "value"})

    def may_keep(self, gold: GoldKind, predicts: str) -> bool:
        """Whether a stage that predicts so can keep its best weights by it."""
        golds = self.golds if self.kept_golds is None else self.kept_golds
        return gold in golds and predicts in self.predicts


_ALL_CLASSES: frozenset[GoldKind] = frozenset({"binary", "labels", "class"})
_NUMBER: frozenset[GoldKind] = frozenset({"number"})
_PROBABILITY = frozenset({"probability"})
_VALUE = frozenset({"value"})

METRICS: dict[str, MetricKind] = {
    kind.name: kind
    for kind in (
        MetricKind("macro_f1", _ALL_CLASSES, "Mean F1 of both classes, of the labels, or of the classes"),
        MetricKind("positive_f1", frozenset({"binary", "labels"}), "F1 of the rows that say yes, mean over labels"),
        MetricKind("micro_f1", _ALL_CLASSES, "F1 over all labels or classes at once"),
        MetricKind("accuracy", _ALL_CLASSES, "Share of the decisions that are right"),
        MetricKind("pearson", _NUMBER, "Pearson's correlation", predicts=_VALUE),
        MetricKind("spearman", _NUMBER, "Spearman's rank correlation", predicts=_VALUE),
        MetricKind("mae", _NUMBER, "Mean absolute error", predicts=_VALUE),
        MetricKind("rmse", _NUMBER, "Root of the mean squared error", predicts=_VALUE),
        MetricKind(
            "precision_at_1",
            frozenset(),
            "Share of the validation rows whose nearest training row has their label",
            kept_golds=frozenset({"binary", "class"}),
            predicts=frozenset({"neighbours"}),
        ),
        MetricKind(
            "best_threshold_f1",
            frozenset(),
            "Macro-F1 with the thresholds that are best on the same rows",
            kept_golds=frozenset({"binary", "labels"}),
            predicts=_PROBABILITY,
        ),
        MetricKind(
            "half_threshold_f1",
            frozenset(),
            "Macro-F1 with the threshold 0.5",
            kept_golds=frozenset({"binary", "labels"}),
            predicts=_PROBABILITY,
        ),
        MetricKind(
            "log_loss",
            frozenset(),
            "Mean −log p of what is gold",
            kept_golds=_ALL_CLASSES,
            predicts=_PROBABILITY,
        ),
    )
}


def metrics_of(gold: GoldKind) -> list[str]:
    """Names of the metrics that score decisions of this kind."""
    return [name for name, kind in METRICS.items() if gold in kind.golds]


def keeps_of(gold: GoldKind, predicts: str) -> list[str]:
    """What ``keep`` may be in a stage of this kind."""
    return [LAST, *(name for name, kind in METRICS.items() if kind.may_keep(gold, predicts))]
