"""Smoothed max-F1 against loops over rows and a numerical integral of the kernel."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from sklearn.metrics import f1_score

from tune_polar.decide.smoothing import EPANECHNIKOV, SHARE, SILVERMAN, smoothed_max_f1, smoothed_max_macro_f1
from tune_polar.decide.threshold_rules import PREDICT_NONE, max_f1, max_macro_f1


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


RULES = {False: smoothed_max_f1, True: smoothed_max_macro_f1}


def drawn(rng: np.random.Generator, rows: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Gold (rows,), and probabilities whose logits lie 2 apart by class."""
    gold = rng.random(rows) < share
    gold[:2] = True, False
    return gold, 1 / (1 + np.exp(-(rng.normal(0, 1.2, rows) + np.where(gold, 1.0, -1.0))))


def above(logits: np.ndarray, threshold: float, bandwidth: float) -> float:
    """Each row's kernel, integrated from the threshold on."""
    total = 0.0
    for logit in logits:
        low = min(max((threshold - logit) / bandwidth, -1.0), 1.0)
        total += quad(lambda u: 0.75 * (1 - u * u), low, 1.0)[0]
    return total


def bandwidth(logits: np.ndarray) -> float:
    iqr = float(np.quantile(logits, 0.75) - np.quantile(logits, 0.25))
    deviation = math.sqrt(sum((z - logits.mean()) ** 2 for z in logits) / (len(logits) - 1))
    return SILVERMAN * SHARE * EPANECHNIKOV * min(deviation, iqr / 1.34) / len(logits) ** 0.2


def expected(gold: np.ndarray, logits: np.ndarray, threshold: float, macro: bool) -> float:
    positive, negative = logits[gold], logits[~gold]
    tp = above(positive, threshold, bandwidth(positive))
    fp = above(negative, threshold, bandwidth(negative))
    f1 = 2 * tp / (len(positive) + tp + fp)
    tn, fn = len(negative) - fp, len(positive) - tp
    return (f1 + 2 * tn / (len(negative) + tn + fn)) / 2 if macro else f1


@pytest.mark.parametrize("macro", [False, True])
@pytest.mark.parametrize("apart", [1, 2])
def test_probabilities_all_but_alike_have_no_width_to_smooth_by(macro: bool, apart: int) -> None:
    """Of a hundred thousand rows a few one float32 apart: a spread that can be seen in none of the classes."""
    same = np.float32(0.1249)
    probability = np.full(100_000, same, dtype=np.float64)
    probability[:apart] = np.nextafter(same, np.float32(1))
    gold = np.arange(100_000) % 3 == 0
    plain = max_macro_f1 if macro else max_f1
    assert RULES[macro](gold, probability) == plain(gold, probability)


@pytest.mark.parametrize("macro", [False, True])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_no_other_threshold_promises_more(rng: np.random.Generator, macro: bool, share: float) -> None:
    gold, probability = drawn(rng, 60, share)
    logits = np.log(probability / (1 - probability))
    chosen = RULES[macro](gold, probability)
    reached = expected(gold, logits, math.log(chosen / (1 - chosen)), macro)
    others = [expected(gold, logits, float(t), macro) for t in np.linspace(logits.min(), logits.max(), 80)]
    assert reached >= max(others) - 1e-6
    assert reached > min(others) + 0.05


@pytest.mark.parametrize("macro", [False, True])
def test_many_rows_lead_to_the_threshold_of_the_highest_score(rng: np.random.Generator, macro: bool) -> None:
    gold, probability = drawn(rng, 40_000, 0.3)
    average = "macro" if macro else "binary"
    reached = f1_score(gold, probability >= RULES[macro](gold, probability), average=average)
    best = max(f1_score(gold, probability >= t, average=average) for t in np.linspace(0.1, 0.9, 41))
    assert reached == pytest.approx(best, abs=0.003)


def test_few_positives_move_it_less_than_the_highest_score_at_hand() -> None:
    chosen: dict[str, list[float]] = {"smoothed": [], "plain": []}
    for seed in range(40):
        gold, probability = drawn(np.random.default_rng(seed), 600, 0.03)
        chosen["smoothed"].append(smoothed_max_f1(gold, probability))
        chosen["plain"].append(max_f1(gold, probability))
    assert np.std(chosen["smoothed"]) < 0.8 * np.std(chosen["plain"])


@pytest.mark.parametrize("macro", [False, True])
@pytest.mark.parametrize(
    ("gold", "probability"),
    [
        ([1], [0.3]),
        ([1, 0], [0.5, 0.5]),
        ([1, 1, 1], [0.2, 0.4, 0.9]),
        ([1, 0, 0], [1.0, 0.0, 0.0]),
        ([1, 0, 1, 0], [0.0, 1.0, 1.0, 0.0]),
        ([1, 0, 0, 0, 0], [0.4, 0.41, 0.1, 0.2, 0.3]),
    ],
)
def test_small_and_flat_tables_have_a_threshold(macro: bool, gold: list[int], probability: list[float]) -> None:
    chosen = RULES[macro](np.array(gold, dtype=bool), np.array(probability))
    assert math.isfinite(chosen)
    assert 0.0 <= chosen <= 1.0


def test_classes_that_do_not_overlap_are_parted(rng: np.random.Generator) -> None:
    gold = np.arange(50) < 8
    probability = np.where(gold, rng.uniform(0.30, 0.99, 50), rng.uniform(0.0, 0.29, 50))
    assert ((probability >= smoothed_max_f1(gold, probability)) == gold).all()


def test_no_positive_row_predicts_nothing() -> None:
    assert smoothed_max_f1(np.zeros(3, dtype=bool), np.array([0.1, 0.5, 0.9])) == PREDICT_NONE


def test_row_order_does_not_matter(rng: np.random.Generator) -> None:
    gold, probability = drawn(rng, 300, 0.2)
    order = rng.permutation(300)
    assert smoothed_max_f1(gold, probability) == pytest.approx(
        smoothed_max_f1(gold[order], probability[order]), abs=1e-9
    )
