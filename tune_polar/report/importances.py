"""Which parameters the score depends on, measured once for all sections that ask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tune_polar.decide.checks import FloatArray
from tune_polar.evaluate.checks import ENOUGH_FOR_IMPORTANCES
from tune_polar.evaluate.scores import Scores
from tune_polar.evaluate.summary import ConfigurationSummary
from tune_polar.report.numbers import count
from tune_polar.report.searched import SearchedParameter
from tune_polar.report.words import CellWords
from tune_polar.stats.importance import Column, Importances, importances

Scored = Sequence[tuple[ConfigurationSummary, Scores]]
SEED = 0  # of forests and resampling: equal records give equal numbers
LEVELS = 11  # points of a curve
NOTHING_SAMPLED = "Not applicable: this is an ablation, or a search of decision settings alone; nothing was sampled."


def trained_parameters(searched: Sequence[SearchedParameter]) -> tuple[SearchedParameter, ...]:
    """Those that cost a training; every configuration is scored at its best decision settings."""
    return tuple(each for each in searched if not each.is_decision and each.varies)


def measured_importances(
    finished: Scored, searched: Sequence[SearchedParameter], cells: CellWords
) -> Importances | str:
    """Importances over finished configurations, or why there are none."""
    parameters = trained_parameters(searched)
    if not parameters:
        return NOTHING_SAMPLED
    rows, table = design(finished, parameters)
    if len(rows) < ENOUGH_FOR_IMPORTANCES:
        return (
            f"Not enough data: {count(len(rows), 'configuration has', 'configurations have')} finished with a value "
            f"for every parameter, and {ENOUGH_FOR_IMPORTANCES} are needed to say what matters (TP006). With fewer, "
            "chance alone puts some parameter first. Go on with “tune-polar resume STORE --trials N”."
        )
    scores = np.stack([each.by_cell(cells.cells) for each in rows])
    columns = columns_of(parameters)
    known = ~np.isnan(scores).all(axis=0)  # a cell without rows to judge has no score for anybody
    return importances(table, scores[:, known], columns, np.random.default_rng(SEED))


def columns_of(parameters: Sequence[SearchedParameter]) -> list[Column]:
    """Each with the places of its choices, or so many between its ends."""
    return [
        Column(each.key, tuple(np.linspace(0, 1, len(each.choices) or LEVELS).tolist()), bool(each.choices))
        for each in parameters
    ]


def design(finished: Scored, parameters: Sequence[SearchedParameter]) -> tuple[list[Scores], FloatArray]:
    """Configurations with a value for every parameter, and these values in the unit interval.

    A parameter that nothing reads in a configuration (a setting of a component that another one stands for) has the
    middle of its range there.
    """
    rows, values = [], []
    for row, scores in finished:
        recipe = row.configuration.recipe
        numbers = [each.number(recipe) for each in parameters]
        if all(no is not None or each.is_idle(recipe) for no, each in zip(numbers, parameters, strict=True)):
            rows.append(scores)
            values.append([0.5 if no is None else each.unit(no) for no, each in zip(numbers, parameters, strict=True)])
    return rows, np.array(values, dtype=np.float64).reshape(len(rows), len(parameters))
