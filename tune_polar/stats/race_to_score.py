"""From one measure to another: what a configuration's score will be, given the mean of what its folds are raced on.

A straight line through the configurations that have both, drawn towards slope 1 while there are few: a fold raced at
threshold 0.5 lies points below the cross-fitted score, but better is better in both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tune_polar.decide.array_checks import FloatArray
from tune_polar.errors import DecisionError

# Worth two configurations two points from the middle, and two residuals of half a point.
PRIOR_SQUARES, PRIOR_COUNT, PRIOR_ERROR = 2 * 0.02**2, 2.0, 0.005


@dataclass(frozen=True)
class ScoreLink:
    """score ≈ target_mean + slope·(raced − raced_mean), with an error of its own."""

    raced_mean: float
    target_mean: float
    slope: float
    error_variance: float
    count: int
    squares: float  # Σ (raced − raced_mean)², the prior's counted in

    def predict(self, mean: FloatArray, deviation: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Expected score and its deviation where the raced mean is known up to ``deviation``; all (n,)."""
        away = mean - self.raced_mean
        line = self.error_variance * (1 + 1 / self.count + away**2 / self.squares)
        return self.target_mean + self.slope * away, np.sqrt(self.slope**2 * deviation**2 + line)


def fit_score_link(raced: FloatArray, target: FloatArray) -> ScoreLink:
    """The line through configurations that have finished.

    Args:
        raced: (n,) mean over all folds of what is raced on.
        target: (n,) score.

    Raises:
        DecisionError: there are none, or the two differ in length.
    """
    if len(raced) == 0 or raced.shape != target.shape:
        raise DecisionError(
            f"a line needs as many scores as raced means, at least one, got {raced.shape} and {target.shape}",
            "Fit it when a first configuration has finished all its folds.",
        )
    x, y = raced - raced.mean(), target - target.mean()
    squares = float(x @ x) + PRIOR_SQUARES
    slope = (float(x @ y) + PRIOR_SQUARES) / squares
    residual = y - slope * x
    error = (float(residual @ residual) + PRIOR_COUNT * PRIOR_ERROR**2) / (max(len(x) - 2, 0) + PRIOR_COUNT)
    return ScoreLink(float(raced.mean()), float(target.mean()), slope, error, len(x), squares)
