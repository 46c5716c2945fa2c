"""Worlds in which a search can be judged by the truth: what each point of a shipped space is really worth.

A recorded table gives two: a Gaussian process and trees, both fitted to its 120 configurations. Two families are drawn
anew for each seed over a shipped space: ``few`` has a handful of settings that matter, its optimum somewhere near the
published point; ``cliffs`` has an optimum anywhere, settings that interact, and a learning rate beyond which training
fails. Folds add what was recorded: an effect of the fold, the noise of one fold, the error of the final score.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.base import RegressorMixin, clone
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.model_selection import KFold, cross_val_predict

from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.recipe.space_file import load_space
from tune_polar.search.optuna.unit_cube import UnitCube

Numbers = NDArray[np.float64]
Truth = Callable[[Numbers], float]  # (dimensions,) in the unit cube → the score that endless data would give
TABLES = Path(__file__).resolve().parent / "tables"
RACED = {"st1": "score_half", "st3": "score_tuned"}
SHARE_OF_SPREAD = 1.0  # a family's settings spread scores by as much as the table's do
FAILED = 3.0  # deviations that a configuration beyond the cliff loses


@dataclass(frozen=True)
class Noise:
    """What folds add, as a table has it."""

    slope: float  # raced mean for each unit of the final score
    fold: float  # standard deviation of a fold's effect
    cell: float  # of one fold's noise
    final: float  # of the final score around what its raced mean says


@dataclass(frozen=True, eq=False)
class World:
    """One problem to search."""

    name: str
    space: LoadedSpace
    cube: UnitCube
    truth: Truth
    noise: Noise
    folds: int = 5

    def value(self, point: Mapping[str, object]) -> float:
        """What ``point`` is truly worth."""
        return self.truth(self.cube.row(point))

    def measured(self, value: float, rng: np.random.Generator, levels: Numbers) -> tuple[Numbers, float]:
        """What one configuration's folds show: raced scores (folds,), and the final score; noise is shared by both."""
        errors = rng.normal(0.0, self.noise.cell, self.folds)
        raced = self.noise.slope * value + levels + errors
        return raced, value + float(errors.mean()) / self.noise.slope + float(rng.normal(0.0, self.noise.final))


@dataclass(frozen=True, eq=False)
class Table:
    """A recorded table over its shipped space."""

    space: LoadedSpace
    points: Numbers  # (configurations, dimensions)
    finals: Numbers  # (configurations,)
    noise: Noise


@cache
def table(name: str) -> Table:
    """``st1`` or ``st3``."""
    loaded = load_recipe(name, RecipeOptions(encoder="tiny"))
    space = load_space(name, loaded.recipe, loaded.profile)
    cube, published = UnitCube(space), space.published() or {}
    frame = pd.read_parquet(TABLES / f"{name}.parquet").sort_values(["number", "fold"])
    rows, finals, raced = [], [], []
    for _, own in frame.groupby("number"):
        rows.append(cube.row(json.loads(own["point"].iloc[0]) or published))
        finals.append(float(own["final"].iloc[0]))
        raced.append(own[RACED[name]].to_numpy(dtype=np.float64))
    return Table(space, np.array(rows), np.array(finals), noise_of(np.array(raced), np.array(finals)))


def noise_of(raced: Numbers, finals: Numbers) -> Noise:
    """Effects of a table: ``raced`` (configurations, folds), ``finals`` (configurations,)."""
    means, levels = raced.mean(axis=1), raced.mean(axis=0)
    errors = raced - means[:, None] - levels[None, :] + raced.mean()
    configurations, folds = raced.shape
    cell = float(np.sqrt((errors**2).sum() / ((configurations - 1) * (folds - 1))))
    slope = float(np.cov(means, finals)[0, 1] / finals.var(ddof=1))
    line = np.polyfit(means, finals, 1)
    return Noise(
        max(slope, 0.2), float(levels.std(ddof=1)), cell, float((finals - np.polyval(line, means)).std(ddof=2))
    )


def smooth_model() -> RegressorMixin:
    """A Gaussian process with a length for all directions: a dozen lengths would be read off noise."""
    kernel = ConstantKernel(1.0, (1e-2, 1e2)) * Matern(2.0, (0.1, 30.0), nu=2.5) + WhiteKernel(0.2, (1e-3, 2.0))
    return GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=2, random_state=0)


def tree_model() -> RegressorMixin:
    """Trees, each on all configurations with splits by chance: steps and interactions instead of slopes."""
    return ExtraTreesRegressor(300, min_samples_leaf=2, max_features=0.5, random_state=0, n_jobs=1)


MODELS = {"gp": smooth_model, "trees": tree_model}


