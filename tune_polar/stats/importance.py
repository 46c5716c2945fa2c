"""Which parameters a score depends on: functional ANOVA of a random forest (Hutter, Hoos and Leyton-Brown, 2014).

A forest learns score from settings. Its prediction, averaged over all other parameters drawn evenly from their ranges,
is the partial dependence on one parameter (or a pair); the variance of that curve, as a share of the prediction's whole
variance, is the parameter's importance, and what a pair's surface has beyond its two curves is their interaction.
Drawing evenly matters: a sampler that has learned visits good regions more often.

Uncertainty comes from fitting anew on configurations drawn with replacement. Beside the parameters stands one of pure
chance, drawn anew each time: an importance that its own cannot be told from says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from tune_polar.decide.array_checks import FloatArray
from tune_polar.errors import DecisionError
from tune_polar.stats.intervals import Interval, percentile_interval

FEWEST = 10  # configurations; below, a forest has nothing to split
TREES, TREES_A_ROUND = 64, 16
BACKGROUND = 96  # settings of the other parameters over which a curve is averaged
SPREAD = 1024  # settings over which the whole variance is taken
LEAF = 3  # configurations in a leaf
LEVEL = 0.90


@dataclass(frozen=True)
class Column:
    """One parameter in the unit interval."""

    name: str
    levels: tuple[float, ...]  # where its curve is evaluated, from 0 to 1; of a categorical parameter its choices
    is_categorical: bool = False


@dataclass(frozen=True, eq=False)
class Curve:
    """Partial dependence on one parameter."""

    levels: FloatArray  # (levels,)
    folds: FloatArray  # (levels, folds) score predicted for each fold

    @property
    def mean(self) -> FloatArray:
        """(levels,), over folds."""
        return np.asarray(self.folds.mean(axis=1))

    @property
    def standard_error(self) -> FloatArray:
        """(levels,) of the curve's shape: folds are first brought to one level, since some are harder than others."""
        count = self.folds.shape[1]
        if count < 2:
            return np.zeros(len(self.levels))
        return np.asarray((self.folds - self.folds.mean(axis=0)).std(axis=1, ddof=1) / np.sqrt(count))


@dataclass(frozen=True)
class Importance:
    """Share of the surrogate's variance."""

    name: str
    share: float
    interval: Interval  # over configurations drawn with replacement


@dataclass(frozen=True)
class Interaction:
    """Share of the surrogate's variance that a pair has beyond its two parameters."""

    first: str
    second: str
    share: float
    interval: Interval


@dataclass(frozen=True, eq=False)
class Importances:
    """Parameters by falling importance."""

    parameters: tuple[Importance, ...]
    chance: Importance  # what a parameter without any effect gets
    interactions: tuple[Interaction, ...]  # of the most important parameters, by falling share
    curves: tuple[Curve, ...]  # in the order of the columns given
    explained: float  # R² on configurations that a tree has not seen
    configurations: int
    rounds: int

    def told_from_chance(self, parameter: Importance) -> bool:
        """Whether even the low end lies above what chance typically gets."""
        return parameter.interval.low > self.chance.interval.high


@dataclass(frozen=True, eq=False)
class _Shares:
    single: FloatArray  # (columns,)
    pairs: FloatArray  # (pairs,)
    curves: list[FloatArray]  # (levels, folds) a column


def check_table(what: str, settings: FloatArray, scores: FloatArray, columns: Sequence[Column]) -> None:
    """Whether configurations are enough, and settings and scores one table.

    Raises:
        DecisionError: they are not; ``what`` ("importances need") says for what they should be.
    """
    if len(settings) != len(scores) or len(settings) < FEWEST or settings.shape[1] != len(columns):
        raise DecisionError(
            f"{what} at least {FEWEST} configurations with one value a column ({len(columns)}), got settings "
            f"{settings.shape} and scores {scores.shape}",
            "Let more configurations finish.",
        )


def importances(
    settings: FloatArray,
    scores: FloatArray,
    columns: Sequence[Column],
    rng: np.random.Generator,
    *,
    rounds: int = 24,
    strongest: int = 4,
) -> Importances:
    """Importance of every column for the mean of ``scores`` over folds.

    Args:
        settings: (configurations, columns), each in the unit interval.
        scores: (configurations, folds).
        columns: names and levels.
        rng: of background, forests and resampling.
        rounds: fits on configurations drawn with replacement.
        strongest: columns whose pairs are looked at.

    Raises:
        DecisionError: fewer than ``FEWEST`` configurations, or shapes that do not fit.
    """
    check_table("importances need", settings, scores, columns)
    everything = (*columns, Column("chance", tuple(np.linspace(0, 1, 8))))
    evenly = _evenly(columns, rng)

    def with_chance() -> FloatArray:
        return np.column_stack([settings, rng.random(len(settings))])

    forest = _forest(with_chance(), scores, TREES, rng, outside=True)
    whole = _shares(forest, evenly, everything, [])
    order = [place for place in np.argsort(-whole.single, kind="stable") if place < len(columns)]
    pairs = list(combinations(sorted(order[:strongest]), 2))
    whole = _shares(forest, evenly, everything, pairs)
    single, double = [], []
    for _ in range(rounds):
        drawn = rng.integers(0, len(settings), len(settings))
        again = _shares(_forest(with_chance()[drawn], scores[drawn], TREES_A_ROUND, rng), evenly, everything, pairs)
        single.append(again.single)
        double.append(again.pairs)
    singles, doubles = np.array(single), np.array(double)

    def importance(place: int) -> Importance:
        spread = percentile_interval(singles[:, place], LEVEL)
        return Importance(everything[place].name, float(whole.single[place]), spread)

    def interaction(place: int) -> Interaction:
        first, second = (everything[each].name for each in pairs[place])
        return Interaction(first, second, float(whole.pairs[place]), percentile_interval(doubles[:, place], LEVEL))

    return Importances(
        parameters=tuple(importance(place) for place in order),
        chance=importance(len(columns)),
        interactions=tuple(sorted(map(interaction, range(len(pairs))), key=lambda each: -each.share)),
        curves=tuple(
            Curve(np.array(column.levels), curve) for column, curve in zip(columns, whole.curves, strict=False)
        ),
        explained=_explained(forest, scores),
        configurations=len(settings),
        rounds=rounds,
    )


