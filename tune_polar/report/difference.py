"""Is a configuration really better than the one to compare with: paired by cell, worded no stronger than it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tune_polar.decide.array_checks import FloatArray
from tune_polar.decide.metrics import Metric
from tune_polar.evaluate.configuration_scores import Scores
from tune_polar.report.words import CellWords, named
from tune_polar.stats.intervals import signed, unit_of
from tune_polar.stats.paired import fold_paired
from tune_polar.stats.told_apart import ComparisonMatrix, comparison_matrix

Verdict = Literal["better", "worse", "within"]


@dataclass(frozen=True)
class CellDifference:
    """First minus second, on the same cells."""

    mean: float
    standard_error: float  # of the mean, as if cells were independent
    low: float  # 95 % interval, corrected for folds that share training rows
    high: float
    better_in: int  # cells in which the first is better
    cells: int
    metric: Metric

    @property
    def verdict(self) -> Verdict:
        """Where the interval lies: on the good side of zero, on the bad one, or around it."""
        return self.verdict_beyond(0.0)

    def verdict_beyond(self, gain: float) -> Verdict:
        """The same of ``gain`` in place of zero: larger is better, whatever the metric."""
        gains = sorted(self.metric.gain(end, 0.0) for end in (self.low, self.high))
        return "better" if gains[0] > gain else "worse" if gains[1] < gain else "within"

    @property
    def is_within_error(self) -> bool:
        """The one-standard-error rule (Breiman et al., 1984): whether the gain is no more than its standard error."""
        return self.metric.gain(self.mean, 0.0) <= self.standard_error

    @property
    def text(self) -> str:
        """``+0.4 ± 0.6``: mean and standard error in the metric's unit."""
        return f"{signed(self.mean, self.metric)} ± {signed(self.standard_error, self.metric).removeprefix('+')}"

    @property
    def interval(self) -> str:
        """``−1.1 to +1.9``, in the same unit."""
        return f"{signed(self.low, self.metric)} to {signed(self.high, self.metric)}"


def cell_difference(first: Scores, second: Scores, plan: CellWords, metric: Metric) -> CellDifference | None:
    """The paired difference, or None where the two have fewer than two cells in common."""
    return difference_by_cell(first.by_cell(plan.cells), second.by_cell(plan.cells), plan, metric)


def difference_by_cell(ours: FloatArray, theirs: FloatArray, plan: CellWords, metric: Metric) -> CellDifference | None:
    """The same of scores by cell, (cells,); NaN where a cell has none."""
    deltas = (ours - theirs)[~np.isnan(ours - theirs)].tolist()
    if len(deltas) < 2:
        return None
    paired = fold_paired(
        ours, theirs, planned_folds=plan.folds, seeds=plan.seeds, held_out=plan.held_out, metric=metric
    )
    return CellDifference(
        mean=paired.difference,
        standard_error=float(np.std(deltas, ddof=1)) / len(deltas) ** 0.5,
        low=paired.interval.low,
        high=paired.interval.high,
        better_in=sum(metric.gain(delta, 0.0) > 0 for delta in deltas),
        cells=len(deltas),
        metric=metric,
    )


def by_cells(names: Sequence[str], scores: FloatArray, plan: CellWords, metric: Metric) -> ComparisonMatrix:
    """Each of ``names`` with each, cell by cell; ``scores`` (names, cells), NaN where a cell has none."""
    return comparison_matrix(
        names, scores, planned_folds=plan.folds, seeds=plan.seeds, held_out=plan.held_out, metric=metric
    )


def winner_sentences(difference: CellDifference, compared: int, reference: str, plan: CellWords) -> tuple[str, ...]:
    """What the difference of winner and reference says, and what it does not.

    Args:
        difference: winner minus reference.
        compared: configurations with a score, among which the winner did best.
        reference: what the reference is called.
        plan: the cells.
    """
    metric, one = difference.metric, plan.one
    measured = (
        f"{one.capitalize()} by {one} the winner differs from the {named(reference)} by {difference.text} "
        f"{metric.unit}".rstrip()
        + f" (mean and standard error over {plan.count(difference.cells)}); it is better in "
        f"{difference.better_in} of {difference.cells}.{plan.unlike_pooled}"
    )
    corrected = ", corrected for folds that share training rows," if plan.folds > 1 else ""
    interval = f"The 95% interval{corrected} is {difference.interval}{unit_of(metric)}"
    keep = (
        f" The gain is within its standard error: whoever keeps the {named(reference)} then loses nothing on "
        "average, and is less often worse off."
        if difference.is_within_error
        else ""
    )
    verdict = {
        "within": f"{interval}. It includes zero: these {plan.many} cannot tell the two apart, which does not make "
        f"them equal.{keep}",
        "better": f"{interval}. It excludes zero: noise between {plan.many} alone is an unlikely explanation.",
        "worse": f"{interval}. It lies on the other side of zero: {one} by {one} the {named(reference)} does "
        "better, although its pooled score is worse.",
    }[difference.verdict]
    chosen = (
        f"The winner is the best of {compared} scores, and the best of several noisy scores tends to look too "
        "good; neither its score here nor this interval is corrected for that choice."
    )
    return measured, verdict, chosen