@cache
def fitted(name: str, model: str) -> RegressorMixin:
    """One of ``MODELS`` on one of the tables."""
    known = table(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a length at its bound
        return MODELS[model]().fit(known.points, known.finals)


def fit_quality(name: str, model: str) -> tuple[float, float]:
    """R² and rank correlation of ten-fold cross-validated predictions."""
    known = table(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        guessed = cross_val_predict(
            clone(MODELS[model]()), known.points, known.finals, cv=KFold(10, shuffle=True, random_state=0)
        )
    left = ((known.finals - guessed) ** 2).sum() / ((known.finals - known.finals.mean()) ** 2).sum()
    return 1 - float(left), float(spearmanr(known.finals, guessed).statistic)


def surrogate(name: str, model: str) -> World:
    """The world that a model of a table describes."""
    known = table(name)
    truth: Truth = _process(fitted(name, model)) if model == "gp" else _forest(fitted(name, model))
    return World(f"{name} {model}", known.space, UnitCube(known.space), truth, known.noise)


def _process(process: GaussianProcessRegressor) -> Truth:
    """Its mean; what the library checks at each call takes longer than the arithmetic."""
    kernel, points, weights = process.kernel_.k1, process.X_train_, process.alpha_
    centre, scale = float(process._y_train_mean), float(process._y_train_std)
    return lambda row: float(kernel(row[None], points)[0] @ weights) * scale + centre


def _forest(forest: ExtraTreesRegressor) -> Truth:
    """The mean of its trees, likewise."""
    trees = [tree.tree_ for tree in forest.estimators_]

    def value(row: Numbers) -> float:
        asked = row[None].astype(np.float32)
        return float(np.mean([tree.predict(asked)[0, 0] for tree in trees]))

    return value


def few(name: str, seed: int, moved: float = 0.0) -> World:
    """A handful of settings matter, each by half of the one before; optimum a normal step (0.25) from the published.

    ``moved``: by which normal step the optimum lies elsewhere, as for other data of the same kind.
    """
    known, rng = table(name), np.random.default_rng((11, seed))
    dimensions = known.points.shape[1]
    order, importance = rng.permutation(dimensions), np.zeros(dimensions)
    importance[order] = 0.5 ** np.arange(dimensions)
    optimum = np.clip(known.points[0] + rng.normal(0.0, 0.25, dimensions), 0, 1)
    optimum = optimum + rng.normal(0.0, moved, dimensions) if moved else optimum
    return _scaled(f"{name} few", known, lambda rows: -((rows - optimum) ** 2) @ importance)


def cliffs(name: str, seed: int, moved: float = 0.0) -> World:
    """An optimum anywhere, pairs of settings that make up for each other, and one above which training fails.

    ``moved``: as for ``few``.
    """
    known, rng = table(name), np.random.default_rng((13, seed))
    dimensions = known.points.shape[1]
    optimum, weights = rng.uniform(0, 1, dimensions), rng.gamma(0.5, 1.0, dimensions)
    mixed = np.linalg.qr(rng.normal(size=(dimensions, dimensions)))[0]
    mixing = 0.5 * np.eye(dimensions) + 0.5 * mixed
    cliff, edge = int(rng.integers(dimensions)), 0.75
    optimum = optimum + rng.normal(0.0, moved, dimensions) if moved else optimum

    def value(rows: Numbers) -> Numbers:
        away = (rows - optimum) @ mixing
        found: Numbers = -(np.abs(away) ** 1.5) @ weights
        return found

    smooth = _scaled(f"{name} cliffs", known, value)
    deep = FAILED * float(known.finals.std())
    return World(
        smooth.name, smooth.space, smooth.cube, lambda row: smooth.truth(row) - deep * (row[cliff] > edge), smooth.noise
    )


def _scaled(name: str, known: Table, value: Callable[[Numbers], Numbers]) -> World:
    """``value`` so that the table's own points spread as its scores do."""
    there = value(known.points)
    spread = SHARE_OF_SPREAD * float(known.finals.std() / there.std())
    centre = float(known.finals.mean())
    return World(
        name,
        known.space,
        UnitCube(known.space),
        lambda row: float((value(row[None])[0] - there.mean()) * spread + centre),
        known.noise,
    )


WORLDS: Mapping[str, Callable[[int], World]] = {
    "st3-gp": lambda _: surrogate("st3", "gp"),
    "st3-trees": lambda _: surrogate("st3", "trees"),
    "st1-gp": lambda _: surrogate("st1", "gp"),
    "st1-trees": lambda _: surrogate("st1", "trees"),
    "few": lambda seed: few("st3", seed),
    "cliffs": lambda seed: cliffs("st3", seed),
}
