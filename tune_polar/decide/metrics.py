"""Every score there is, by name: what it measures, how it is printed, and what constant input gets.

======================  =====================================================================================
macro_f1                binary: mean of both classes' F1; labels: mean over labels of the positive class's F1;
                        class: mean over the declared classes. A class without prediction and gold has F1 = 0
positive_f1             F1 of the positive class; labels: mean over labels
micro_f1                labels: one F1 over all labels' rows; binary, class: the same as accuracy
accuracy                share of rows that are right; labels: with every label right
precision_at_1          share of rows whose nearest training row has their label; read while a stage trains
pearson, spearman       correlation, mean over columns; constant input has 0 and a remark
mae, rmse, log_loss     smaller is better; log_loss scores probabilities, clipped one float64 step from 0 and 1
======================  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tune_polar.decide import number_scores
from tune_polar.decide.array_checks import FloatArray
from tune_polar.decide.confusion_scores import Confusion, confusion, f1_of_counts, ratio
from tune_polar.decide.rows import Gold, GoldKind
from tune_polar.errors import DecisionError

_NEARLY_ONE, _DIGITS = 1 - 1e-13, 12  # the largest correlation that has a z; read back with so many digits it is 1
Reads = Literal["decided", "probability", "nearest"]


@dataclass(frozen=True, eq=False)
class Measured:
    """A score with its parts."""

    score: float
    per_column: FloatArray  # (columns,), or (classes,) of class gold
    remarks: tuple[str, ...] = ()  # what made a part of it say nothing, such as constant predictions


@dataclass(frozen=True)
class Metric:
    """One score. ``columns`` scores each column alone; the score is their mean unless ``whole`` computes it."""

    name: str
    unit: str  # printed after differences: "F1 points", "points", "r" or ""
    factor: int  # a difference is printed times this: 100 with one decimal, 1 with three
    kinds: tuple[GoldKind, ...]  # of gold that it scores
    columns: Callable[[Gold, NDArray[Any]], FloatArray]
    whole: Callable[[Gold, NDArray[Any]], float] | None = None
    of_counts: Callable[[Confusion], FloatArray] | None = None  # of binary gold: lets a sweep choose by it
    larger_is_better: bool = True
    range: tuple[float, float] = (0.0, 1.0)  # the least and the largest score there can be; no interval passes them
    reads: Reads = "decided"
    remark: Callable[[Gold, NDArray[Any]], Iterator[str]] | None = None
    is_correlation: bool = False  # its errors are reckoned on Fisher's scale

    def measure(self, gold: Gold, decided: NDArray[Any]) -> Measured:
        """Score ``decided`` (rows, columns) against ``gold``; log_loss of classes takes (rows, classes).

        Raises:
            DecisionError: gold of a kind that it does not score, no rows, or other rows than gold has.
        """
        self.check(gold.kind)
        guess = np.asarray(decided)
        width = len(gold.names) if self.reads == "probability" else gold.values.shape[1]
        if len(gold) == 0 or guess.shape != (len(gold), width):
            raise DecisionError(
                f"{self.name} needs at least one row, and as many of decisions as of gold, got shape {guess.shape} "
                f"against {(len(gold), width)}",
                "Give both for the same rows in the same order.",
            )
        per_column = self.columns(gold, guess)
        score = float(per_column.mean()) if self.whole is None else self.whole(gold, guess)
        return Measured(score, per_column, () if self.remark is None else tuple(self.remark(gold, guess)))

    def score(self, gold: Gold, decided: NDArray[Any]) -> float:
        """The score alone."""
        return self.measure(gold, decided).score

    def per_column(self, gold: Gold, decided: NDArray[Any]) -> FloatArray:
        """The score of each column, of class gold of each class."""
        return self.measure(gold, decided).per_column

    def gain(self, new: float, old: float) -> float:
        """By how much ``new`` is better than ``old``; negative where it is worse."""
        return new - old if self.larger_is_better else old - new

    def to_scale(self, scores: ArrayLike) -> FloatArray:
        """Where errors are added up: of a correlation z = artanh r (Fisher 1915), else the scores themselves.

        An r of 0.6 errs less than one of 0.5, more below than above; their z err alike, on both sides.
        """
        values = np.asarray(scores, dtype=np.float64)
        return np.asarray(np.arctanh(np.clip(values, -_NEARLY_ONE, _NEARLY_ONE))) if self.is_correlation else values

    def from_scale(self, values: ArrayLike) -> FloatArray:
        """Scores again, none beyond ``range``."""
        plain = np.asarray(values, dtype=np.float64)
        return np.clip(np.tanh(plain).round(_DIGITS) if self.is_correlation else plain, *self.range)

    def off_scale(self, deviation: float, score: float) -> float:
        """What a standard deviation on the scale is in scores around ``score``."""
        return deviation * (1 - score**2) if self.is_correlation else deviation

    def check(self, kind: GoldKind) -> None:
        """Refuse gold that this metric does not score."""
        if kind not in self.kinds:
            fitting = [each.name for each in METRICS.values() if kind in each.kinds and each.reads == "decided"]
            raise DecisionError(
                f"{self.name} scores {' and '.join(self.kinds)} gold, got {kind} gold",
                f"Choose one of {', '.join(fitting)}.",
            )


def metric_named(name: str) -> Metric:
    """The metric called ``name``.

    Raises:
        DecisionError: there is none.
    """
    if name not in METRICS:
        raise DecisionError(f"the metric must be one of {', '.join(METRICS)}, got {name!r}", "Choose one of these.")
    return METRICS[name]


def default_metric(kind: GoldKind) -> Metric:
    """What decisions are scored by where the score's own metric does not apply: macro-F1, of numbers Pearson's r."""
    return METRICS["pearson" if kind == "number" else "macro_f1"]


# -- of labels and classes, from counts --------------------------------------------------------------------------


def counts_of(gold: Gold, decided: NDArray[Any]) -> Confusion:
    """Of every column, or of every class against the others."""
    if gold.kind != "class":
        return confusion(gold.values, decided)
    codes = np.arange(len(gold.names))
    return confusion(gold.values == codes, decided == codes)


def _macro(gold: Gold, decided: NDArray[Any]) -> FloatArray:
    counts = counts_of(gold, decided)
    return counts.macro_f1() if gold.kind == "binary" else counts.positive_f1()


def _positive(gold: Gold, decided: NDArray[Any]) -> FloatArray:
    return counts_of(gold, decided).positive_f1()


def _right(counts: Confusion) -> FloatArray:
    return ratio(counts.tp + counts.tn, counts.tp + counts.fp + counts.fn + counts.tn)


def _right_of_each(gold: Gold, decided: NDArray[Any]) -> FloatArray:
    """Of classes: the share right among the rows of each."""
    counts = counts_of(gold, decided)
    return counts.recall() if gold.kind == "class" else _right(counts)


def _rows_right(gold: Gold, decided: NDArray[Any]) -> float:
    return float((gold.values == decided).all(axis=1).mean())


def _micro(gold: Gold, decided: NDArray[Any]) -> float:
    if gold.kind != "labels":
        return _rows_right(gold, decided)
    counts = counts_of(gold, decided)
    return float(f1_of_counts(counts.tp.sum(), counts.fp.sum(), counts.fn.sum()))


# -- of numbers and probabilities --------------------------------------------------------------------------------


def _of_columns(score: Callable[[FloatArray, FloatArray], float]) -> Callable[[Gold, NDArray[Any]], FloatArray]:
    def columns(gold: Gold, decided: NDArray[Any]) -> FloatArray:
        guess = decided.astype(np.float64)
        return np.array([score(gold.values[:, place], guess[:, place]) for place in range(guess.shape[1])])

    return columns


def _constant(gold: Gold, decided: NDArray[Any]) -> Iterator[str]:
    for place, name in enumerate(gold.names):
        for what, values in (("gold", gold.values), ("predictions", decided)):
            if number_scores.is_constant(values[:, place]):
                yield f"the {what} of {name} {'is' if what == 'gold' else 'are'} constant: the correlation counts as 0"


def _log_loss(gold: Gold, probability: NDArray[Any]) -> FloatArray:
    if gold.kind == "class":
        each, codes = number_scores.class_log_loss(gold.values[:, 0], probability), gold.values[:, 0]
        return ratio(np.bincount(codes, each, len(gold.names)), np.bincount(codes, minlength=len(gold.names)))
    return np.asarray(number_scores.binary_log_loss(gold.values, probability).mean(axis=0))


def _mean_log_loss(gold: Gold, probability: NDArray[Any]) -> float:
    if gold.kind == "class":
        return float(number_scores.class_log_loss(gold.values[:, 0], probability).mean())
    return float(_log_loss(gold, probability).mean())


_YES_NO: tuple[GoldKind, ...] = ("binary", "labels")
_NAMED: tuple[GoldKind, ...] = ("binary", "labels", "class")
_NUMBER: tuple[GoldKind, ...] = ("number",)
_ERROR = (0.0, float("inf"))
_CORRELATION: dict[str, Any] = {"range": (-1.0, 1.0), "remark": _constant, "is_correlation": True}
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("macro_f1", "F1 points", 100, _NAMED, _macro, of_counts=Confusion.macro_f1),
        Metric("positive_f1", "F1 points", 100, _YES_NO, _positive, of_counts=Confusion.positive_f1),
        Metric("micro_f1", "F1 points", 100, _NAMED, _positive, _micro, of_counts=_right),
        Metric("accuracy", "points", 100, _NAMED, _right_of_each, _rows_right, of_counts=_right),
        Metric("precision_at_1", "points", 100, ("binary", "class"), _right_of_each, _rows_right, reads="nearest"),
        Metric("pearson", "r", 1, _NUMBER, _of_columns(number_scores.pearson), **_CORRELATION),
        Metric("spearman", "r", 1, _NUMBER, _of_columns(number_scores.spearman), **_CORRELATION),
        Metric("mae", "", 1, _NUMBER, _of_columns(number_scores.mae), larger_is_better=False, range=_ERROR),
        Metric("rmse", "", 1, _NUMBER, _of_columns(number_scores.rmse), larger_is_better=False, range=_ERROR),
        Metric(
            "log_loss",
            "",
            1,
            _NAMED,
            _log_loss,
            _mean_log_loss,
            larger_is_better=False,
            range=_ERROR,
            reads="probability",
        ),
    )
}
