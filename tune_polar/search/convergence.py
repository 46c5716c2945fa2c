"""Ends a search when what is left to gain is smaller than the error of the best score (``regret``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.regret import cross_validation_error, regret_bound
from tune_polar.search.stop_rule import Stop
from tune_polar.search.unit_cube import UnitCube
from tune_polar.spec.space_file import LoadedSpace

FEWEST_SCORED = 20  # before so many configurations a process on them bounds nothing
LOOK_EVERY = 0.05  # share of new scores after which convergence is looked at again: it costs the cube of their number
CANDIDATES = 1000


@dataclass(frozen=True)
class ScoredPoint:
    """A finished configuration as the rule of convergence sees it."""

    point: Mapping[str, object]
    score: float
    fold_scores: tuple[float, ...]


class Converged:
    """A better configuration would be better by less than the best one's own error (``regret``)."""

    def __init__(self, space: LoadedSpace, scored: Callable[[], list[ScoredPoint]], seed: int) -> None:
        self._cube = UnitCube(space)
        self._scored = scored
        self._seed = seed
        self._looked_at = 0
        self._found: Stop | None = None  # once it has converged the search stays so, whatever finishes still

    def stop(self, progress: Mapping[str, ConfigurationProgress]) -> Stop | None:  # noqa: ARG002
        """See ``StopRule``. Open configurations finish their folds."""
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
        error = cross_validation_error(np.array(scored[regret.incumbent].fold_scores))
        if regret.bound >= error:
            return None
        said = (
            f"The search has converged (--until converged): after {len(scored)} configurations at most "
            f"{100 * regret.bound:.2f} points are left to gain, less than the best score's own error of "
            f"{100 * error:.2f} points"
        )
        return Stop("converged", said, holds_folds=False)
