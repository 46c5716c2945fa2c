"""A number with its interval, as every statistic of this floor returns it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.metrics import Metric
from tune_polar.errors import DecisionError


@dataclass(frozen=True)
class Interval:
    """Two ends that hold the quantity with probability ``level``."""

    low: float
    high: float
    level: float = 0.95

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def check_level(level: float) -> None:
    """Refuse a level of confidence that is not strictly between 0 and 1."""
    if not 0 < level < 1:
        raise DecisionError(f"level must lie between 0 and 1, got {level}", "Use for example 0.95.")


def check_rounds(rounds: int) -> None:
    """Refuse fewer resampling rounds than quantiles need."""
    if rounds < 100:
        raise DecisionError(f"rounds must be at least 100, got {rounds}", "Use 1,000 rounds for an interval.")


def percentile_interval(draws: NDArray[Any], level: float) -> Interval:
    """The middle ``level`` share of ``draws`` (rounds,)."""
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Interval(float(low), float(high), level)


def points(value: float) -> str:
    """A difference of scores in points with its sign: 0.0041 → "+0.4", −0.011 → "−1.1"."""
    return _signed(100 * value, 1)


def signed(value: float, metric: Metric) -> str:
    """A difference of ``metric``'s scores as it is printed: of F1 in points, "+0.4"; of a correlation "+0.004".

    An error of numbers may be of any size: from 10 on it has a decimal fewer for each digit more.
    """
    if metric.factor == 100:
        return _signed(100 * value, 1)
    whole = len(f"{abs(metric.factor * value):.0f}")
    return _signed(metric.factor * value, max(0, 4 - whole))


def signed_span(interval: Interval, metric: Metric) -> str:
    """Both ends as ``signed`` has them: "-0.2 to +1.4"."""
    return f"{signed(interval.low, metric)} to {signed(interval.high, metric)}"


def unit_of(metric: Metric) -> str:
    """The word after a difference: " points", " r", or nothing."""
    return f" {metric.unit.removeprefix('F1 ')}" if metric.unit else ""


def _signed(value: float, decimals: int) -> str:
    rounded = round(value, decimals)
    return f"{'−' if rounded < 0 else '+'}{abs(rounded):.{decimals}f}"
