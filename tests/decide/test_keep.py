from __future__ import annotations

import numpy as np
import pytest

from tune_polar.decide.checkpoint_scores import default_decision, keep_metric, keep_value
from tune_polar.decide.metrics import METRICS
from tune_polar.decide.rows import Gold
from tune_polar.errors import DecisionError

RNG = np.random.default_rng(5)
LABELS = Gold("labels", RNG.random((80, 3)) < [0.5, 0.2, 0.1], ("a", "b", "c"))
BINARY = Gold("binary", RNG.random((80, 1)) < 0.4, ("polarized",))
TOPICS = Gold("class", RNG.integers(0, 3, (80, 1)), ("news", "sport", "other"))
NUMBER = Gold("number", RNG.normal(3, 1, (80, 1)), ("intimacy",))


def shares(gold: Gold) -> np.ndarray:
    return np.clip(0.3 + 0.3 * gold.values + RNG.normal(0, 0.2, gold.values.shape), 0, 1).astype(np.float32)


def every_cut(metric: str, gold: Gold, table: np.ndarray) -> float:
    """The best that one threshold a column reaches."""
    columns = []
    for place in range(table.shape[1]):
        own = Gold("binary", gold.values[:, place : place + 1], ("x",))
        cuts = [*np.unique(table[:, place]), 2.0]
        columns.append(max(METRICS[metric].score(own, table[:, place : place + 1] >= cut) for cut in cuts))
    return float(np.mean(columns))


def test_thresholds_are_the_best_on_these_very_rows() -> None:
    table = shares(LABELS)
    best = every_cut("positive_f1", LABELS, table)
    assert keep_value("best_threshold_f1", "probability", LABELS, table) == pytest.approx(best)
    assert keep_value("macro_f1", "probability", LABELS, table) == pytest.approx(best)
    half = METRICS["positive_f1"].score(LABELS, table >= 0.5)
    assert keep_value("half_threshold_f1", "probability", LABELS, table) == half <= best
    one = shares(BINARY)
    assert keep_value("macro_f1", "probability", BINARY, one) == pytest.approx(every_cut("macro_f1", BINARY, one))
    assert keep_value("best_threshold_f1", "probability", BINARY, one) == pytest.approx(
        every_cut("macro_f1", BINARY, one)
    )


def test_binary_gold_is_kept_by_the_mean_of_both_classes_as_impsh_is() -> None:
    gold = Gold("binary", np.arange(100)[:, None] < 30, ("hate",))
    caught, quiet = (np.where(np.arange(100) < hits, 0.9, 0.1)[:, None].astype(np.float32) for hits in (30, 22))
    caught[30:55], quiet[30:42] = 0.9, 0.5  # all hate and 25 rows beside it; less of both. 0.5 says yes
    for table, hits, alarms in ((caught, 30, 25), (quiet, 22, 12)):
        hate, other = 2 * hits / (30 + hits + alarms), 2 * (70 - alarms) / (70 + 70 - alarms + 30 - hits)
        assert keep_value("half_threshold_f1", "probability", gold, table) == pytest.approx((hate + other) / 2)
    positive = [METRICS["positive_f1"].score(gold, table >= 0.5) for table in (caught, quiet)]
    kept = [keep_value("half_threshold_f1", "probability", gold, table) for table in (caught, quiet)]
    assert positive[0] > positive[1]
    assert kept[0] < kept[1], "another checkpoint is kept than by F1 of hate alone"


def test_neighbours_by_votes_and_by_the_nearest() -> None:
    table = (RNG.random((80, 7)) < np.where(BINARY.values, 0.7, 0.3)).astype(np.uint8)
    assert keep_value("precision_at_1", "neighbours", BINARY, table) == (table[:, 0] == BINARY.values[:, 0]).mean()
    votes = [
        METRICS["macro_f1"].score(BINARY, (table[:, :k].sum(axis=1) >= needed)[:, None])
        for k in range(1, 8)
        for needed in range(k + 1)
    ]
    assert keep_value("macro_f1", "neighbours", BINARY, table) == max(votes)


def test_classes_numbers_and_probabilities() -> None:
    table = RNG.dirichlet([1, 1, 1], 80)
    decided = table.argmax(axis=1)[:, None]
    assert keep_value("macro_f1", "probability", TOPICS, table) == METRICS["macro_f1"].score(TOPICS, decided)
    assert keep_value("log_loss", "probability", TOPICS, table) == METRICS["log_loss"].score(TOPICS, table)
    values = NUMBER.values + RNG.normal(0, 1, (80, 1))
    for name in ("pearson", "spearman", "mae", "rmse"):
        assert keep_value(name, "value", NUMBER, values) == METRICS[name].score(NUMBER, values)
    one = shares(BINARY)
    assert keep_value("log_loss", "probability", BINARY, one) == pytest.approx(METRICS["log_loss"].score(BINARY, one))


def test_whether_larger_is_better() -> None:
    assert keep_metric("best_threshold_f1").larger_is_better
    assert not keep_metric("rmse").larger_is_better


@pytest.mark.parametrize(
    ("kind", "gold", "expected"),
    [
        ("neighbours", "binary", {"type": "knn_vote"}),
        ("probability", "binary", {"type": "threshold", "rule": "max_macro_f1"}),
        ("probability", "labels", {"type": "threshold", "rule": "max_f1"}),
        ("probability", "class", {"type": "argmax"}),
        ("value", "number", {"type": "clip"}),
    ],
)
def test_default_decisions(kind, gold, expected) -> None:
    assert default_decision(kind, gold) == expected


@pytest.mark.parametrize(
    ("name", "kind", "gold", "table", "message"),
    [
        ("f1", "probability", LABELS, np.ones((80, 3)), r"the metric must be one of macro_f1, .* got 'f1'"),
        ("pearson", "probability", LABELS, np.ones((80, 3)), r"pearson scores number gold, got labels gold"),
        ("precision_at_1", "probability", BINARY, np.ones((80, 1)), r"precision_at_1 scores a stage while it trains"),
        ("half_threshold_f1", "probability", LABELS, np.full((80, 3), np.nan), r"between 0 and 1, got nan"),
        ("best_threshold_f1", "value", NUMBER, np.ones((80, 1)), r"macro_f1 scores binary and labels and class gold"),
        ("best_threshold_f1", "probability", TOPICS, np.ones((80, 3)), r"threshold decides binary and labels gold"),
        ("half_threshold_f1", "probability", TOPICS, np.ones((80, 3)), r"as many of decisions as of gold"),
    ],
)
def test_what_cannot_be_kept_by(name, kind, gold, table, message) -> None:
    with pytest.raises(DecisionError, match=message):
        keep_value(name, kind, gold, table)
