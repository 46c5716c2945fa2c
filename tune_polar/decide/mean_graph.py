"""A configuration's decisions as they read means of several configurations' tables."""

from __future__ import annotations

from tune_polar.decide.graph import Graph
from tune_polar.decide.metrics import Metric


def mean_graph(graph: Graph, metric: Metric) -> Graph:
    """The decisions under the score; a vote becomes a threshold of the share of positives, by the rule that is best
    for ``metric``. What is chosen anyway is not carried along.

    Example:
        >>> mean_graph(graph, metric_named("macro_f1")).steps["vote"]
        {'type': 'threshold', 'of': 'detector', 'rule': 'max_macro_f1'}
    """
    steps = {}
    for node in graph.scored.below:
        step = {key: value for key, value in graph.steps[node.name].items() if key not in node.parameters}
        if node.kind == "knn_vote":
            rule = "max_f1" if metric.name == "positive_f1" else "max_macro_f1"
            step |= {"type": "threshold", "rule": rule}
        steps[node.name] = step
    return Graph.of(steps, score=graph.score, stages=graph.stages)
