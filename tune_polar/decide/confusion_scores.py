"""The task's scores, all read off confusion counts.

ST1 is scored by the mean of both classes' F1; ST2 and ST3 by the mean over labels of the positive class's F1.
A ratio whose denominator is zero counts as zero: a label with neither prediction nor gold has F1 = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import BitArray, FloatArray, IntArray, as_bool, same_shape

Score: TypeAlias = Literal["positive", "both_classes"]  # ST2 and ST3: the positive class; ST1: mean of both


def ratio(numerator: NDArray[Any], denominator: NDArray[Any]) -> FloatArray:
    """``numerator / denominator`` element by element, 0 where the denominator is 0."""
    alike = numerator.shape == denominator.shape  # nearly always, and asked a million times over many configurations
    shape = numerator.shape if alike else np.broadcast_shapes(numerator.shape, denominator.shape)
    result = np.zeros(shape, dtype=np.float64)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def f1_of_counts(tp: NDArray[Any], fp: NDArray[Any], fn: NDArray[Any]) -> FloatArray:
    """F1 = 2·TP / (2·TP + FP + FN), 0 where all three are 0."""
    return ratio(2 * tp, 2 * tp + fp + fn)


@dataclass(frozen=True, eq=False)
class Confusion:
    """Counts of true and false positives and negatives; four arrays of one shape, any shape."""

    tp: IntArray
    fp: IntArray
    fn: IntArray
    tn: IntArray

    def precision(self) -> FloatArray:
        """Of the positive class."""
        return ratio(self.tp, self.tp + self.fp)

    def recall(self) -> FloatArray:
        """Of the positive class."""
        return ratio(self.tp, self.tp + self.fn)

    def positive_f1(self) -> FloatArray:
        """F1 of the positive class."""
        return f1_of_counts(self.tp, self.fp, self.fn)

    def both_classes(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Precision, recall and F1, each the mean over the positive and the negative class."""
        negative = Confusion(tp=self.tn, fp=self.fn, fn=self.fp, tn=self.tp)
        return (
            (self.precision() + negative.precision()) / 2,
            (self.recall() + negative.recall()) / 2,
            (self.positive_f1() + negative.positive_f1()) / 2,
        )

    def macro_f1(self) -> FloatArray:
        """Mean of both classes' F1 (ST1's score)."""
        return self.both_classes()[2]


def confusion(gold: BitArray, decided: BitArray) -> Confusion:
    """Counts over the rows; ``gold`` and ``decided`` (rows, labels) give arrays of shape (labels,)."""
    truth, guess = as_bool(gold, "gold", 2), as_bool(decided, "decided", 2)
    same_shape(truth, guess, "gold and decided")
    tp = np.count_nonzero(truth & guess, axis=0).astype(np.int64)
    predicted = np.count_nonzero(guess, axis=0).astype(np.int64)
    positive = np.count_nonzero(truth, axis=0).astype(np.int64)
    return Confusion(tp=tp, fp=predicted - tp, fn=positive - tp, tn=len(truth) - predicted - positive + tp)


def binary_macro_f1(gold: BitArray, decided: BitArray) -> float:
    """ST1's score: mean of the F1 of class 1 and of class 0; both arguments have shape (rows,)."""
    truth, guess = as_bool(gold, "gold", 1), as_bool(decided, "decided", 1)
    same_shape(truth, guess, "gold and decided")
    return float(confusion(truth[:, None], guess[:, None]).macro_f1()[0])


def positive_f1(gold: BitArray, decided: BitArray) -> FloatArray:
    """F1 of the positive class per label; (rows, labels) twice → (labels,)."""
    return confusion(gold, decided).positive_f1()


def label_macro_f1(gold: BitArray, decided: BitArray) -> float:
    """ST2's and ST3's score: mean over labels of the positive class's F1."""
    return float(positive_f1(gold, decided).mean())
