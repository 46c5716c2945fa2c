"""Every metric of the registry against scikit-learn and scipy."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from tune_polar.decide.confusion_scores import Confusion, confusion
from tune_polar.decide.metrics import METRICS, default_metric, metric_named
from tune_polar.decide.rows import Gold
from tune_polar.errors import DecisionError

seeds = st.integers(0, 2**32 - 1)
CLASSES = ("news", "sport", "other", "never")
LABELS = ("a", "b", "c")


def binary(rng: np.random.Generator) -> tuple[Gold, np.ndarray]:
    rows, share = int(rng.integers(1, 40)), rng.random() ** 2  # rare, so that empty classes occur
    return Gold("binary", rng.random((rows, 1)) < share, ("polarized",)), rng.random((rows, 1)) < share


def labels(rng: np.random.Generator) -> tuple[Gold, np.ndarray]:
    rows, share = int(rng.integers(1, 40)), rng.random(3) ** 3
    return Gold("labels", rng.random((rows, 3)) < share, LABELS), rng.random((rows, 3)) < share


def classes(rng: np.random.Generator) -> tuple[Gold, np.ndarray]:
    rows = int(rng.integers(1, 40))
    return Gold("class", rng.integers(0, 3, (rows, 1)), CLASSES), rng.integers(0, 3, (rows, 1))


def numbers(rng: np.random.Generator) -> tuple[Gold, np.ndarray]:
    rows = int(rng.integers(2, 40))
    gold = np.round(rng.normal(size=(rows, 2)), 1)  # ties
    return Gold("number", gold, ("x", "y")), np.round(gold + rng.normal(size=gold.shape), 1)


def of_columns(score: Callable[[np.ndarray, np.ndarray], float]) -> Callable[[Gold, np.ndarray], float]:
    return lambda gold, decided: float(np.mean([score(g, d) for g, d in zip(gold.values.T, decided.T, strict=True)]))


def f1(average: str, **options: Any) -> Callable[[Gold, np.ndarray], float]:
    return lambda gold, decided: float(
        sk.f1_score(gold.values.squeeze(1), decided.squeeze(1), average=average, zero_division=0.0, **options)
    )


def positive(gold: np.ndarray, decided: np.ndarray) -> float:
    return float(sk.f1_score(gold, decided, zero_division=0.0))


EXPECTED: dict[tuple[str, Callable[..., Any]], Callable[[Gold, np.ndarray], float]] = {
    ("macro_f1", binary): f1("macro", labels=[0, 1]),
    ("macro_f1", labels): of_columns(positive),
    ("macro_f1", classes): f1("macro", labels=range(len(CLASSES))),
    ("positive_f1", binary): of_columns(positive),
    ("positive_f1", labels): of_columns(positive),
    ("micro_f1", binary): f1("micro", labels=[0, 1]),
    ("micro_f1", labels): lambda gold, decided: sk.f1_score(gold.values, decided, average="micro", zero_division=0.0),
    ("micro_f1", classes): f1("micro", labels=range(len(CLASSES))),
    ("accuracy", binary): lambda gold, decided: sk.accuracy_score(gold.values, decided),
    ("accuracy", labels): lambda gold, decided: sk.accuracy_score(gold.values, decided),
    ("accuracy", classes): lambda gold, decided: sk.accuracy_score(gold.values, decided),
    ("precision_at_1", binary): lambda gold, decided: sk.accuracy_score(gold.values, decided),
    ("precision_at_1", classes): lambda gold, decided: sk.accuracy_score(gold.values, decided),
    ("mae", numbers): lambda gold, decided: sk.mean_absolute_error(gold.values, decided),
    ("rmse", numbers): lambda gold, decided: sk.root_mean_squared_error(gold.values, decided),
}


@pytest.mark.parametrize(("name", "make"), EXPECTED, ids=lambda each: getattr(each, "__name__", each))
@given(seed=seeds)
@settings(max_examples=25, deadline=None)
def test_metrics_equal_scikit_learn(name: str, make: Callable[..., Any], seed: int) -> None:
    gold, decided = make(np.random.default_rng(seed))
    assert METRICS[name].score(gold, decided) == pytest.approx(EXPECTED[name, make](gold, decided), abs=1e-12)


@given(seed=seeds)
@settings(max_examples=40, deadline=None)
def test_correlations_equal_scipy_and_are_never_nan(seed: int) -> None:
    gold, decided = numbers(np.random.default_rng(seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy warns of constant input, which counts as 0 here
        for name, expected in (("pearson", stats.pearsonr), ("spearman", stats.spearmanr)):
            each = [expected(g, d).statistic for g, d in zip(gold.values.T, decided.T, strict=True)]
            found = METRICS[name].measure(gold, decided)
            assert found.per_column == pytest.approx(np.nan_to_num(each), abs=1e-12)
            assert found.score == pytest.approx(np.nan_to_num(each).mean(), abs=1e-12)
            assert bool(found.remarks) == bool(np.isnan(each).any())


@pytest.mark.parametrize("name", ["pearson", "spearman"])
@pytest.mark.parametrize("predicted", [np.full((30, 1), 0.1), np.linspace(0, 1e-300, 30)[:, None]])
def test_a_correlation_of_constant_or_tiny_predictions_is_a_number(name: str, predicted: np.ndarray) -> None:
    gold = Gold("number", np.arange(30.0)[:, None], ("x",))
    found = METRICS[name].measure(gold, predicted)
    constant = predicted[0] == predicted[-1]
    assert found.score == (0.0 if constant else pytest.approx(1.0))
    said = ("the predictions of x are constant: the correlation counts as 0",)
    assert found.remarks == (said if constant else ())


@given(seed=seeds)
@settings(max_examples=25, deadline=None)
def test_log_loss_equals_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gold, _ = binary(rng)
    shares = rng.choice([0.0, 0.2, 0.9, 1.0], (len(gold), 1))  # certain and wrong: clipped
    expected = sk.log_loss(gold.values[:, 0], shares[:, 0], labels=[0, 1])
    assert METRICS["log_loss"].score(gold, shares) == pytest.approx(expected, abs=1e-9)
    gold, _ = classes(rng)
    logits = rng.normal(size=(len(gold), len(CLASSES)))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found = METRICS["log_loss"].measure(gold, shares)
    assert found.score == pytest.approx(sk.log_loss(gold.values[:, 0], shares, labels=range(4)), abs=1e-9)
    own = gold.values[:, 0] == 1
    assert found.per_column[1] == pytest.approx(-np.log(shares[own, 1]).mean() if own.any() else 0.0)
    gold, _ = labels(rng)
    shares = rng.random((len(gold), 3))
    each = [sk.log_loss(gold.values[:, n], shares[:, n], labels=[0, 1]) for n in range(3)]
    assert METRICS["log_loss"].per_column(gold, shares) == pytest.approx(each, abs=1e-9)


@pytest.mark.parametrize("name", [metric.name for metric in METRICS.values() if metric.of_counts is not None])
@given(seed=seeds)
@settings(max_examples=25, deadline=None)
def test_a_sweep_scores_counts_as_the_metric_scores_rows(name: str, seed: int) -> None:
    gold, decided = binary(np.random.default_rng(seed))
    counts: Confusion = confusion(gold.values, decided)
    assert METRICS[name].of_counts(counts)[0] == METRICS[name].score(gold, decided)


@given(seed=seeds)
@settings(max_examples=25, deadline=None)
def test_scores_of_each_column_and_class(seed: int) -> None:
    gold, decided = classes(np.random.default_rng(seed))
    each = sk.f1_score(gold.values[:, 0], decided[:, 0], labels=range(4), average=None, zero_division=0.0)
    assert METRICS["macro_f1"].per_column(gold, decided) == pytest.approx(each)
    recall = sk.recall_score(gold.values[:, 0], decided[:, 0], labels=range(4), average=None, zero_division=0.0)
    assert METRICS["accuracy"].per_column(gold, decided) == pytest.approx(recall)
    gold, decided = labels(np.random.default_rng(seed))
    assert METRICS["accuracy"].per_column(gold, decided) == pytest.approx((gold.values == decided).mean(axis=0))


def test_a_difference_is_a_gain_where_it_is_better() -> None:
    assert METRICS["macro_f1"].gain(0.7, 0.6) == pytest.approx(0.1)
    assert METRICS["rmse"].gain(0.7, 0.6) == pytest.approx(-0.1)
    assert {name for name, metric in METRICS.items() if not metric.larger_is_better} == {"mae", "rmse", "log_loss"}


def test_every_metric_says_how_it_is_printed() -> None:
    assert {metric.factor for metric in METRICS.values() if metric.unit.endswith("points")} == {100}
    assert {metric.factor for metric in METRICS.values() if not metric.unit.endswith("points")} == {1}
    assert [default_metric(kind).name for kind in ("binary", "labels", "class", "number")] == [
        *["macro_f1"] * 3,
        "pearson",
    ]


GOLD = Gold("binary", np.array([[0], [1]]), ("polarized",))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metric_named("f1"), r"the metric must be one of macro_f1, .* got 'f1'"),
        (
            lambda: METRICS["pearson"].score(GOLD, np.ones((2, 1))),
            r"pearson scores number gold, got binary gold\n  Remedy: Choose one of macro_f1, positive_f1",
        ),
        (lambda: METRICS["macro_f1"].score(GOLD, np.ones((3, 1), dtype=bool)), r"got shape \(3, 1\) against \(2, 1\)"),
        (lambda: METRICS["macro_f1"].score(GOLD.take([]), np.ones((0, 1), dtype=bool)), r"needs at least one row"),
        (lambda: Gold("binary", np.ones((2, 2)), ("a", "b")), r"binary gold must have shape .* got shape \(2, 2\)"),
        (lambda: Gold("labels", np.ones((2, 1)), ("a", "b")), r"labels gold must have shape .* got shape \(2, 1\)"),
        (lambda: Gold("labels", np.full((2, 1), 2), ("a",)), r"gold must hold only 0 and 1, got 2"),
        (lambda: Gold("class", np.array([[3]]), ("a", "b")), r"class gold must be codes from 0 to 1, got 3"),
        (lambda: Gold("number", np.array([[np.nan]]), ("x",)), r"gold must be finite numbers, got nan"),
    ],
)
def test_bad_arguments(call: Callable[[], object], message: str) -> None:
    with pytest.raises(DecisionError, match=message):
        call()


@pytest.mark.parametrize("name", METRICS)
def test_scores_come_back_from_the_scale_of_their_errors(name: str) -> None:
    metric = metric_named(name)
    scores = (
        np.array([-1.0, -0.999, -0.5, 0.0, 1e-9, 0.73, 0.999999, 1.0]) if metric.range[0] < 0 else np.linspace(0, 1, 7)
    )
    assert metric.from_scale(metric.to_scale(scores)) == pytest.approx(scores, abs=1e-11)
    low, high = metric.range
    assert low <= metric.from_scale(-50.0) <= metric.from_scale(50.0) <= high
    step = 1e-6
    slope = (metric.from_scale(metric.to_scale(0.6) + step) - metric.from_scale(metric.to_scale(0.6))) / step
    assert metric.off_scale(1.0, 0.6) == pytest.approx(slope, rel=1e-3)
