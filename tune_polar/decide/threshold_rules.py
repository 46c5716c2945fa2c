"""One label's threshold from its gold and probabilities, by each rule. A row is positive where p ≥ threshold.

Degenerate cases, the same for every rule that looks at gold: without a positive row the threshold is
``PREDICT_NONE``; where calling every row positive is best, it lies midway from 0 to the lowest probability.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tune_polar.decide.array_checks import BoolArray, FloatArray, IntArray
from tune_polar.decide.confusion_scores import Confusion, f1_of_counts

PREDICT_NONE = 2.0  # above every probability; finite, so that records stay plain JSON
NEVER = "never"  # as a recipe writes it
HALF = 0.5
PAPER_GRID: FloatArray = np.arange(10, 91) / 100  # 0.10, 0.11 … 0.90
PAPER_GRID.flags.writeable = False
TIE_TOLERANCE = 1e-12  # equal fractions computed along two ways may differ in their last bits


@dataclass(frozen=True, eq=False)
class Cuts:
    """What each of some thresholds decides for one label; arrays of shape (thresholds,)."""

    thresholds: FloatArray
    predicted: IntArray  # rows called positive
    tp: IntArray
    positives: int  # gold positives
    rows: int

    def positive_f1(self) -> FloatArray:
        """F1 of the positive class per threshold."""
        return f1_of_counts(self.tp, self.predicted - self.tp, self.positives - self.tp)

    def confusion(self) -> Confusion:
        """All four counts per threshold."""
        fn = self.positives - self.tp
        return Confusion(tp=self.tp, fp=self.predicted - self.tp, fn=fn, tn=self.rows - self.predicted - fn)


def cuts_at(gold: BoolArray, probability: FloatArray, thresholds: FloatArray) -> Cuts:
    """Counts at the given thresholds; ``gold`` and ``probability`` have shape (rows,)."""
    positive = np.sort(probability[gold])
    ranked = np.sort(probability)
    return Cuts(
        thresholds=thresholds,
        predicted=len(ranked) - np.searchsorted(ranked, thresholds, side="left"),
        tp=len(positive) - np.searchsorted(positive, thresholds, side="left"),
        positives=len(positive),
        rows=len(ranked),
    )


def every_cut(gold: BoolArray, probability: FloatArray) -> Cuts:
    """One threshold below each distinct probability, midway to the next lower one (to 0 below the lowest)."""
    order = np.argsort(probability)  # how ties lie among one another is never read
    ranked = probability[order]
    first = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))  # first row of each distinct value
    distinct = ranked[first]
    lower = np.concatenate([[0.0], distinct[:-1]])
    middle = lower + (distinct - lower) / 2
    # Between neighbouring floats the midpoint rounds to one of them; the upper one decides as intended.
    thresholds = np.where(middle > lower, middle, distinct)
    positives_below = np.concatenate([[0], np.cumsum(gold[order])])[first]
    total = int(np.count_nonzero(gold))
    return Cuts(thresholds, len(ranked) - first, total - positives_below, total, len(ranked))


def nearest_half(thresholds: FloatArray, ties: IntArray) -> int:
    """Of the tied positions, that of the threshold nearest to 0.5, then the lower threshold."""
    tied = thresholds[ties]
    return int(ties[np.lexsort((tied, np.round(np.abs(tied - HALF), 12)))[0]])


def best_f1(cuts: Cuts) -> float:
    """The threshold of the highest positive-class F1; ties to the one nearest to 0.5."""
    if cuts.positives == 0:
        return PREDICT_NONE
    score = cuts.positive_f1()
    return float(cuts.thresholds[nearest_half(cuts.thresholds, np.flatnonzero(score >= score.max() - TIE_TOLERANCE))])


def fixed(gold: BoolArray, probability: FloatArray) -> float:  # noqa: ARG001 - one signature for all rules
    """0.5, whatever the rows say."""
    return HALF


def max_f1(gold: BoolArray, probability: FloatArray) -> float:
    """Highest F1 over every distinct probability; the threshold lies midway to the next lower probability."""
    return best_f1(every_cut(gold, probability))


def max_macro_f1(gold: BoolArray, probability: FloatArray) -> float:
    """Highest mean of both classes' F1 (ST1's score) over every distinct probability."""
    cuts = every_cut(gold, probability)
    if cuts.positives == 0:
        return PREDICT_NONE
    score = cuts.confusion().macro_f1()
    return float(cuts.thresholds[nearest_half(cuts.thresholds, np.flatnonzero(score >= score.max() - TIE_TOLERANCE))])


def max_f1_grid(gold: BoolArray, probability: FloatArray) -> float:
    """Highest F1 on the paper's grid 0.10–0.90, step 0.01."""
    return best_f1(cuts_at(gold, probability, PAPER_GRID))


def prevalence_match(gold: BoolArray, probability: FloatArray) -> float:
    """The n⁺-th largest probability (n⁺ gold positives): as many rows called positive as are positive.

    Rows tied with that probability are all called positive.
    """
    positives = int(np.count_nonzero(gold))
    if positives == 0:
        return PREDICT_NONE
    place = len(probability) - positives
    return float(np.partition(probability, place)[place])


def smallest_gap(precision: FloatArray, recall: FloatArray, f1: FloatArray) -> int:
    """Position of the smallest |P − R|; F1 breaks ties, then the first position."""
    gap = np.abs(precision - recall)
    ties = np.flatnonzero(gap <= gap.min() + TIE_TOLERANCE)
    return int(ties[np.flatnonzero(f1[ties] >= f1[ties].max() - TIE_TOLERANCE)[0]])


def min_abs_p_minus_r(gold: BoolArray, probability: FloatArray) -> float:
    """AlphaLyrae's rule as printed: smallest |P − R| on the grid, averaged over BOTH classes; F1 breaks ties.

    The gap is zero where predicted positives = gold positives, but also where predicted positives = gold
    *negatives* (then TP = TN): a rare label may end up with nearly all rows called positive.
    """
    cuts = cuts_at(gold, probability, PAPER_GRID)
    if cuts.positives == 0:
        return PREDICT_NONE
    return float(PAPER_GRID[smallest_gap(*cuts.confusion().both_classes())])