def _evenly(columns: Sequence[Column], rng: np.random.Generator) -> FloatArray:
    """(settings, columns and one of chance) drawn evenly from their ranges."""
    evenly = rng.random((SPREAD, len(columns) + 1))
    for place, column in enumerate(columns):
        if column.is_categorical:  # nothing lies between choices
            evenly[:, place] = rng.choice(column.levels, SPREAD)
    return evenly


def _forest(
    settings: FloatArray, scores: FloatArray, trees: int, rng: np.random.Generator, outside: bool = False
) -> Any:
    # Imported here: scikit-learn takes a second, and most pages have too few configurations to need it.
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(
        n_estimators=trees,
        min_samples_leaf=LEAF,
        max_features=0.6,
        oob_score=outside,
        random_state=int(rng.integers(2**31)),
        n_jobs=1,
    )
    return forest.fit(settings, scores)


def _predicted(forest: Any, settings: FloatArray) -> FloatArray:
    found = np.asarray(forest.predict(settings), dtype=np.float64)
    return found.reshape(len(settings), -1)


def _explained(forest: Any, scores: FloatArray) -> float:
    """R² of the mean over folds, each configuration predicted by the trees that were not fitted on it."""
    unseen = np.asarray(forest.oob_prediction_).reshape(scores.shape).mean(axis=1)
    truth = scores.mean(axis=1)
    spread = float(((truth - truth.mean()) ** 2).sum())
    return 0.0 if spread == 0 else 1 - float(((truth - unseen) ** 2).sum()) / spread


def _shares(forest: Any, evenly: FloatArray, columns: Sequence[Column], pairs: Sequence[tuple[int, int]]) -> _Shares:
    """Variance of curves and surfaces as shares of the variance over evenly drawn settings."""
    squares = [(_thinned(columns[first]), _thinned(columns[second])) for first, second in pairs]
    asked = [([place], np.array(column.levels)[:, None]) for place, column in enumerate(columns)]
    asked += [
        (list(pair), np.array([(a, b) for a in ones for b in others]))
        for pair, (ones, others) in zip(pairs, squares, strict=True)
    ]
    total = float(_predicted(forest, evenly).mean(axis=1).var())
    averaged = _averaged(forest, evenly[:BACKGROUND], asked)
    curves, surfaces = averaged[: len(columns)], averaged[len(columns) :]
    if total == 0.0:
        return _Shares(np.zeros(len(columns)), np.zeros(len(pairs)), curves)
    found = []
    for surface, (ones, others) in zip(surfaces, squares, strict=True):
        mean = surface.mean(axis=1).reshape(len(ones), len(others))
        beyond = mean - mean.mean(axis=0) - mean.mean(axis=1, keepdims=True) + mean.mean()
        found.append(float(beyond.var()))
    single = [_variance(curve.mean(axis=1), column) for curve, column in zip(curves, columns, strict=True)]
    return _Shares(np.array(single) / total, np.array(found) / total, curves)


def _variance(curve: FloatArray, column: Column) -> float:
    """Over the range: of a number by the trapezoidal rule, its ends counting half; of choices each the same."""
    weights = np.ones(len(curve))
    if not column.is_categorical:
        weights[[0, -1]] = 0.5
    mean = np.average(curve, weights=weights)
    return float(np.average((curve - mean) ** 2, weights=weights))


def _thinned(column: Column) -> tuple[float, ...]:
    """Choices, or the middles of fifths of the range."""
    return column.levels if column.is_categorical else (0.1, 0.3, 0.5, 0.7, 0.9)


def _averaged(forest: Any, background: FloatArray, asked: Sequence[tuple[list[int], FloatArray]]) -> list[FloatArray]:
    """Per (columns, grid) the prediction (levels, folds) at each row of the grid, averaged over the background.

    All in one call: each call of a forest costs as much as the prediction of a thousand rows.
    """
    blocks = []
    for places, grid in asked:
        rows = np.repeat(background[None], len(grid), axis=0)
        rows[:, :, places] = grid[:, None, :]
        blocks.append(rows.reshape(-1, background.shape[1]))
    predicted = _predicted(forest, np.concatenate(blocks))
    parts = np.split(predicted, np.cumsum([len(block) for block in blocks])[:-1])
    return [part.reshape(-1, len(background), part.shape[1]).mean(axis=1) for part in parts]
