"""How much the score of one configuration varies from one training run to the next.

Runs that are scored on the same rows differ by training, and by how the rows that were sampled suit each of them. The
second part is known: resampling the rows gives its variance. What the scores vary beyond it is between runs: their mean
square over its expectation τ² + λ is χ² over its degrees of freedom. A weak half-t prior keeps τ off both 0 and
infinity where these are few, and draws of a new run take τ from the posterior, which widens them as Student's t would.

What is compared, in this order:

- seeds, where every fold was trained with several: deviations from the seeds' mean on the fold;
- configurations, where there are several: deviations from what the fold and the configuration have in common, so that a
  fold of hard texts, which all of them meet, is nobody's run;
- the folds of the only configuration: then such a fold counts as a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from tune_polar.decide.array_checks import FloatArray, IntArray
from tune_polar.decide.metrics import Metric
from tune_polar.decide.rows import Rows
from tune_polar.stats.weighted_scores import Exact, WeightedScores, bootstrap_weights, portions

Source = Literal["seeds", "configurations", "folds"]
ROUNDS = 300  # for the covariance that row sampling explains
MOST_CONFIGURATIONS = 20  # the best so many: those that do badly vary otherwise than the winner
FEWEST_CONFIGURATIONS = 5  # else the better half
PRIOR = 0.7  # the prior's median of τ, in standard errors that the rows leave the winner's score with
_TAIL = 4.0  # its degrees of freedom
_GRID = 400


@dataclass(frozen=True, eq=False)
class RunSpread:
    """The standard deviation τ between training runs on the metric's scale, as a posterior on a grid."""

    source: Source
    degrees: float  # of freedom, Satterthwaite's
    configurations: int  # whose runs were compared
    values: FloatArray  # (grid,) of τ
    weights: FloatArray  # (grid,) sum to 1

    @property
    def sd(self) -> float:
        """Root of the expected variance; never 0."""
        return float((self.weights @ self.values**2) ** 0.5)

    def drawn(self, rounds: int, rng: np.random.Generator) -> FloatArray:
        """τ of each round, (rounds,)."""
        return np.asarray(rng.choice(self.values, size=rounds, p=self.weights))


