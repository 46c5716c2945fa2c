"""What a stage keeps its best checkpoint by: one number of its validation rows, computed at each evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.decision_engine import fold_score
from tune_polar.decide.graph import Graph
from tune_polar.decide.metrics import Metric, metric_named
from tune_polar.decide.rows import Gold, GoldKind, Rows
from tune_polar.decide.tables import Table, TableKind
from tune_polar.decide.threshold_rules import HALF

_BY_THRESHOLD = ("best_threshold_f1", "half_threshold_f1")


def default_decision(kind: TableKind, gold: GoldKind) -> dict[str, Any]:
    """The decision, as a recipe writes it, that a stage has which predicts ``kind`` for ``gold``."""
    if kind == "neighbours":
        return {"type": "knn_vote"}
    if kind == "value":
        return {"type": "clip"}
    if gold == "class":
        return {"type": "argmax"}
    return {"type": "threshold", "rule": "max_macro_f1" if gold == "binary" else "max_f1"}


def keep_metric(name: str) -> Metric:
    """The metric whose values ``keep_value`` gives: how they are printed, and whether larger is better.

    Raises:
        DecisionError: there is none of that name.
    """
    return metric_named("macro_f1" if name in _BY_THRESHOLD else name)


def keep_value(name: str, kind: TableKind, gold: Gold, table: NDArray[Any]) -> float:
    """One evaluation of a stage.

    ``best_threshold_f1`` and ``half_threshold_f1`` are macro-F1 (of binary gold the mean of both classes' F1, of labels
    that of the positive classes), at the thresholds that are best on these very rows and at 0.5. ``precision_at_1`` of
    a neighbour table looks at its first column. Any other metric scores the stage's default decision, chosen on these
    very rows; ``log_loss`` the probabilities themselves.

    Args:
        name: a metric, or one of the two above.
        kind: what the stage predicts.
        gold: of the rows that the stage is judged on.
        table: (rows, K or columns) of the same rows.

    Raises:
        DecisionError: an unknown name, or one that cannot score this gold or table.

    Example:
        >>> keep_value("best_threshold_f1", "probability", Gold("labels", truth, labels), shares)
    """
    metric = keep_metric(name)
    if name == "precision_at_1" and kind == "neighbours":
        return metric.score(gold, table[:, :1])
    found = Table.of(kind, [np.asarray(table)])
    if name == "half_threshold_f1":
        return metric.score(gold, found.ensemble >= HALF)
    step = {"type": "threshold"} if name == "best_threshold_f1" else default_decision(kind, gold.kind)
    of: str | list[str] = "stage"
    if metric.reads == "probability":
        step, of = {"type": "mean"}, ["stage"]
    graph = Graph.of({"kept": {**step, "of": of}}, score="kept", stages=["stage"])
    return fold_score(graph, {"stage": found}, {"stage": Rows.of(gold)}, metric)
