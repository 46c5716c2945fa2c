"""Ends a search when what is left to gain is smaller than the error of the best score (``regret``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tune_polar.decide.metrics import Metric
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.optuna.unit_cube import UnitCube
from tune_polar.search.stopping.regret import cross_validation_error, regret_bound
from tune_polar.search.stopping.stop_rule import Stop

FEWEST_SCORED = 20  # before so many configurations a process on them bounds nothing
LOOK_EVERY = 0.05  # share of new scores after which convergence is looked at again: it costs the cube of their number
CANDIDATES = 1000


@dataclass(frozen=True)
class ScoredPoint:
    """A finished configuration as the rule of convergence sees it."""

    point: Mapping[str, object]
    score: float  # larger is better
    cell_scores: tuple[float, ...]


@dataclass(frozen=True)
class Told:
    """What the rule of convergence is about."""

    metric: Metric  # of the scores, for its words
    held_out: float  # rows that a cell validates over those it trains on


class Converged:
    """A better configuration would be better by less than the best one's own error (``regret``)."""

    def __init__(self, space: LoadedSpace, scored: Callable[[], list[ScoredPoint]], told: Told, seed: int) -> None:
        self._cube = UnitCube(space)
        self._scored = scored
        self._told = told
        self._seed = seed
        self._looked_at = 0
        self._found: Stop | None = None  # once it has converged the search stays so, whatever finishes still

    def stop(self, progress: Mapping[str, ConfigurationProgress]) -> Stop | None:  # noqa: ARG002
        """See ``StopRule``. Open configurations finish their cells."""
        if self._found is None and self._cube.dimensions > 0:
            scored = self._scored()
            if len(scored) >= max(FEWEST_SCORED, self._looked_at + 1, self._looked_at * (1 + LOOK_EVERY)):
                self._looked_at = len(scored)
                self._found = self._look(scored)
        return self._found

    def _look(self, scored: list[ScoredPoint]) -> Stop | None:
        points = np.array([self._cube.row(each.point) for each in scored])
        scores = np.array([each.score for each in scored])
        candidates = self._cube.draw(CANDIDATES, np.random.default_rng((self._seed, len(scored))))
        regret = regret_bound(points, scores, candidates)
        error = cross_validation_error(np.array(scored[regret.incumbent].cell_scores), self._told.held_out)
        if regret.bound >= error:
            return None
        metric = self._told.metric
        said = (
            f"The search has converged (--until converged): after {len(scored)} configurations at most "
            f"{_difference(metric, regret.bound)} are left to gain, less than the best score's own error of "
            f"{_difference(metric, error)}"
        )
        return Stop("converged", said, holds_folds=False)


def _difference(metric: Metric, value: float) -> str:
    """``0.42 F1 points``; of a metric without a unit its name."""
    digits = 2 if metric.factor == 100 else 4
    return f"{metric.factor * value:.{digits}f} {metric.unit or metric.name}"
