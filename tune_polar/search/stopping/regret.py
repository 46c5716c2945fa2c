"""How much better than the incumbent a search could still get, and how well the incumbent itself is known.

After Makarova et al., "Automatic Termination for Hyperparameter Optimization" (AutoML-Conf 2022): a Gaussian process
on what has been scored bounds the regret; below the score's own error a better score would be noise.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tune_polar.decide.array_checks import FloatArray

if TYPE_CHECKING:
    from sklearn.gaussian_process import GaussianProcessRegressor

MOST = 400  # points on which the process is fitted; it costs their cube
DELTA = 0.1  # the bound may fail with this probability; the paper's value


@dataclass(frozen=True)
class Regret:
    """What the process says of a search so far, in units of the score."""

    bound: float  # the highest score still thought possible less the lowest thought of the incumbent's
    incumbent: int  # row with the highest score


def regret_bound(points: FloatArray, scores: FloatArray, candidates: FloatArray) -> Regret:
    """max UCB over the space − max LCB over what was evaluated (the paper minimises, here a score is maximised).

    Args:
        points: (n, d) in the unit cube, evaluated.
        scores: (n,) of ``points``, higher is better, with noise.
        candidates: (m, d) other points of the space.
    """
    order = np.argsort(-scores, kind="stable")
    # Of more, some of every rank, the best among them. All ranks: from the better half alone a cliff looks flat.
    kept = order[np.linspace(0, len(order) - 1, min(MOST, len(order))).astype(int)]
    near, top = points[kept], scores[kept]
    spread = float(top.std()) or 1.0
    process, noise = _fitted(near, (top - top.mean()) / spread)
    reach = math.sqrt(_beta(points.shape[1], len(top)))

    def bounds(of: FloatArray) -> tuple[FloatArray, FloatArray]:
        mean, deviation = process.predict(of, return_std=True)
        # The process predicts the next noisy score; the regret is one of the function behind it.
        latent = np.sqrt(np.maximum(deviation**2 - noise, 0.0))
        return mean - reach * latent, mean + reach * latent

    lower, upper = bounds(near)
    best = max(float(upper.max()), float(bounds(candidates)[1].max(initial=-np.inf)))
    return Regret((best - float(lower.max())) * spread, int(np.argmax(scores)))


def cross_validation_error(cell_scores: FloatArray, held_out: float) -> float:
    """Standard error of a score, sqrt((1/J + held_out)·s²) (Nadeau and Bengio, 2003).

    Cells share training rows: their mean varies more than s²/J says.

    Args:
        cell_scores: (J,), two or more.
        held_out: rows that a cell validates over those it trains on; 1/(K−1) of a cross-validation in K folds.
    """
    return math.sqrt((1 / len(cell_scores) + held_out) * float(np.var(cell_scores, ddof=1)))


def _beta(dimensions: int, points: int) -> float:
    """The width of the bounds: 2·log(d·n²·π²/6δ), a fifth of it as in the paper's experiments."""
    return 2 * math.log(dimensions * points**2 * math.pi**2 / (6 * DELTA)) / 5


def _fitted(points: FloatArray, scores: FloatArray) -> tuple[GaussianProcessRegressor, float]:
    """A process on standardised scores, and its variance of noise.

    One length for all directions: twenty points cannot tell a dozen apart.
    """
    # Imported here: a second to load, for the searches that ask whether they have converged.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    longest = 10 * math.sqrt(points.shape[1])
    kernel = ConstantKernel(1.0, (1e-3, 1e2)) * Matern(1.0, (0.05, longest), nu=2.5) + WhiteKernel(0.1, (1e-4, 2.0))
    process = GaussianProcessRegressor(kernel, n_restarts_optimizer=2, random_state=0)
    with warnings.catch_warnings():
        # A length or noise at its bound is an answer too: a flat function has no length.
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(points, scores)
    return process, float(process.kernel_.k2.noise_level)
