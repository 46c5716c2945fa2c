"""Scores against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from tune_polar.decide.confusion_scores import binary_macro_f1, confusion, label_macro_f1, positive_f1
from tune_polar.errors import DecisionError

seeds = st.integers(0, 2**32 - 1)


def random_pair(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows, labels = rng.integers(1, 40), rng.integers(1, 6)
    share = rng.random(labels) ** 3  # rare labels, so that empty columns occur
    return rng.random((rows, labels)) < share, rng.random((rows, labels)) < share


@given(seeds)
@settings(max_examples=60, deadline=None)
def test_label_scores_equal_scikit_learn(seed: int) -> None:
    gold, decided = random_pair(seed)
    # A single column is scikit-learn's "binary", not "multilabel": score column by column.
    columns = [(gold[:, i], decided[:, i]) for i in range(gold.shape[1])]
    expected = np.array([f1_score(g, d, zero_division=0.0) for g, d in columns])
    assert positive_f1(gold, decided) == pytest.approx(expected, abs=1e-12)
    assert label_macro_f1(gold.astype(np.int8), decided) == pytest.approx(expected.mean(), abs=1e-12)
    precision = np.array([precision_score(g, d, zero_division=0.0) for g, d in columns])
    recall = np.array([recall_score(g, d, zero_division=0.0) for g, d in columns])
    assert confusion(gold, decided).precision() == pytest.approx(precision, abs=1e-12)
    assert confusion(gold, decided).recall() == pytest.approx(recall, abs=1e-12)


@given(seeds)
@settings(max_examples=60, deadline=None)
def test_both_class_scores_equal_scikit_learn(seed: int) -> None:
    gold, decided = random_pair(seed)
    truth, guess = gold[:, 0], decided[:, 0]
    arguments = {"labels": [0, 1], "average": "macro", "zero_division": 0.0}
    assert binary_macro_f1(truth, guess) == pytest.approx(f1_score(truth, guess, **arguments), abs=1e-12)
    precision, recall, f1 = confusion(gold[:, :1], decided[:, :1]).both_classes()
    assert precision[0] == pytest.approx(precision_score(truth, guess, **arguments), abs=1e-12)
    assert recall[0] == pytest.approx(recall_score(truth, guess, **arguments), abs=1e-12)
    assert f1[0] == pytest.approx(f1_score(truth, guess, **arguments), abs=1e-12)


@given(seeds)
def test_counts_add_up_to_the_rows(seed: int) -> None:
    gold, decided = random_pair(seed)
    counts = confusion(gold, decided)
    assert (counts.tp + counts.fp + counts.fn + counts.tn == len(gold)).all()
    assert (counts.tp + counts.fn == gold.sum(axis=0)).all()
    assert (counts.tp + counts.fp == decided.sum(axis=0)).all()


def test_label_without_prediction_and_gold_scores_zero() -> None:
    assert positive_f1(np.array([[1, 0], [0, 0]]), np.array([[1, 0], [0, 0]])).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("gold", "decided", "message"),
    [
        ([[0, 2]], [[0, 1]], r"gold must hold only 0 and 1, got 2 at position \(0, 1\)"),
        ([[0, 1]], [[0, -1]], r"decided must hold only 0 and 1, got -1"),
        ([[0, 1]], [[0], [1]], r"gold and decided must have the same shape, got \(1, 2\) and \(2, 1\)"),
        ([0, 1], [[0], [1]], r"gold must have 2 axes, got shape \(2,\)"),
    ],
)
def test_bad_arguments(gold: list[object], decided: list[object], message: str) -> None:
    with pytest.raises(DecisionError, match=message):
        positive_f1(np.array(gold), np.array(decided))
