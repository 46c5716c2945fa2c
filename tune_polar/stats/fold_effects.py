"""Scores of configurations on folds as a sum of effects: score = μ + configuration + fold + noise.

Configurations and folds are random effects, normal around 0. Their variances are chosen by restricted maximum
likelihood with a weak prior (a search begins with two scores, which say nothing of three variances); everything else
has a closed form that costs (configurations × folds²), so that it can be fitted anew after each fold of thousands.

With α = σ²/σ²_configuration and β = σ²/σ²_fold, configurations integrated out and μ with a flat prior, the levels
φ_j = μ + fold_j solve (A + β·C)·φ = b, where C centres and, over configurations i with n_i scores,

    A = diag(scores a fold) − Σ_i x_i·x_iᵀ/(n_i + α),    b = Σ_i y_i − Σ_i x_i·Σ_j y_ij/(n_i + α).

(Henderson's mixed-model equations with the larger block eliminated.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tune_polar.decide.array_checks import BoolArray, FloatArray
from tune_polar.errors import DecisionError

# The grid on which the two ratios of variances are sought: standard deviations of configurations from a fifth to
# thirty times the noise's, of folds from a third to three times.
ALPHAS = np.geomspace(25.0, 1e-3, 20)
BETAS = np.geomspace(9.0, 0.1, 4)
# The weak prior, worth PRIOR_SCORES scores: noise of a fold's F1 as recorded with real texts and small encoders; wide
# spaces differ by several times as much, folds by about as much.
PRIOR_SCORES, PRIOR_NOISE = 2.0, 0.012
LOG_SPREAD = 2.0  # standard deviation of the logarithm of each ratio, around the values below
USUAL_ALPHA, USUAL_BETA = 0.15, 1.0


@dataclass(frozen=True)
class Variances:
    """Of the three effects, in squared units of the score."""

    noise: float
    configuration: float
    fold: float


@dataclass(frozen=True, eq=False)
class FoldEffects:
    """The fitted model; rows are configurations, columns folds."""

    variances: Variances
    levels: FloatArray  # (folds,) φ: what a middling configuration scores on each fold
    effects: FloatArray  # (configurations,) each one's expected difference from that
    mean: FloatArray  # (configurations,) expected mean over all folds, what was scored counted as it is
    deviation: FloatArray  # (configurations,) standard deviation of that mean; 0 where all folds are scored

    def with_partial(self, row: FloatArray, fold: int, guess: float, extra_variance: float) -> tuple[float, float]:
        """Mean over all folds of a configuration, and its deviation, when one more fold is guessed.

        Args:
            row: (folds,) its scores, NaN where there is none.
            fold: without a score, whose final score is guessed.
            guess: of that fold's score.
            extra_variance: of the guess's error.
        """
        done = ~np.isnan(row)
        noise, spread = self.variances.noise, self.variances.configuration
        residuals = row - self.levels
        # Precisions add up: the guess is a score with more noise.
        precision = 1 / spread + done.sum() / noise + 1 / (noise + extra_variance)
        effect = (residuals[done].sum() / noise + (guess - self.levels[fold]) / (noise + extra_variance)) / precision
        # The guessed fold itself: between the guess and what the effect says of it.
        trust = noise / (noise + extra_variance)
        expected = np.where(done, row, self.levels + effect)
        expected[fold] = trust * guess + (1 - trust) * expected[fold]
        others = len(row) - done.sum() - 1
        weight = others + (1 - trust)
        inside = weight**2 / precision + others * noise + trust * extra_variance
        return float(expected.mean()), float(np.sqrt(inside)) / len(row)


def fit_fold_effects(scores: FloatArray) -> FoldEffects:
    """The model of ``scores`` (configurations, folds), NaN where a fold has not been scored.

    Raises:
        DecisionError: there is no score at all, or an infinite one.
    """
    known = ~np.isnan(scores)
    if scores.ndim != 2 or not known.any() or np.isinf(scores).any():
        raise DecisionError(
            f"fold effects need finite scores of configurations on folds, got {int(known.sum())} in {scores.shape}",
            "Leave out what is not a number, and fit when a first fold has been scored.",
        )
    centre = float(scores[known].mean())
    moments = _Moments(np.where(known, scores - centre, 0.0), known)
    alpha, beta, noise = _likeliest(moments)
    levels, inverse = _levels(moments, alpha, beta)
    counts, sums, mask = moments.counts, moments.sums, moments.mask
    folds = mask.shape[1]
    shrink = 1 / (counts + alpha)  # (configurations,)
    effects = (sums - mask @ levels) * shrink
    left = folds - counts
    missing = 1.0 - mask
    mean = (sums + missing @ levels + left * effects) / folds + centre
    # How the sum over missing folds moves with the levels, beside the configuration's own uncertainty and new noise.
    slope = missing - (left * shrink)[:, None] * mask
    inside = left**2 * shrink + left + np.einsum("ij,jk,ik->i", slope, inverse, slope)
    deviation = np.sqrt(noise * np.where(left > 0, inside, 0.0)) / folds
    return FoldEffects(Variances(noise, noise / alpha, noise / beta), levels + centre, effects, mean, deviation)


class _Moments:
    """Sums over configurations that every pair of ratios needs, taken once."""

    def __init__(self, values: FloatArray, known: BoolArray) -> None:
        """``values`` (configurations, folds), 0 where not ``known``."""
        self.mask = known.astype(np.float64)
        self.counts = self.mask.sum(axis=1)
        self.sums = values.sum(axis=1)
        self.total = int(self.counts.sum())
        folds = values.shape[1]
        self.folds = folds
        self.sizes = np.arange(1, folds + 1, dtype=np.float64)
        members = (self.counts[None, :] == self.sizes[:, None]).astype(np.float64)  # (sizes, configurations)
        self.members = members.sum(axis=1)
        pairs = (self.mask[:, :, None] * self.mask[:, None, :]).reshape(len(values), folds * folds)
        self.pairs = members @ pairs  # (sizes, folds²): Σ x·xᵀ
        self.crossed = members @ (self.mask * self.sums[:, None])  # (sizes, folds): Σ x·Σy
        self.squares = members @ self.sums**2  # (sizes,): Σ (Σy)²
        self.fold_counts = self.mask.sum(axis=0)
        self.fold_sums = values.sum(axis=0)
        self.square = float((values**2).sum())


def _systems(moments: _Moments, alphas: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A (alphas, folds, folds), b (alphas, folds) and yᵀPy (alphas,) without the folds' prior."""
    weights = 1 / (moments.sizes[None, :] + alphas[:, None])
    folds = moments.folds
    matrix = np.diag(moments.fold_counts) - (weights @ moments.pairs).reshape(-1, folds, folds)
    vector = moments.fold_sums - weights @ moments.crossed
    return matrix, vector, moments.square - weights @ moments.squares


