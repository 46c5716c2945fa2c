"""Per-class thresholds by named rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide import shrinkage, smoothing, threshold_rules
from tune_polar.decide.array_checks import (
    BitArray,
    BoolArray,
    FloatArray,
    IntArray,
    fold_numbers,
    gold_and_probability,
)
from tune_polar.decide.confusion_scores import Score
from tune_polar.errors import DecisionError


@dataclass(frozen=True)
class ThresholdRule:
    """A named way to choose one threshold per label.

    ``choose`` takes gold and probability (rows, labels) and the rows' folds, or None, and gives (labels,).
    """

    name: str
    summary: str
    choose: Callable[[BoolArray, FloatArray, IntArray | None], FloatArray]


def _per_label(
    rule: Callable[[BoolArray, FloatArray], float],
) -> Callable[[BoolArray, FloatArray, IntArray | None], FloatArray]:
    """A rule for one label, applied to each column."""

    def choose(gold: BoolArray, probability: FloatArray, folds: IntArray | None) -> FloatArray:  # noqa: ARG001
        return np.array([rule(gold[:, label], probability[:, label]) for label in range(gold.shape[1])])

    return choose


_RULES = (
    ThresholdRule("fixed", "0.5 for every label", _per_label(threshold_rules.fixed)),
    ThresholdRule("max_f1", "highest F1 over every distinct probability", _per_label(threshold_rules.max_f1)),
    ThresholdRule(
        "max_macro_f1",
        "highest mean of both classes' F1 (ST1's score) over every distinct probability",
        _per_label(threshold_rules.max_macro_f1),
    ),
    ThresholdRule(
        "smoothed_max_f1",
        "highest F1 that kernel estimates of both classes' logits promise",
        _per_label(smoothing.smoothed_max_f1),
    ),
    ThresholdRule(
        "smoothed_max_macro_f1",
        "highest mean of both classes' F1 that these estimates promise",
        _per_label(smoothing.smoothed_max_macro_f1),
    ),
    ThresholdRule("max_f1_grid", "highest F1 on the grid 0.10-0.90", _per_label(threshold_rules.max_f1_grid)),
    ThresholdRule(
        "shrunk_max_f1",
        "highest F1, drawn toward one common threshold the more the rarer the label",
        shrinkage.shrunk_max_f1,
    ),
    ThresholdRule(
        "prevalence_match",
        "as many rows called positive as are positive",
        _per_label(threshold_rules.prevalence_match),
    ),
    ThresholdRule(
        "min_abs_p_minus_r",
        "smallest |P - R| on the grid 0.10-0.90, averaged over both classes (AlphaLyrae)",
        _per_label(threshold_rules.min_abs_p_minus_r),
    ),
)
THRESHOLD_RULES: Mapping[str, ThresholdRule] = MappingProxyType({rule.name: rule for rule in _RULES})


_USUAL: Mapping[Score, tuple[str, ...]] = {
    "positive": ("smoothed_max_f1", "max_f1", "shrunk_max_f1"),
    "both_classes": ("smoothed_max_macro_f1", "max_macro_f1"),
}


def usual_rules(score: Score) -> tuple[str, ...]:
    """The rules worth comparing for a score: those that look for it (docs/decisions/0031). The others can be named."""
    return _USUAL[score]


def threshold_rule(name: str) -> ThresholdRule:
    """The rule called ``name``.

    Raises:
        DecisionError: there is no such rule.
    """
    if name not in THRESHOLD_RULES:
        raise DecisionError(
            f"the threshold rule must be one of {', '.join(THRESHOLD_RULES)}, got {name!r}",
            "Choose one of these names.",
        )
    return THRESHOLD_RULES[name]


def choose_thresholds(
    rule: str,
    gold: BitArray,
    probability: NDArray[Any],
    *,
    folds: NDArray[np.integer[Any]] | None = None,
    labels: Sequence[str] | None = None,
) -> FloatArray:
    """One threshold per label, chosen on these rows; decide with ``probability >= thresholds``.

    Args:
        rule: a key of ``THRESHOLD_RULES``.
        gold: 0/1, shape (rows, labels).
        probability: same shape, 0–1.
        folds: fold number per row, (rows,); only ``shrunk_max_f1`` looks at it, to choose its strength.
        labels: names for error messages.

    Raises:
        DecisionError: unknown rule, shapes that differ, no rows, a probability that is NaN or outside 0–1.
    """
    truth, shares = gold_and_probability(gold, probability, labels)
    numbers = None if folds is None else fold_numbers(folds, len(truth))
    return threshold_rule(rule).choose(truth, shares, numbers)
