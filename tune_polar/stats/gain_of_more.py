"""What a search would gain by going on: expected improvement over its winner, from a surrogate of its own records.

The Gaussian process of ``attribution`` says how high other points may lie above the winner, whose own luck it has taken
out. The gain is the greatest expected improvement E[max(0, f(x) − f(winner))] (Mockus, 1975) of many points x of the
space, times R² on configurations left out one by one, for a process that foretells those badly promises too much, times
the part that as many further configurations drawn by chance brought where the truth is known
(``benchmarks/further_gain.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from tune_polar.decide.array_checks import FloatArray
from tune_polar.stats.attribution import LEVEL, SettingsProcess, coded_settings, noise_of_mean, thinned_rows
from tune_polar.stats.importance import Column, check_table
from tune_polar.stats.intervals import Interval

EVENLY, NEAR = 384, 128  # points of the whole space, and around the winner
REACH = 0.1  # of a range, standard deviation around the winner
BROUGHT = 0.5  # of R² times the expected improvement; median of four worlds with 15 and 30 configurations


@dataclass(frozen=True)
class Further:
    """What there is to gain over the winner."""

    gain: float  # expected of as many more configurations, in the units of the scores; at least 0
    interval: Interval  # of the most promising point, as the process sees it
    explained: float  # R² on configurations left out one by one
    configurations: int  # that the surrogate has learned from


def gain_of_more(
    settings: FloatArray,
    scores: FloatArray,
    columns: Sequence[Column],
    winner: int,
    rng: np.random.Generator,
    most: float = np.inf,
) -> Further:
    """Expected gain over the winner by going on.

    Args:
        settings: (configurations, columns), each in the unit interval.
        scores: (configurations, cells), the higher the better.
        columns: names and levels.
        winner: row that was picked.
        rng: of points.
        most: that there is to gain, up to the end of the metric's range.

    Raises:
        DecisionError: fewer than ``FEWEST`` configurations, or shapes that do not fit.

    Example:
        >>> gain_of_more(settings, scores, columns, int(scores.mean(axis=1).argmax()), np.random.default_rng(0)).gain
        0.006
    """
    check_table("what going on gains needs", settings, scores, columns)
    rows = thinned_rows(len(settings), (winner,), scores, rng)
    known, mean = coded_settings(settings[rows], columns), scores[rows].mean(axis=1)
    process = SettingsProcess(known, mean, noise_of_mean(scores[rows]), None)
    points = np.concatenate([settings[winner][None], _points(settings[winner], columns, rng)])
    contrasts = np.eye(len(points))[1:]
    contrasts[:, 0] = -1.0
    middle, deviation = process.contrasts(coded_settings(points, columns), contrasts)
    deviation = np.maximum(deviation, np.finfo(np.float64).tiny)
    z = middle / deviation
    expected = middle * ndtr(z) + deviation * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    best = int(expected.argmax())
    reach = float(ndtri((1 + LEVEL) / 2)) * float(deviation[best])
    low, high = (min(max(0.0, float(middle[best]) + sign * reach), most) for sign in (-1, 1))
    gain = min(float(expected[best]) * BROUGHT * max(0.0, process.explained), most)
    return Further(gain, Interval(min(low, gain), high, LEVEL), process.explained, len(settings))


def _points(winner: FloatArray, columns: Sequence[Column], rng: np.random.Generator) -> FloatArray:
    evenly = rng.random((EVENLY, len(columns)))
    moved = np.clip(winner + rng.normal(0.0, REACH, (NEAR, len(columns))), 0.0, 1.0)
    near = np.where(rng.random((NEAR, len(columns))) < 0.5, moved, winner)
    for place, column in enumerate(columns):
        if column.is_categorical:  # nothing lies between choices
            evenly[:, place] = rng.choice(column.levels, EVENLY)
            near[:, place] = np.where(rng.random(NEAR) < REACH, rng.choice(column.levels, NEAR), winner[place])
    return np.concatenate([evenly, near])