def run_spread(
    rows: Rows, decided: Sequence[NDArray[Any]], metric: Metric, error: float, rng: np.random.Generator
) -> RunSpread | None:
    """What the scores of these runs say; None where there is one run of each configuration and nothing to compare.

    Args:
        rows: that all were decided on; ``part`` and ``seed`` tell the runs apart.
        decided: of each configuration, the best first, (rows, columns) each. No two may share a training run.
        metric: of the score.
        error: standard error of the winner's score by sampling of rows, which the prior is in proportion to; on the
            metric's scale, as all here.
        rng: of the resampling.
    """
    kept = decided[: min(max(FEWEST_CONFIGURATIONS, (len(decided) + 1) // 2), MOST_CONFIGURATIONS)]
    source: Source = "seeds" if len(rows.seeds) > 1 else "configurations" if len(kept) > 1 else "folds"
    axes: list[_Axes] = []
    if source == "seeds":
        for each in kept:
            runs = _seeds(rows, each)
            if runs is not None:
                axes.append(_axes(*_scored(*runs, metric, rng), are_equals=True))
    elif len(rows.parts) > 1:
        axes.append(_axes(*_scored(rows, kept, metric, rng), are_equals=False))
    freedom = sum(len(variances) * each for variances, _, each in axes)
    if freedom == 0 or not error > 0:
        return None
    square = sum(squares for _, squares, _ in axes) / freedom
    sampled = sum(float(variances.sum()) * each for variances, _, each in axes) / freedom
    degrees = _degrees(axes, max(square - sampled, 0.0))
    # Equally likely values by the prior, so that the likelihood alone is their weight.
    places = (1 + (np.arange(_GRID) + 0.5) / _GRID) / 2
    values = PRIOR * error * stdtrit(_TAIL, places) / stdtrit(_TAIL, 0.75)
    total = values**2 + sampled
    log_likelihood = -degrees / 2 * (np.log(total) + square / total)
    weights = np.exp(log_likelihood - log_likelihood.max())
    return RunSpread(source, degrees, len(kept), values, weights / weights.sum())


_Axes = tuple[FloatArray, float, int]  # the rows' variance along each axis, sum of squares, freedom along each axis


def _degrees(axes: Sequence[_Axes], between: float) -> float:
    """Satterthwaite's, of a sum of squares along axes whose variances differ."""
    moments = [
        (each * (variances + between).sum(), each * ((variances + between) ** 2).sum()) for variances, _, each in axes
    ]
    first, second = (float(sum(each)) for each in zip(*moments, strict=True))
    return first**2 / second


def _seeds(rows: Rows, decided: NDArray[Any]) -> tuple[Rows, list[NDArray[Any]]] | None:
    """The rows once, with each seed's decisions of them; None where seeds held out different rows."""
    own = [np.flatnonzero(rows.seed == seed) for seed in rows.seeds]
    order = [each[np.lexsort((rows.ids[each], rows.part[each]))] for each in own]
    first = order[0]
    for each in order:
        if not np.array_equal(rows.ids[each], rows.ids[first]) or not np.array_equal(rows.part[each], rows.part[first]):
            return None
    return rows.take(first), [decided[each] for each in order]


def _scored(
    rows: Rows, decided: Sequence[NDArray[Any]], metric: Metric, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Scores (folds, runs), and the covariance of runs by row sampling in the mean of the folds.

    A fold's score is its pseudo-value: what the score of all rows owes to this fold. A fold alone may have three rows
    of a rare label, on which F1 says little and resampling still less.
    """
    prepared = WeightedScores(Rows.of(rows.gold), decided, metric)
    every: FloatArray = np.ones(len(rows), dtype=Exact)
    whole, folds = metric.to_scale(prepared.scores(every[None, :])[0]), [rows.part == part for part in rows.parts]
    count = len(folds)
    if count == 1:
        return whole[None, :], _covariance(metric.to_scale(prepared.scores(_drawn(rows.bonds, ROUNDS, rng))))
    without = metric.to_scale(prepared.scores(np.stack([np.where(own, 0, every) for own in folds])))
    explained = []
    for own in folds:
        scores = []
        for rounds in portions(ROUNDS, len(rows)):
            weights = np.tile(every, (rounds, 1))
            weights[:, own] = _drawn(rows.bonds[own], rounds, rng)
            scores.append(metric.to_scale(prepared.scores(weights)))
        explained.append(count**2 * _covariance(np.concatenate(scores)))
    return whole + (count - 1) * (whole - without), np.mean(explained, axis=0)


def _drawn(bonds: IntArray, rounds: int, rng: np.random.Generator) -> FloatArray:
    """How often each row is drawn, those that are bound to one another together; (rounds, rows)."""
    units, unit = np.unique(bonds, return_inverse=True)
    return bootstrap_weights(len(units), rounds, rng)[:, unit.reshape(-1)]


def _covariance(scores: FloatArray) -> FloatArray:
    return np.atleast_2d(np.cov(scores, rowvar=False))


def _axes(scores: FloatArray, explained: FloatArray, *, are_equals: bool) -> _Axes:
    """The rows' variance along each axis, the sum of all squared deviations, and the degrees of freedom along each.

    ``are_equals``: runs differ by nothing but chance, so that their means do too.
    """
    folds, runs = scores.shape
    contrasts = np.eye(runs) if runs == 1 else np.linalg.svd(np.eye(runs) - 1 / runs)[0][:, :-1]
    variances, along = np.linalg.eigvalsh(contrasts.T @ explained @ contrasts), scores @ contrasts
    if not are_equals:
        along = along - along.mean(axis=0)
    return np.maximum(variances, 0.0), float((along**2).sum()), folds if are_equals else folds - 1
