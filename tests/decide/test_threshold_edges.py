from __future__ import annotations

import numpy as np
import pytest

from tune_polar.decide.choose_thresholds import THRESHOLD_RULES, choose_thresholds
from tune_polar.decide.threshold_rules import PREDICT_NONE
from tune_polar.errors import DecisionError

GOLD = np.array([[0, 1], [1, 1], [0, 0], [1, 0]])
P = np.array([[0.2, 0.9], [0.8, 0.7], [0.4, 0.3], [0.6, 0.1]])
FITTED = [name for name in THRESHOLD_RULES if name != "fixed"]


def one_label(rule: str, gold: list[int], probability: list[float]) -> float:
    column = np.array(gold)[:, None]
    return float(choose_thresholds(rule, column, np.array(probability)[:, None])[0])


@pytest.mark.parametrize("rule", FITTED)
def test_without_a_positive_row_nothing_is_predicted(rule: str) -> None:
    assert one_label(rule, [0, 0, 0], [0.1, 0.9, 1.0]) == PREDICT_NONE > 1


@pytest.mark.parametrize("rule", FITTED)
def test_all_positive_rows_are_all_predicted(rule: str) -> None:
    probability = [0.3, 0.9, 1.0]
    assert one_label(rule, [1, 1, 1], probability) <= min(probability)


@pytest.mark.parametrize("rule", [name for name in FITTED if name != "min_abs_p_minus_r"])
def test_constant_probabilities_are_all_predicted(rule: str) -> None:
    assert one_label(rule, [1, 0, 0], [0.3, 0.3, 0.3]) <= 0.3


@pytest.mark.parametrize("rule", THRESHOLD_RULES)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_saturated_probabilities_give_a_finite_threshold(rule: str, value: float) -> None:
    assert np.isfinite(one_label(rule, [1, 0, 1], [value] * 3))


def test_thresholds_lie_midway_or_on_the_nth_largest() -> None:
    assert one_label("max_f1", [0, 1, 0, 1], [0.2, 0.8, 0.4, 0.6]) == pytest.approx(0.5)
    assert one_label("prevalence_match", [0, 1, 0, 1], [0.2, 0.8, 0.4, 0.6]) == 0.6
    assert one_label("max_f1", [1, 1], [0.4, 0.6]) == pytest.approx(0.2)
    assert one_label("fixed", [1, 1], [0.4, 0.6]) == 0.5


def test_neighbouring_floats_are_still_told_apart() -> None:
    low = 0.5
    high = float(np.nextafter(low, 1))
    threshold = one_label("max_f1", [0, 1], [low, high])
    assert not low >= threshold
    assert high >= threshold


def test_the_mirror_root_of_the_printed_rule() -> None:
    """10 positives of 100: |P − R| is zero at 90 predicted rows, F1 is best at 30; the rule takes the 90."""
    gold = np.zeros(100, dtype=int)
    gold[[5, 50, 71, 75, 80, 84, 88, 92, 96, 99]] = 1
    probability = np.repeat([0.05, 0.3, 0.8], [10, 60, 30])
    threshold = one_label("min_abs_p_minus_r", gold.tolist(), probability.tolist())
    assert (probability >= threshold).sum() == 90
    assert (probability >= one_label("max_f1", gold.tolist(), probability.tolist())).sum() == 30


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rule": "best"}, r"the threshold rule must be one of fixed, max_f1, .* got 'best'"),
        (
            {"probability": np.where(P == 0.3, np.nan, P)},
            r"must be numbers between 0 and 1, got nan for 'b' in row 2 \(counting from 0\); 1 such values",
        ),
        ({"probability": P * 2}, r"must be numbers between 0 and 1, got 1.8 for 'b' in row 0"),
        ({"probability": P[:2]}, r"gold and probability must have the same shape, got \(4, 2\) and \(2, 2\)"),
        ({"gold": GOLD * 2}, r"gold must hold only 0 and 1, got 2"),
        ({"gold": GOLD[:0], "probability": P[:0]}, r"chosen on at least one row"),
        ({"labels": ["a"]}, r"labels must name each of the 2 columns, got 1: \['a'\]"),
    ],
)
def test_bad_arguments(change: dict[str, object], message: str) -> None:
    arguments = {"rule": "max_f1", "gold": GOLD, "probability": P, "labels": ["a", "b"], **change}
    with pytest.raises(DecisionError, match=message):
        choose_thresholds(**arguments)  # type: ignore[arg-type]
