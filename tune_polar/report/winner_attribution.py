"""The way from the reference to the winner, measured once for all that ask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tune_polar.decide.metrics import Metric
from tune_polar.evaluate.summary import ConfigurationSummary
from tune_polar.report.importances import NOTHING_SAMPLED, SEED, Learned, columns_of, too_few
from tune_polar.report.searched import SearchedParameter
from tune_polar.report.words import NOTHING_FINISHED, named
from tune_polar.stats.attribution import Way, way_between
from tune_polar.stats.importance import FEWEST


def way_to_winner(
    data: Learned,
    parameters: Sequence[SearchedParameter],
    winner: ConfigurationSummary | None,
    reference: ConfigurationSummary | None,
    metric: Metric,
) -> Way | str:
    """Shares of the settings that cost a training, in the metric's gain; or why there are none.

    Args:
        data: configurations with their settings and scores.
        parameters: that cost a training.
        winner: the best; None: nothing has a score.
        reference: the published configuration, or the one as given.
        metric: of the score.
    """
    if not parameters:
        return NOTHING_SAMPLED
    if winner is None:
        return NOTHING_FINISHED
    if winner is reference:
        return f"Not applicable: the winner is the {named(winner.configuration.origin)} itself."
    if len(data.rows) < FEWEST:
        return (
            f"Not enough data: {too_few(data)} to say which of the winner's settings did it. Go on with "
            "“tune-polar resume STORE --trials N”."
        )
    begin, end = (next((n for n, row in enumerate(data.rows) if row is each), None) for each in (reference, winner))
    if begin is None or end is None:
        which = "reference" if begin is None else "winner"
        return f"Not enough data: the {which} has no score, or no value for some parameter."
    if np.array_equal(data.settings[begin], data.settings[end]):
        return "Not applicable: the winner differs in its decisions alone, and in no setting that costs a training."
    gains = data.scores * metric.gain(1.0, 0.0)
    return way_between(data.settings, gains, columns_of(parameters), begin, end, np.random.default_rng(SEED))
