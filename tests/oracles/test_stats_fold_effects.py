"""The model of fold effects against dense matrices: generalised least squares, BLUP, and the restricted likelihood."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tune_polar.decide.array_checks import FloatArray
from tune_polar.errors import DecisionError
from tune_polar.stats import fold_effects
from tune_polar.stats.fold_effects import fit_fold_effects

seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int, folds: int = 5) -> FloatArray:
    """Scores with effects of their own, some folds missing, at least one score a configuration."""
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 12))
    scores = (
        0.6 + 0.05 * rng.normal(size=(rows, 1)) + 0.02 * rng.normal(size=folds) + 0.012 * rng.normal(size=(rows, folds))
    )
    for row in scores:
        row[rng.permutation(folds)[: rng.integers(0, folds)]] = np.nan
    return scores


class Dense:
    """y ~ N(μ1, V) with V written out; everything by inverting it."""

    def __init__(self, scores: FloatArray, noise: float, configuration: float, fold: float) -> None:
        self.rows, self.folds = np.nonzero(~np.isnan(scores))
        self.y = scores[self.rows, self.folds]
        self.noise, self.configuration, self.fold = noise, configuration, fold
        self.v = self.between(self.rows, self.folds, self.rows, self.folds) + noise * np.eye(len(self.y))
        self.inverse = np.linalg.inv(self.v)
        ones = np.ones(len(self.y))
        self.mu = ones @ self.inverse @ self.y / (ones @ self.inverse @ ones)

    def between(self, rows: FloatArray, folds: FloatArray, others: FloatArray, other_folds: FloatArray) -> FloatArray:
        same = self.configuration * (rows[:, None] == others[None, :])
        return same + self.fold * (folds[:, None] == other_folds[None, :])

    def mean_of(self, row: int, folds: int) -> tuple[float, float]:
        """Best linear unbiased prediction of the mean over all folds of ``row``, and its error's deviation."""
        seen = set(self.folds[self.rows == row].tolist())
        left = np.array([f for f in range(folds) if f not in seen], dtype=int)
        have = self.y[self.rows == row].sum()
        if len(left) == 0:
            return float(have / folds), 0.0
        here = np.full(len(left), row)
        c = self.between(here, left, self.rows, self.folds).sum(axis=0)  # covariance of the sum with what is known
        own = self.between(here, left, here, left).sum() + len(left) * self.noise
        ones = np.ones(len(self.y))
        predicted = len(left) * self.mu + c @ self.inverse @ (self.y - self.mu)
        short = len(left) - ones @ self.inverse @ c
        variance = own - c @ self.inverse @ c + short**2 / (ones @ self.inverse @ ones)
        return float((have + predicted) / folds), float(np.sqrt(variance)) / folds

    def restricted(self) -> float:
        """−2·log restricted likelihood, up to a constant."""
        ones, residual = np.ones(len(self.y)), self.y - self.mu
        return float(
            np.linalg.slogdet(self.v)[1] + np.log(ones @ self.inverse @ ones) + residual @ self.inverse @ residual
        )


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_predictions_are_the_dense_models(seed: int) -> None:
    scores = drawn(seed)
    fitted = fit_fold_effects(scores)
    v = fitted.variances
    dense = Dense(scores, v.noise, v.configuration, v.fold)
    for row in range(len(scores)):
        assert (fitted.mean[row], fitted.deviation[row]) == pytest.approx(dense.mean_of(row, 5), rel=1e-6, abs=1e-9)


@given(seeds)
@settings(max_examples=15, deadline=None)
def test_the_criterion_is_the_dense_restricted_likelihood(seed: int) -> None:
    """Up to a constant, at every pair of the grid, once the prior's terms are taken off."""
    scores = drawn(seed)
    known = ~np.isnan(scores)
    moments = fold_effects._Moments(np.where(known, scores, 0.0), known)
    criterion, noise = fold_effects.restricted_criterion(moments)
    a, b, ours, theirs = fold_effects.ALPHAS, fold_effects.BETAS, [], []
    for i, j in np.ndindex(criterion.shape):
        prior = (np.log(a[i] / fold_effects.USUAL_ALPHA) / fold_effects.LOG_SPREAD) ** 2
        prior += (np.log(b[j] / fold_effects.USUAL_BETA) / fold_effects.LOG_SPREAD) ** 2
        prior += fold_effects.PRIOR_SCORES * (np.log(noise[i, j]) + fold_effects.PRIOR_NOISE**2 / noise[i, j])
        dense = Dense(scores, noise[i, j], noise[i, j] / a[i], noise[i, j] / b[j])
        # σ² profiled out leaves the constant (degrees + prior scores) in both.
        ours.append(criterion[i, j] + known.sum() - 1 + fold_effects.PRIOR_SCORES)
        theirs.append(dense.restricted() + prior)
    assert np.ptp(np.array(ours) - np.array(theirs)) == pytest.approx(0, abs=1e-6)


@given(seeds, st.floats(0, 0.01))
@settings(max_examples=40, deadline=None)
def test_a_guessed_fold_is_a_score_with_more_noise(seed: int, extra: float) -> None:
    """Against the joint normal of guess, remaining folds and configuration effect, levels held fixed."""
    scores = drawn(seed)
    scores[0, :2] = np.nan
    fitted = fit_fold_effects(scores) if (~np.isnan(scores)).any() else fit_fold_effects(np.array([[0.5] * 5]))
    row, v = scores[0], fitted.variances
    mean, deviation = fitted.with_partial(row, 1, 0.62, extra)
    done = np.flatnonzero(~np.isnan(row))
    left = np.flatnonzero(np.isnan(row))
    y = np.concatenate([(row - fitted.levels)[done], [0.62 - fitted.levels[1]]])
    v_yy = v.configuration + np.diag([v.noise] * len(done) + [v.noise + extra])
    c = np.full((len(left), len(y)), v.configuration)
    c[left == 1, -1] += v.noise
    v_left = v.configuration + v.noise * np.eye(len(left))
    solved = np.linalg.solve(v_yy, c.T).T
    expected = (row[done].sum() + (fitted.levels[left] + solved @ y).sum()) / 5
    spread = np.sqrt((v_left - solved @ c.T).sum()) / 5
    assert (mean, deviation) == pytest.approx((expected, spread), rel=1e-6, abs=1e-9)


def test_many_configurations_give_their_variances_back() -> None:
    rng = np.random.default_rng(4)
    level = np.array([0.02, -0.02, 0.01, -0.01, 0.0])
    scores = 0.6 + 0.04 * rng.normal(size=(800, 1)) + level + 0.01 * rng.normal(size=(800, 5))
    scores[rng.random(scores.shape) < 0.4] = np.nan
    scores = scores[~np.isnan(scores).all(axis=1)]
    fitted = fit_fold_effects(scores)
    assert np.sqrt(fitted.variances.noise) == pytest.approx(0.01, rel=0.05)
    assert np.sqrt(fitted.variances.configuration) == pytest.approx(0.04, rel=0.4)  # a grid of factors
    assert fitted.levels - fitted.levels.mean() == pytest.approx(level, abs=0.002)


@pytest.mark.parametrize("scores", [np.full((2, 3), np.nan), np.array([[np.inf, 1.0]])])
def test_nothing_to_fit_is_refused(scores: FloatArray) -> None:
    with pytest.raises(DecisionError, match="fold effects need finite scores"):
        fit_fold_effects(scores)
