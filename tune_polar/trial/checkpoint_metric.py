"""By which number a stage's best weights are kept."""

from __future__ import annotations

from tune_polar.decide.checkpoint_scores import keep_metric
from tune_polar.decide.metrics import default_metric
from tune_polar.decide.rows import GoldKind
from tune_polar.decide.tables import TableKind

LAST = "last"
NEAREST = "precision_at_1"  # it looks at the nearest training row alone


def evaluated_metric(keep: str, gold: GoldKind, predicts: TableKind) -> str:
    """The metric of a stage's curve: ``keep``, and for ``last`` one that costs little."""
    if keep != LAST:
        return keep
    if predicts == "neighbours":
        return NEAREST
    return "half_threshold_f1" if gold in ("binary", "labels") else default_metric(gold).name


def larger_is_better(metric: str) -> bool:
    """Whether the best weights are those of the largest number.

    Raises:
        DecisionError: there is no such metric.
    """
    return keep_metric(metric).larger_is_better
