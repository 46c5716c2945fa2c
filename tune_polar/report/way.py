"""The way from the reference to the winner, measured once for all that ask."""

from __future__ import annotations

import numpy as np

from tune_polar.decide.metrics import Metric
from tune_polar.evaluate.summary import ConfigurationSummary
from tune_polar.report.importances import NOTHING_SAMPLED, SEED, Scored, columns_of, design, trained_parameters
from tune_polar.report.numbers import count
from tune_polar.report.searched import SearchedParameter
from tune_polar.report.words import NOTHING_FINISHED, CellWords
from tune_polar.stats.attribution import Way, way_between
from tune_polar.stats.importance import FEWEST


def way_to_winner(
    finished: Scored,
    reference: ConfigurationSummary | None,
    searched: tuple[SearchedParameter, ...],
    cells: CellWords,
    metric: Metric,
) -> Way | str:
    """Shares of the settings that cost a training, in the metric's gain; or why there are none.

    Args:
        finished: best first.
        reference: the published configuration, or the one as given.
        searched: what varied.
        cells: of every configuration.
        metric: of the score.
    """
    parameters = trained_parameters(searched)
    if not parameters:
        return NOTHING_SAMPLED
    if not finished:
        return NOTHING_FINISHED
    winner, scores = finished[0]
    if winner is reference:
        return f"Not applicable: the winner is the {winner.configuration.origin} configuration itself."
    rows, table = design(finished, parameters)
    if len(rows) < FEWEST:
        return (
            f"Not enough data: {count(len(rows), 'configuration has', 'configurations have')} finished with a value "
            f"for every parameter, and {FEWEST} are needed to say which of the winner's settings did it. Go on with "
            "“tune-polar resume STORE --trials N”."
        )
    places = {id(each): place for place, each in enumerate(rows)}
    end = places.get(id(scores))
    begin = None if reference is None or reference.scores is None else places.get(id(reference.scores))
    if begin is None or end is None:
        which = "reference" if begin is None else "winner"
        return f"Not enough data: the {which} has no score, or no value for some parameter."
    if np.array_equal(table[begin], table[end]):
        return "Not applicable: the winner differs in its decisions alone, and in no setting that costs a training."
    by_cell = np.stack([each.by_cell(cells.cells) for each in rows])
    gains = by_cell[:, ~np.isnan(by_cell).all(axis=0)] * metric.gain(1.0, 0.0)
    return way_between(table, gains, columns_of(parameters), begin, end, np.random.default_rng(SEED))
