"""Whether two ways of scoring put configurations in the same order, and what picking by each one costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tune_polar.decide.array_checks import FloatArray
from tune_polar.errors import DecisionError


@dataclass(frozen=True, eq=False)
class RankAgreement:
    """Agreement of several scorings of the same configurations."""

    scorings: tuple[str, ...]
    kendall: FloatArray  # (scorings, scorings) Kendall's τ-b; NaN where a scoring is the same for all
    reference: str
    picks: Mapping[str, int]  # the configuration each scoring ranks first; ties to the first
    regret: Mapping[str, float]  # best reference score minus the pick's reference score


def rank_agreement(scores: Mapping[str, FloatArray], reference: str) -> RankAgreement:
    """Compare scorings such as oracle, fold-tuned and cross-fitted.

    Args:
        scores: by name of the scoring, one score per configuration, (configurations,) each.
        reference: the scoring that regret is counted in: test where there is gold, else cross-fitted.

    Raises:
        DecisionError: the reference is not among the scorings, fewer than two configurations, different
            lengths, or a score that is not a number.
    """
    if reference not in scores:
        raise DecisionError(
            f"the reference must be one of the scorings {list(scores)}, got {reference!r}",
            "Count regret in the scoring you trust most.",
        )
    lengths = {name: len(values) for name, values in scores.items()}
    if len(set(lengths.values())) != 1 or lengths[reference] < 2:
        raise DecisionError(
            f"every scoring must score the same configurations, at least two, got {lengths}",
            "Score all finished configurations by every scoring.",
        )
    table = np.array(list(scores.values()), dtype=np.float64)
    if not np.isfinite(table).all():
        row, column = np.argwhere(~np.isfinite(table))[0]
        raise DecisionError(
            f"scores must be finite, got {table[row, column]} in {list(scores)[row]!r}, position {column}",
            "Leave out configurations whose folds have not all finished.",
        )
    trusted = np.asarray(scores[reference], dtype=np.float64)
    picks = {name: int(np.argmax(values)) for name, values in scores.items()}
    return RankAgreement(
        scorings=tuple(scores),
        kendall=np.array([[_kendall(one, other) for other in table] for one in table]),
        reference=reference,
        picks=picks,
        regret={name: float(trusted.max() - trusted[pick]) for name, pick in picks.items()},
    )


def _kendall(one: FloatArray, other: FloatArray) -> float:
    if np.ptp(one) == 0.0 or np.ptp(other) == 0.0:
        return float("nan")
    from scipy.stats import kendalltau  # half a second to import, for whoever compares rankings

    return float(kendalltau(one, other).statistic)
