"""Question 5: F1, precision and recall of every class over its threshold, folds as thin lines, each rule's choice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from tune_polar.decide.checks import BoolArray, FloatArray, IntArray
from tune_polar.decide.crossfit import CrossFitted, cross_fitted_decisions
from tune_polar.decide.degenerate import fold_threshold_findings, threshold_findings
from tune_polar.decide.scores import positive_f1
from tune_polar.decide.threshold_rules import PREDICT_NONE, cuts_at
from tune_polar.decide.thresholds import choose_thresholds, usual_rules
from tune_polar.report.numbers import decimals_for, fixed, listed, spread
from tune_polar.report.panel import Axis, Panel
from tune_polar.stats.intervals import points
from tune_polar.store.predictions_of import ConfigurationPredictions
from tune_polar.store.summary import ConfigurationSummary

GRID: FloatArray = np.arange(1, 100, 2) / 100
NOTHING = "Not enough data: no configuration has finished all its folds."
NO_LABELS = "Not applicable: this recipe has no classifier, hence no label thresholds."

_PROBABILITY = Axis(0.0, 1.0, "threshold", tuple((t / 5, f"{t / 5:.1f}") for t in range(6)))
_SCORE = Axis(0.0, 1.0, "", tuple((t / 5, f"{t / 5:.1f}") for t in range(6)))


@dataclass(frozen=True)
class RuleRow:
    """One rule on one class."""

    label: str
    rule: str
    threshold: str  # on all out-of-fold rows
    folds: str  # lowest and highest of the folds' own choices on the other folds
    f1: str  # cross-fitted
    gap: str  # F1 points by which hindsight (chosen in each fold) exceeds it
    is_used: bool


@dataclass(frozen=True)
class ThresholdCurves:
    """A panel a class, a row a class and rule."""

    missing: str
    sentences: tuple[str, ...] = ()
    note: str = ""
    figures: tuple[Markup, ...] = ()
    rows: tuple[RuleRow, ...] = ()
    findings: tuple[str, ...] = ()  # degenerate thresholds (TP003)
    unsteady: tuple[str, ...] = ()  # folds whose threshold lies far from the others'


@dataclass(frozen=True, eq=False)
class _Rows:
    """The winner's out-of-fold rows of the gold-polarized texts."""

    fold: IntArray
    gold: BoolArray
    probability: FloatArray
    labels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Choice:
    rule: str
    pooled: FloatArray  # (labels,)
    crossed: CrossFitted
    f1: FloatArray  # (labels,) cross-fitted
    inside: FloatArray  # (labels,) chosen and scored in each fold, averaged


def threshold_curves(best: ConfigurationSummary | None) -> ThresholdCurves:
    """The winner's curves."""
    if best is None or best.outcome is None or best.predictions is None:
        return ThresholdCurves(NOTHING)
    if not best.configuration.recipe.task.labels:
        return ThresholdCurves(NO_LABELS)
    rows = _rows(best.predictions)
    used = best.outcome.best.rule or best.configuration.recipe.decision.threshold_rule
    choices = [_choice(rule, rows) for rule in dict.fromkeys([used, *usual_rules("positive")])]
    own = choices[0]
    findings = threshold_findings(own.pooled, rows.gold, rows.probability, labels=rows.labels)
    unsteady = fold_threshold_findings(own.crossed.thresholds, folds=np.unique(rows.fold).tolist(), labels=rows.labels)
    return ThresholdCurves(
        missing="",
        sentences=_sentences(choices, rows, decimals_for(spread(best.outcome.best.fold_scores))),
        note="Thick: F1 on all out-of-fold rows of gold-polarized texts; thin: F1 of each fold; long dashes: "
        f"precision; dots: recall. ◆ the threshold used ({used}); upright lines: what the other rules choose, named on "
        "hovering and in the table.",
        figures=tuple(_panel(place, rows, choices) for place in range(len(rows.labels))),
        rows=tuple(_row(choice, place, rows, used) for place in range(len(rows.labels)) for choice in choices),
        findings=tuple(f"{finding.message}." for finding in findings),
        unsteady=tuple(f"{finding.message}." for finding in unsteady),
    )


def _rows(predictions: ConfigurationPredictions) -> _Rows:
    fold, row, probability = predictions.classifier_rows()
    labels = predictions.configuration.recipe.task.labels
    keep = predictions.target[row] == 1
    gold = predictions.gold.train.matrix(labels)[row[keep]] == 1
    return _Rows(fold[keep], gold, probability[keep], labels)


