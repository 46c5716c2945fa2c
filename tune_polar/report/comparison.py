"""Is a configuration really better than the published one: paired by fold, worded no stronger than it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from tune_polar.report.numbers import count, fixed, spread
from tune_polar.stats.intervals import points
from tune_polar.stats.paired import fold_paired

Verdict = Literal["above", "below", "within"]


class FoldScored(Protocol):
    """A set of decisions with one score a fold."""

    @property
    def fold_scores(self) -> tuple[float, ...]:
        """In fold order."""


@dataclass(frozen=True)
class FoldDifference:
    """First minus second, on the same folds."""

    mean: float
    standard_error: float  # of the mean, as if folds were independent
    low: float  # 95 % interval, corrected for folds that share training rows
    high: float
    higher_in: int  # folds in which the first scores more
    folds: int

    @property
    def verdict(self) -> Verdict:
        """Where the interval lies: above zero, below it, or around it."""
        return "above" if self.low > 0 else "below" if self.high < 0 else "within"

    @property
    def text(self) -> str:
        """``+0.4 ± 0.6``: mean and standard error in F1 points."""
        return f"{points(self.mean)} ± {fixed(100 * self.standard_error, 1)}"

    @property
    def interval(self) -> str:
        """``−1.1 to +1.9``, in F1 points."""
        return f"{points(self.low)} to {points(self.high)}"


def fold_difference(first: FoldScored, second: FoldScored, planned_folds: int) -> FoldDifference | None:
    """The paired difference, or None where the two were not scored on the same folds."""
    ours, theirs = np.array(first.fold_scores), np.array(second.fold_scores)
    if len(ours) != len(theirs) or not 2 <= len(ours) <= planned_folds:
        return None
    paired = fold_paired(ours, theirs, planned_folds=planned_folds)
    return FoldDifference(
        mean=paired.difference,
        standard_error=spread((ours - theirs).tolist()) / len(ours) ** 0.5,
        low=paired.interval.low,
        high=paired.interval.high,
        higher_in=int((ours > theirs).sum()),
        folds=len(ours),
    )


def winner_sentences(difference: FoldDifference, compared: int) -> tuple[str, ...]:
    """What the difference of winner and published configuration says, and what it does not.

    Args:
        difference: winner minus published.
        compared: configurations with a score, among which the winner scored highest.
    """
    measured = (
        f"Fold by fold the winner differs from the published configuration by {difference.text} F1 points "
        f"(mean and standard error over {count(difference.folds, 'fold')}); it is higher in {difference.higher_in} "
        f"of {difference.folds}. That mean is not the difference of the two pooled scores, and may even differ in sign."
    )
    interval = f"The 95% interval, corrected for folds that share training rows, is {difference.interval} points"
    verdict = {
        "within": f"{interval}. It includes zero: these folds cannot tell the two apart.",
        "above": f"{interval}. It excludes zero: fold noise alone is an unlikely explanation.",
        "below": f"{interval}. It lies below zero: fold by fold the published configuration does better, although "
        "its pooled score is lower.",
    }[difference.verdict]
    chosen = (
        f"The winner is the highest of {compared} scores, and the highest of several noisy scores tends to be too "
        "high; neither its score here nor this interval is corrected for that choice."
    )
    return measured, verdict, chosen


def gap_points(higher: float, lower: float) -> str:
    """A gap in F1 points without its plus sign, for running text: ``4.1``, ``−0.3``."""
    return points(higher - lower).removeprefix("+")
