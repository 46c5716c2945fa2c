"""What choosing settings is worth in each group, as the page tells it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from sklearn.metrics import f1_score

from tune_polar.data.columns import group_column
from tune_polar.decide.decision_engine import judge
from tune_polar.decide.graph import Graph
from tune_polar.decide.rows import Gold, Rows
from tune_polar.decide.tables import Table
from tune_polar.recipe.cells import Cell
from tune_polar.report.group_choices import choosing_by_group
from tune_polar.report.words import CellWords

AT = (0.3, 0.7)  # where the classes of each group part


def test_each_group_has_its_gain_over_plain_and_its_thresholds():
    rng = np.random.default_rng(0)
    groups, folds = np.repeat([0, 1], 100), np.tile([0, 1, 2, 3], 50)
    probability = rng.uniform(size=200)
    gold = (probability > np.array(AT)[groups]).astype(np.int64)
    rows = Rows.of(Gold("binary", gold[:, None], ("x",)), part=folds, groups={"language": groups})
    steps = {"d": {"type": "threshold", "of": "m", "rule": "max_macro_f1", "per": "language"}}
    graph = Graph.of(steps, score="d", stages=["m"])
    judged = judge(graph, {"m": Table.of("probability", [probability[:, None]])}, {"m": rows}, "macro_f1").scored
    train = SimpleNamespace(columns={"language": group_column(["a", "b"])})
    page = SimpleNamespace(
        best=None,
        won=SimpleNamespace(graph=graph, decisions={"d": judged}),
        summary=SimpleNamespace(gold=SimpleNamespace(train=train)),
        cells=CellWords(tuple(Cell(fold, 0) for fold in range(4))),
        shown=lambda score: f"{score:.3f}",
    )

    (table,) = choosing_by_group(page, judged, {"a": groups == 0, "b": groups == 1})  # type: ignore[arg-type]

    assert [row[0] for row in table.texts] == ["a", "b", "all pooled"]
    for code, row in enumerate(table.texts[:2]):
        own = groups == code
        plain = f1_score(gold[own], probability[own] >= 0.5, average="macro")
        crossed = f1_score(gold[own], judged.cross_fitted.decided[own, 0], average="macro")
        assert row[1:3] == (f"{plain:.3f}", f"{crossed:.3f}")
        assert row[3] == f"+{100 * (crossed - plain):.1f}"
        assert all(abs(float(each) - AT[code]) < 0.05 for each in row[4].split("–"))
    assert table.texts[2][4] == "—"
