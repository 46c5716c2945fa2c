"""TP003: thresholds that say more about the rule that chose them than about the label.

With predictions at hand each finding carries what the threshold does to them; of recorded thresholds alone
only their values can be judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import BitArray, BoolArray, FloatArray, gold_and_probability, label_names
from tune_polar.decide.threshold_rules import PREDICT_NONE, cuts_at, max_f1, max_macro_f1
from tune_polar.errors import DecisionError

CODE = "TP003"
Kind = Literal[
    "nearly_all",
    "nearly_none",
    "far_from_prevalence",
    "mirror_root",
    "gives_up_f1",
    "far_from_folds",
    "extreme_value",
]
BALANCING = "min_abs_p_minus_r"  # the one rule that a mirror root can mislead


@dataclass(frozen=True)
class DegeneracyLimits:
    """When a threshold is worth a word."""

    nearly_all: float = 0.8  # share of rows called positive, where at most half as many are positive
    nearly_none: float = 0.1  # rows called positive, as a share of the positive rows
    times_prevalence: float = 3.0  # calls as a multiple of positive rows, or the other way round
    mirror_tolerance: float = 0.02  # share of rows by which a predicted count may miss the mirror root
    f1_given_up: float = 0.05
    standard_errors: float = 3.5  # that it must be above too: the best threshold of few rows is one of many tried
    enough_positives: int = 30  # with fewer the highest F1 of these rows is mostly luck, and giving it up no fault
    logit_distance: float = 2.0  # from the median of the other folds' choices: 0.5 against 0.12 or 0.88
    extreme_low: float = 0.1  # a rule on the grid 0.10–0.90 cannot leave these two
    extreme_high: float = 0.9


@dataclass(frozen=True)
class ThresholdFinding:
    """One reason to distrust one threshold."""

    kind: Kind
    label: str
    threshold: float
    message: str
    fold: int | None = None  # number of the fold, for "far_from_folds"
    code: str = CODE


DEFAULT_LIMITS = DegeneracyLimits()


def threshold_findings(
    thresholds: NDArray[Any],
    gold: BitArray,
    probability: NDArray[Any],
    *,
    labels: Sequence[str] | None = None,
    rule: str | None = None,
    limits: DegeneracyLimits = DEFAULT_LIMITS,
) -> tuple[ThresholdFinding, ...]:
    """Findings of what ``thresholds`` (labels,) do to these rows; gold and probability (rows, labels).

    Args:
        thresholds: one a label.
        gold: 0/1.
        probability: 0–1.
        labels: names for messages.
        rule: that chose them, a key of ``THRESHOLD_RULES``; None: not known. Only the rule of the smallest |P − R| has
            a mirror root, and one that looks for both classes' F1 is measured by it.
        limits: from where on a threshold is worth a word.

    Raises:
        DecisionError: shapes that do not match, no rows, probabilities outside 0–1.
    """
    truth, shares = gold_and_probability(gold, probability, labels)
    names = label_names(labels, truth.shape[1])
    chosen = _one_per_label(thresholds, names)
    return tuple(
        ThresholdFinding(kind, name, float(chosen[place]), message)
        for place, name in enumerate(names)
        for kind, message in _on_rows(
            _Label(name, truth[:, place], shares[:, place]), float(chosen[place]), rule, limits
        )
    )


def fold_threshold_findings(
    thresholds: NDArray[Any],
    *,
    folds: Sequence[int] | None = None,
    labels: Sequence[str] | None = None,
    limits: DegeneracyLimits = DEFAULT_LIMITS,
) -> tuple[ThresholdFinding, ...]:
    """Folds whose threshold lies far from the median of the other folds'; ``thresholds`` (folds, labels).

    ``folds`` are the folds' numbers, 0, 1, … where not given.
    """
    table = np.asarray(thresholds, dtype=np.float64)
    names = label_names(labels, table.shape[1])
    numbers = range(len(table)) if folds is None else folds
    findings = []
    for fold in range(len(table) if len(table) >= 3 else 0):  # of two folds neither is the odd one
        middle = np.median(np.delete(table, fold, axis=0), axis=0)
        far = np.abs(_logit(table[fold]) - _logit(middle)) > limits.logit_distance
        findings += [
            ThresholdFinding(
                "far_from_folds",
                names[place],
                float(table[fold, place]),
                f"the threshold of {names[place]} should lie near those of the other folds, got "
                f"{_shown(table[fold, place])} in fold {numbers[fold]}, their median is {_shown(middle[place])}",
                fold=numbers[fold],
            )
            for place in np.flatnonzero(far)
        ]
    return tuple(findings)


def recorded_threshold_findings(
    thresholds: NDArray[Any],
    *,
    labels: Sequence[str] | None = None,
    limits: DegeneracyLimits = DEFAULT_LIMITS,
) -> tuple[ThresholdFinding, ...]:
    """What values alone say of ``thresholds`` (labels,), where no predictions are left; NaN: not recorded."""
    values = np.asarray(thresholds, dtype=np.float64)
    names = label_names(labels, values.size)
    return tuple(
        ThresholdFinding(
            "extreme_value",
            name,
            float(value),
            f"the threshold of {name} should lie between {limits.extreme_low:g} and {limits.extreme_high:g}, "
            f"got {_shown(value)}: the label is called {'nearly always' if value < 0.5 else 'nearly never'}, "
            "or the model's probabilities are far from calibrated",
        )
        for name, value in zip(names, values, strict=True)
        if value < limits.extreme_low or value > limits.extreme_high
    )


@dataclass(frozen=True, eq=False)
class _Label:
    """One label; arrays of shape (rows,)."""

    name: str
    gold: BoolArray
    probability: FloatArray


def _on_rows(label: _Label, threshold: float, rule: str | None, limits: DegeneracyLimits) -> list[tuple[Kind, str]]:
    """Findings for one label, each with what the threshold gets wrong."""
    of_both = rule is not None and "macro" in rule
    best = (max_macro_f1 if of_both else max_f1)(label.gold, label.probability)
    cuts = cuts_at(label.gold, label.probability, np.array([threshold, best]))
    rows, positives, predicted, right = cuts.rows, cuts.positives, int(cuts.predicted[0]), int(cuts.tp[0])
    done = (
        f"of {predicted:,} calls on {rows:,} rows {right:,} are right, of {positives:,} positive rows "
        f"{positives - right:,} are missed (threshold {_shown(threshold)})"
    )
    found: list[tuple[Kind, str]] = []
    if predicted >= limits.nearly_all * rows and predicted >= 2 * positives:
        found.append(("nearly_all", f"{label.name} is called on nearly every row: {done}"))
    elif positives > 0 and predicted <= limits.nearly_none * positives:
        found.append(("nearly_none", f"{label.name} is hardly ever called: {done}"))
    elif positives > 0 and predicted >= limits.times_prevalence * positives:
        often = f"{predicted / positives:.1f} times as often as"
        found.append(("far_from_prevalence", f"{label.name} is called {often} it is positive: {done}"))
    elif positives > 0 and limits.times_prevalence * predicted <= positives:
        often = f"only {predicted / positives:.0%} as often as"
        found.append(("far_from_prevalence", f"{label.name} is called {often} it is positive: {done}"))
    reach = limits.mirror_tolerance * rows
    if rule in (None, BALANCING) and abs(predicted - (rows - positives)) <= reach < abs(predicted - positives):
        found.append(
            (
                "mirror_root",
                f"{label.name} sits on the mirror root of the |P − R| rule, where as many rows are called as are "
                f"negative ({rows - positives:,}): {done}",
            )
        )
    here, highest = cuts.confusion().macro_f1() if of_both else cuts.positive_f1()
    least = max(limits.f1_given_up, limits.standard_errors * _error_of_gain(label, threshold, best, of_both))
    if highest - here > least and positives >= limits.enough_positives:
        found.append(
            (
                "gives_up_f1",
                f"{label.name} gives up {100 * (highest - here):.1f} F1 points on these rows, {here:.3f} against "
                f"{highest:.3f} at threshold {_shown(best)}: {done}",
            )
        )
    return found


def _error_of_gain(label: _Label, threshold: float, other: float, of_both: bool) -> float:
    """Standard error of the difference in F1 between two thresholds on the same rows, by the delta method."""
    moved = np.zeros(len(label.gold))
    for sign, at in ((1, other), (-1, threshold)):
        called = label.probability >= at
        if of_both:
            moved += sign * (_influence(label.gold, called) + _influence(~label.gold, ~called)) / 2
        else:
            moved += sign * _influence(label.gold, called)
    return float(np.sqrt((moved**2).sum()))


def _influence(gold: BoolArray, called: BoolArray) -> FloatArray:
    """(rows,) by how much each row moves F1 = 2·tp / (positives + calls), to the first order."""
    whole = int(gold.sum()) + int(called.sum())
    if whole == 0:
        return np.zeros(len(gold))
    f1 = 2 * int((gold & called).sum()) / whole
    return np.asarray((2.0 * (gold & called) - f1 * (gold.astype(np.float64) + called)) / whole)


def _one_per_label(thresholds: NDArray[Any], names: Sequence[str]) -> FloatArray:
    values = np.asarray(thresholds, dtype=np.float64)
    if values.shape != (len(names),):
        raise DecisionError(
            f"thresholds must be one per label ({len(names)}), got shape {values.shape}",
            "Give the thresholds in the order of gold's columns.",
        )
    return values


def _logit(threshold: FloatArray) -> FloatArray:
    inside = np.clip(threshold, 1e-3, 1 - 1e-3)
    return np.asarray(np.log(inside / (1 - inside)))


def _shown(threshold: float) -> str:
    return "none predicted" if threshold >= PREDICT_NONE else f"{threshold:.3g}"
