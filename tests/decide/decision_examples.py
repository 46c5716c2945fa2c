"""A small graph, tables and rows for every kind of decision: a new kind is tested once it stands here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tune_polar.decide.decision_engine import judge
from tune_polar.decide.graph import Graph
from tune_polar.decide.judgement import Judged
from tune_polar.decide.rows import Gold, Rows
from tune_polar.decide.tables import Table

ROWS, PARTS = 120, 3


@dataclass(frozen=True)
class Example:
    """One kind, scored under the name ``it``."""

    steps: Mapping[str, Mapping[str, Any]]
    tables: Mapping[str, Table]
    rows: Mapping[str, Rows]
    metric: str

    @property
    def graph(self) -> Graph:
        return Graph.of(self.steps, score="it", stages=self.tables)

    def judged(self, **options: Any) -> Judged:
        return judge(self.graph, self.tables, self.rows, self.metric, **options)

    def take(self, rows: np.ndarray) -> Example:
        return replace(
            self,
            tables={name: table.take(rows) for name, table in self.tables.items()},
            rows={name: each.take(rows) for name, each in self.rows.items()},
        )

    def with_step(self, **settings: Any) -> Example:
        return replace(self, steps={**self.steps, "it": {**self.steps["it"], **settings}})

    def with_gold(self, change: Callable[[np.ndarray], np.ndarray], rows: np.ndarray) -> Example:
        def changed(each: Rows) -> Rows:
            values = each.gold.values.copy()
            values[rows] = change(values[rows])
            return replace(each, gold=Gold(each.gold.kind, values, each.gold.names))

        return replace(self, rows={name: changed(each) for name, each in self.rows.items()})


def rows_of(gold: Gold, rng: np.random.Generator, mask: np.ndarray | None = None) -> Rows:
    count = len(gold)
    part = np.arange(count) % PARTS
    return Rows.of(gold, part=part, mask=mask, groups={"language": rng.choice(["eng", "deu"], count)})


def _yes(rng: np.random.Generator) -> np.ndarray:
    return rng.random((ROWS, 1)) < 0.5


def _near(gold: np.ndarray, rng: np.random.Generator) -> Table:
    return Table.of("neighbours", [(rng.random((ROWS, 9)) < np.where(gold, 0.65, 0.35)).astype(np.uint8)])


def _shares(gold: np.ndarray, rng: np.random.Generator) -> Table:
    return Table.of("probability", [np.round(np.clip(0.35 + 0.3 * gold + rng.normal(0, 0.2, gold.shape), 0, 1), 2)])


def knn_vote(rng: np.random.Generator) -> Example:
    gold = _yes(rng)
    step = {"type": "knn_vote", "of": "detector", "k": 5, "tau": 0.4}
    rows = {"detector": rows_of(Gold("binary", gold, ("polarized",)), rng)}
    return Example({"it": step}, {"detector": _near(gold, rng)}, rows, "macro_f1")


def threshold(rng: np.random.Generator) -> Example:
    gold = rng.random((ROWS, 3)) < [0.5, 0.3, 0.1]
    step = {"type": "threshold", "of": "classifier", "rule": "max_f1", "at": {"a": 0.5, "b": 0.4, "c": 0.3}}
    rows = {"classifier": rows_of(Gold("labels", gold, ("a", "b", "c")), rng, mask=rng.random(ROWS) < 0.8)}
    return Example({"it": step}, {"classifier": _shares(gold, rng)}, rows, "macro_f1")


def gate(rng: np.random.Generator) -> Example:
    votes, labels = knn_vote(rng), threshold(rng)
    polarized = votes.rows["detector"].gold.values[:, 0]
    steps = {
        "polarized": votes.steps["it"],
        "labels": labels.steps["it"],
        "it": {"type": "gate", "of": "labels", "by": "polarized"},
    }
    rows = {**votes.rows, "classifier": replace(labels.rows["classifier"], mask=polarized)}
    return Example(steps, {**votes.tables, **labels.tables}, rows, "macro_f1")


def gate_of_classes(rng: np.random.Generator) -> Example:
    votes, topics = knn_vote(rng), argmax(rng)
    steps = {
        "kept": votes.steps["it"],
        "topic": topics.steps["it"],
        "it": {"type": "gate", "of": "topic", "by": "kept", "otherwise": "other"},
    }
    return Example(steps, {**votes.tables, **topics.tables}, {**votes.rows, **topics.rows}, "macro_f1")


def argmax(rng: np.random.Generator) -> Example:
    codes = rng.integers(0, 3, (ROWS, 1))
    shares = rng.random((ROWS, 3)) + 0.5 * (codes == np.arange(3))
    table = Table.of("probability", [shares / shares.sum(axis=1, keepdims=True)])
    rows = {"topics": rows_of(Gold("class", codes, ("news", "sport", "other")), rng)}
    return Example({"it": {"type": "argmax", "of": "topics"}}, {"topics": table}, rows, "macro_f1")


def clip(rng: np.random.Generator) -> Example:
    gold = rng.uniform(1, 5, (ROWS, 1))
    table = Table.of("value", [gold + rng.normal(0, 2, gold.shape)])
    rows = {"regressor": rows_of(Gold("number", gold, ("intimacy",)), rng)}
    return Example({"it": {"type": "clip", "of": "regressor", "low": 1, "high": 5}}, {"regressor": table}, rows, "rmse")


def calibrate(rng: np.random.Generator) -> Example:
    made = clip(rng)
    points = [[0, 2], [2, 2.5], [4, 4]]
    step = {"type": "calibrate", "of": "regressor", "low": 1, "high": 5, "points": points}
    return replace(made, steps={"it": step})


def calibrate_by_a_line(rng: np.random.Generator) -> Example:
    return calibrate(rng).with_step(method="linear")


def mean(rng: np.random.Generator) -> Example:
    one, other = clip(rng), clip(rng)
    tables = {"one": one.tables["regressor"], "other": other.tables["regressor"]}
    rows = dict.fromkeys(tables, one.rows["regressor"])
    return Example({"it": {"type": "mean", "of": ["one", "other"], "weights": [3, 1]}}, tables, rows, "pearson")


def ensemble(rng: np.random.Generator) -> Example:
    made = mean(rng)
    return replace(made, steps={"it": {"type": "ensemble", "of": ["one", "other"]}})


EXAMPLES: dict[str, Callable[[np.random.Generator], Example]] = {
    "knn_vote": knn_vote,
    "threshold": threshold,
    "gate": gate,
    "gate of classes": gate_of_classes,
    "argmax": argmax,
    "clip": clip,
    "calibrate": calibrate,
    "calibrate by a line": calibrate_by_a_line,
    "mean": mean,
    "ensemble": ensemble,
}