def _centring(folds: int) -> FloatArray:
    return np.eye(folds) - 1 / folds


def _levels(moments: _Moments, alpha: float, beta: float) -> tuple[FloatArray, FloatArray]:
    matrix, vector, _ = _systems(moments, np.array([alpha]))
    inverse: FloatArray = np.linalg.inv(matrix[0] + beta * _centring(moments.folds))
    return inverse @ vector[0], inverse


def _likeliest(moments: _Moments) -> tuple[float, float, float]:
    """α, β and σ² of the largest restricted likelihood times prior on the grid."""
    criterion, noise = restricted_criterion(moments)
    best = np.unravel_index(int(np.argmin(criterion)), criterion.shape)
    return float(ALPHAS[best[0]]), float(BETAS[best[1]]), float(noise[best])


def restricted_criterion(moments: _Moments) -> tuple[FloatArray, FloatArray]:
    """−2·log(restricted likelihood · prior) with σ² profiled out, and that σ²; both (alphas, betas)."""
    folds = moments.folds
    matrix, vector, square = _systems(moments, ALPHAS)
    full = matrix[:, None] + BETAS[None, :, None, None] * _centring(folds)
    sign, determinant = np.linalg.slogdet(full)
    solved = np.linalg.solve(full, np.broadcast_to(vector[:, None, :, None], (*full.shape[:3], 1)))[..., 0]
    quadratic = np.maximum(square[:, None] - np.einsum("aj,abj->ab", vector, solved), 0.0)
    degrees = moments.total - 1
    noise = (quadratic + PRIOR_SCORES * PRIOR_NOISE**2) / (degrees + PRIOR_SCORES)
    shrinkage = (moments.members[None, :] * np.log1p(moments.sizes[None, :] / ALPHAS[:, None])).sum(axis=1)
    prior = (np.log(ALPHAS / USUAL_ALPHA) / LOG_SPREAD)[:, None] ** 2 + (np.log(BETAS / USUAL_BETA) / LOG_SPREAD) ** 2
    criterion = (
        (degrees + PRIOR_SCORES) * np.log(noise)
        + shrinkage[:, None]
        - (folds - 1) * np.log(BETAS)[None, :]
        + np.where(sign > 0, determinant, np.inf)
        + prior
    )
    return criterion, noise
