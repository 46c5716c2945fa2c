"""Why one configuration scores better than another: the way between them, shared among the settings that differ.

A Gaussian process learns the score (its mean over cells) from the settings of all finished configurations, with the
noise between cells as its own. A setting's share is its Shapley value (Shapley, 1953; as for surrogates of a search in
Wever et al., "HyperSHAP", 2025): what it adds when it changes from the one to the other, averaged over the orders in
which the settings may change, so that what two of them gain only together is split evenly. Shares sum to the whole.

Shapley values are linear in what is predicted, so their joint distribution follows exactly from the process's own
covariance. Length scales and noise are not known either: the process is fitted anew on configurations drawn with
replacement, and the draws of all fits stand together.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import FloatArray
from tune_polar.errors import DecisionError
from tune_polar.stats.importance import Column, check_table
from tune_polar.stats.intervals import Interval, percentile_interval

LEVEL = 0.90  # of every interval
ORDERS = 64  # in which settings change, each with its reverse
REFITS, DRAWS = 6, 200  # fits on configurations drawn with replacement, and draws of each
MOST = 100  # configurations that a process is fitted on: one costs the cube of them
ENOUGH = 0.9  # of the whole gain, that the few settings named have


@dataclass(frozen=True)
class Share:
    """What one setting adds on the way."""

    name: str
    gain: float  # in the units of the scores; below 0: it costs
    interval: Interval

    @property
    def is_told(self) -> bool:
        """Whether it is told from nothing."""
        return 0.0 not in self.interval


@dataclass(frozen=True, eq=False)
class Way:
    """From one configuration to another."""

    shares: tuple[Share, ...]  # of the settings that differ, the greatest gain first
    whole: Share  # of all of them, as predicted; noise of their own cells is not in it
    few: tuple[str, ...]  # the fewest, by falling gain, that have most of it; () where the whole is not told
    few_alone: Share | None  # these changed, the rest left as it was
    explained: float  # R² on configurations left out one by one
    configurations: int


def way_between(
    settings: FloatArray,
    scores: FloatArray,
    columns: Sequence[Column],
    begin: int,
    end: int,
    rng: np.random.Generator,
) -> Way:
    """Share the difference that a surrogate sees between two of the configurations.

    Args:
        settings: (configurations, columns), each in the unit interval.
        scores: (configurations, cells), the higher the better.
        columns: names and levels.
        begin: row of the configuration that the way begins with.
        end: row of the one that it leads to.
        rng: of orders, resampling and draws.

    Raises:
        DecisionError: fewer than ``FEWEST`` configurations, shapes that do not fit, or two equal configurations.

    Example:
        >>> way = way_between(settings, scores, columns, 0, int(scores.mean(axis=1).argmax()), np.random.default_rng(0))
        >>> way.shares[0].name
        'classifier.optimizer.lr'
    """
    check_table("a way needs", settings, scores, columns)
    differ = np.flatnonzero(settings[begin] != settings[end])
    if not len(differ):
        raise DecisionError("the two configurations must differ in a setting, and do not", "Name two others.")
    rows = thinned_rows(len(settings), (begin, end), scores, rng)
    known, mean = coded_settings(settings[rows], columns), scores[rows].mean(axis=1)
    noise = noise_of_mean(scores[rows])
    points, changes = _orders(settings[begin], settings[end], differ, rng)
    coded = coded_settings(points, columns)
    whole = SettingsProcess(known, mean, noise, None)
    order = np.argsort(-(changes @ whole.predict(coded)), kind="stable")
    ladder, steps = _ladder(settings[begin], settings[end], differ[order])
    coded = np.concatenate([coded, coded_settings(ladder, columns)])
    contrasts = np.zeros((len(changes) + len(steps), len(coded)))
    contrasts[: len(changes), : len(points)] = changes
    contrasts[len(changes) :, len(points) :] = steps

    draws = []
    for fit in range(REFITS):
        drawn = np.arange(len(known)) if fit == 0 else rng.integers(0, len(known), len(known))
        process = whole if fit == 0 else SettingsProcess(known[drawn], mean[drawn], noise, whole.kernel)
        draws.append(process.draws(coded, contrasts, rng))
    found = np.concatenate(draws)
    middle = found.mean(axis=0)

    def share(name: str, place: int) -> Share:
        return Share(name, float(middle[place]), percentile_interval(found[:, place], LEVEL))

    names = [columns[int(place)].name for place in differ]
    shares = sorted((share(name, place) for place, name in enumerate(names)), key=lambda each: -each.gain)
    total = share("all settings", contrasts.shape[0] - 1)
    reached = [len(names) + place for place in range(len(names))]
    number = next(k for k, place in enumerate(reached, 1) if middle[place] >= ENOUGH * total.gain or k == len(names))
    # The winner's own luck alone lifts the whole above 0 more often than its interval says: a share has to be told too.
    is_gain = total.interval.low > 0 and any(each.is_told and each.gain > 0 for each in shares)
    return Way(
        shares=tuple(shares),
        whole=total,
        few=tuple(names[place] for place in order[:number]) if is_gain else (),
        few_alone=share("these alone", reached[number - 1]) if is_gain else None,
        explained=whole.explained,
        configurations=len(settings),
    )


def thinned_rows(count: int, kept: Collection[int], scores: FloatArray, rng: np.random.Generator) -> NDArray[np.intp]:
    """Rows that a process is fitted on: those ``kept``, the better half of the rest, and others evenly."""
    if count <= MOST:
        return np.arange(count)
    best = np.argsort(-scores.mean(axis=1), kind="stable")[: MOST // 2]
    rows = {*kept, *best.tolist()}
    others = np.setdiff1d(np.arange(count), list(rows))
    return np.sort(np.concatenate([list(rows), rng.choice(others, MOST - len(rows), replace=False)]).astype(np.intp))


def noise_of_mean(scores: FloatArray) -> float:
    """Variance of a configuration's mean over cells, once what is common to a cell is taken out."""
    count, cells = scores.shape
    if cells < 2:
        return 0.0
    left = scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0) + scores.mean()
    return float((left**2).sum() / ((count - 1) * (cells - 1)) / cells)