def _choice(rule: str, rows: _Rows) -> _Choice:
    crossed = cross_fitted_decisions(rule, rows.gold, rows.probability, rows.fold, rows.labels)
    inside = []
    for number in np.unique(rows.fold):
        own = rows.fold == number
        chosen = choose_thresholds(rule, rows.gold[own], rows.probability[own])
        inside.append(positive_f1(rows.gold[own], rows.probability[own] >= chosen))
    return _Choice(
        rule,
        choose_thresholds(rule, rows.gold, rows.probability, folds=rows.fold, labels=rows.labels),
        crossed,
        positive_f1(rows.gold, crossed.decided),
        np.mean(inside, axis=0),
    )


def _sentences(choices: list[_Choice], rows: _Rows, decimals: int) -> tuple[str, ...]:
    ranked = sorted(choices, key=lambda choice: -choice.f1.mean())
    used, top = choices[0], ranked[0]
    spread = np.ptp(used.crossed.thresholds, axis=0)
    unsteady = [rows.labels[place] for place in np.flatnonzero(spread > 0.15)]
    gap = used.inside.mean() - used.f1.mean()
    return (
        f"Cross-fitted macro-F1 by rule, on gold-polarized rows: "
        f"{listed([f'{choice.rule} {fixed(choice.f1.mean(), decimals)}' for choice in ranked])}. "
        f"The rule used is {used.rule}"
        + ("." if top is used else f"; {top.rule} has {points(top.f1.mean() - used.f1.mean())} points more here.")
        + f" Choosing by {used.rule} inside the very fold that is scored would promise "
        f"{points(gap).removeprefix('+')} points more.",
        f"Between folds the threshold of {listed(unsteady)} moves by more than 0.15: a final system’s own choice is as "
        "uncertain."
        if unsteady
        else "Every class’s threshold moves by at most 0.15 between folds.",
    )


def _panel(place: int, rows: _Rows, choices: list[_Choice]) -> Markup:
    label, gold, shares = rows.labels[place], rows.gold[:, place], rows.probability[:, place]
    used = choices[0]
    panel = Panel(
        f"threshold-{place}",
        f"{label}: F1, precision and recall over the threshold",
        f"By {used.rule} the threshold is {_shown(used.pooled[place])}, cross-fitted F1 {used.f1[place]:.2f}. "
        "The table after these figures has every rule’s choice.",
        _PROBABILITY,
        _SCORE,
    )
    for number in np.unique(rows.fold):
        own = rows.fold == number
        cuts = cuts_at(gold[own], shares[own], GRID)
        panel.line(_points(cuts.positive_f1()), "thin", f"fold {number}")
    cuts = cuts_at(gold, shares, GRID)
    counts = cuts.confusion()
    panel.line(_points(counts.precision()), "precision", "precision")
    panel.line(_points(counts.recall()), "recall", "recall")
    panel.line(_points(cuts.positive_f1()), "f1", "F1")
    for choice in choices[1:]:
        if choice.pooled[place] <= 1:
            panel.upright(float(choice.pooled[place]), "rule", f"{choice.rule}: {_shown(choice.pooled[place])}")
    at = float(used.pooled[place])
    if at <= 1:
        panel.upright(at, "rule used", f"{used.rule}: {_shown(at)}")
        f1 = float(cuts_at(gold, shares, np.array([at])).positive_f1()[0])
        panel.diamond(at, f1, "pt win", title=f"{used.rule}: {_shown(at)}")
    return Markup('<div class="small-multiple"><p class="panel-title"><bdi>{}</bdi></p>{}</div>').format(
        label, panel.svg()
    )


def _points(values: FloatArray) -> list[tuple[float, float]]:
    return list(zip(GRID.tolist(), values.tolist(), strict=True))


def _row(choice: _Choice, place: int, rows: _Rows, used: str) -> RuleRow:
    own = choice.crossed.thresholds[:, place]
    low, high = _shown(float(own.min())), _shown(float(own.max()))
    return RuleRow(
        rows.labels[place],
        choice.rule,
        _shown(float(choice.pooled[place])),
        low if low == high else f"{low}–{high}",
        fixed(float(choice.f1[place]), 2),
        points(float(choice.inside[place] - choice.f1[place])),
        choice.rule == used,
    )


def _shown(threshold: float) -> str:
    if threshold >= PREDICT_NONE:
        return "none"
    return fixed(threshold, 2) if threshold >= 0.1 else f"{threshold:.2g}"
