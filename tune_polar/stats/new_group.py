"""What one more group will score, of which there is no row yet: a language that training has not seen.

Resampling rows answers for the groups at hand. How far groups lie apart only their own scores tell, and few groups tell
little: Student's t has as many degrees of freedom as there are groups but one.
"""

from __future__ import annotations

from collections.abc import Sequence

from scipy.special import stdtrit  # scipy.stats takes half a second to import

from tune_polar.decide.metrics import Metric
from tune_polar.stats.intervals import Interval, check_level

FEWEST = 3  # of two groups t has one degree of freedom, and the interval holds all there is


def new_group_interval(scores: Sequence[float], metric: Metric, level: float) -> Interval | None:
    """Prediction interval x̄ ± t·s·√(1 + 1/G), on the metric's scale; None of fewer than ``FEWEST`` groups.

    The scores vary by their rows too, so that it is of a group with about as many rows. It holds as far as the next
    group differs from these as these do from each other.

    Args:
        scores: of G groups, each of rows whose fold has trained on no row of that group.
        metric: of the scores.
        level: of the interval.

    Raises:
        DecisionError: a level outside 0–1.

    Example:
        >>> new_group_interval([0.26, 0.29, 0.34, 0.41], metric_named("pearson"), 0.9)
    """
    check_level(level)
    count = len(scores)
    if count < FEWEST:
        return None
    values = metric.to_scale(scores)
    reach = float(stdtrit(count - 1, (1 + level) / 2) * values.std(ddof=1) * (1 + 1 / count) ** 0.5)
    low, high = metric.from_scale([values.mean() - reach, values.mean() + reach]).tolist()
    return Interval(low, high, level)