def coded_settings(settings: FloatArray, columns: Sequence[Column]) -> FloatArray:
    """As a process reads them: a column a number, a column a choice: no choice lies between two others."""
    parts = []
    for place, column in enumerate(columns):
        values = settings[:, place]
        if column.is_categorical and len(column.levels) > 2:
            nearest = np.abs(values[:, None] - np.array(column.levels)).argmin(axis=1)
            parts.append(np.eye(len(column.levels))[nearest] / np.sqrt(2))
        else:
            parts.append(values[:, None])
    return np.concatenate(parts, axis=1)


def _orders(
    begin: FloatArray, end: FloatArray, differ: NDArray[np.intp], rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Points of all ways, and what makes shares of their predictions, (settings that differ, points)."""
    half = [rng.permutation(len(differ)) for _ in range(ORDERS // 2)]
    orders = [order for one in half for order in (one, one[::-1])]
    points: dict[bytes, int] = {}
    rows: list[FloatArray] = []
    entries: list[tuple[int, int, float]] = []
    for order in orders:
        at = begin.copy()
        before = points.setdefault(at.tobytes(), len(points))
        rows += [at] if before == len(rows) else []
        for place in order:
            at = at.copy()
            at[differ[place]] = end[differ[place]]
            after = points.setdefault(at.tobytes(), len(points))
            rows += [at] if after == len(rows) else []
            entries += [(place, after, 1.0), (place, before, -1.0)]
            before = after
    changes = np.zeros((len(differ), len(rows)))
    for place, point, sign in entries:
        changes[place, point] += sign / len(orders)
    return np.array(rows), changes


def _ladder(begin: FloatArray, end: FloatArray, order: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
    """Settings changed one after another in ``order``; each rung less the beginning."""
    rows = [begin]
    for place in order:
        at = rows[-1].copy()
        at[place] = end[place]
        rows.append(at)
    steps = np.eye(len(rows))[1:]
    steps[:, 0] = -1.0
    return np.array(rows), steps


class SettingsProcess:
    """A fitted Gaussian process of standardised scores."""

    def __init__(self, known: FloatArray, mean: FloatArray, noise: float, like: Any | None) -> None:
        """``like``: a kernel to begin with, of a fit on nearly the same configurations."""
        # Imported here: scikit-learn takes a second, and most pages have too few configurations to need it.
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

        self._level, self._unit = float(mean.mean()), float(mean.std()) or 1.0
        floor = float(np.clip(noise / self._unit**2, 1e-4, 1.0))
        kernel = like
        if kernel is None:
            kernel = ConstantKernel(1.0, (0.05, 20.0)) * RBF(np.full(known.shape[1], 2.0), (0.2, 100.0))
            kernel = kernel + WhiteKernel(floor, (floor / 4, 4.0))
        process = GaussianProcessRegressor(kernel, alpha=1e-8)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a length at its bound: the setting does nothing
            process.fit(known, (mean - self._level) / self._unit)
        self.kernel = process.kernel_
        self._signal, self._known = self.kernel.k1, known
        inverse = np.linalg.inv(self.kernel(known) + 1e-8 * np.eye(len(known)))
        self._inverse = (inverse + inverse.T) / 2
        self._weights = self._inverse @ ((mean - self._level) / self._unit)
        left_out = self._weights / np.diag(self._inverse)  # y less its prediction from all others, in closed form
        self.explained = 1 - float((left_out**2).mean())

    def predict(self, points: FloatArray) -> FloatArray:
        """(points,) mean score."""
        return np.asarray(self._level + self._unit * (self._signal(points, self._known) @ self._weights))

    def contrasts(self, points: FloatArray, contrasts: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of sums of predictions, (contrasts,) each."""
        cross = contrasts @ self._signal(points, self._known)
        variance = ((contrasts @ self._signal(points)) * contrasts).sum(axis=1)
        variance -= ((cross @ self._inverse) * cross).sum(axis=1)
        return self._unit * (cross @ self._weights), self._unit * np.sqrt(np.clip(variance, 0.0, None))

    def draws(self, points: FloatArray, contrasts: FloatArray, rng: np.random.Generator) -> FloatArray:
        """(draws, contrasts) of sums of predictions."""
        cross = contrasts @ self._signal(points, self._known)
        spread = contrasts @ self._signal(points) @ contrasts.T - cross @ self._inverse @ cross.T
        values, vectors = np.linalg.eigh((spread + spread.T) / 2)
        root = vectors * np.sqrt(np.clip(values, 0.0, None))
        normal = rng.standard_normal((DRAWS, len(values)))
        return np.asarray(self._unit * (cross @ self._weights + normal @ root.T))
