"""How much better checkpoints look on the rows that chose them.

Each fold keeps the evaluation that does best on its own validation rows, and these rows are then scored: the best of
many noisy values looks better than it is, and no choice of thresholds or configurations made on other folds mends that.
What a fold's curve says at the step that the other folds would have kept is no choice of its own rows; the mean
difference estimates what the choice alone is worth (``benchmarks/checkpoint_choice.py`` compares it with the truth).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from tune_polar.decide.metrics import Metric


@dataclass(frozen=True)
class Curve:
    """Evaluations of one stage in one cell, and which of them was kept."""

    fold: int
    steps: tuple[int, ...]
    values: tuple[float, ...]  # of the metric by which one is kept
    kept: int  # its step


def worth_of_own_checkpoint(curves: Sequence[Curve], metric: Metric) -> float | None:
    """By how much the kept values are better than those at the median step that cells of other folds kept.

    Args:
        curves: of one stage, a cell each.
        metric: of their values.

    Returns:
        Their mean, better is positive; None where there are no two folds, or nothing was chosen from.

    Example:
        >>> worth_of_own_checkpoint([Curve(0, (10, 20), (0.6, 0.7), 20), Curve(1, (10, 20), (0.7, 0.6), 10)], metric)
        0.1
    """
    gains = []
    for curve in curves:
        others = [each.kept for each in curves if each.fold != curve.fold]
        if others and curve.kept in curve.steps:
            step = median(others)
            at = min(range(len(curve.steps)), key=lambda place: abs(curve.steps[place] - step))
            gains.append(metric.gain(curve.values[curve.steps.index(curve.kept)], curve.values[at]))
    return fmean(gains) if gains and max(len(curve.steps) for curve in curves) > 1 else None
