"""Which parameters the score depends on, measured once for all sections that ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tune_polar.decide.array_checks import FloatArray
from tune_polar.decide.metrics import Metric
from tune_polar.evaluate.configuration_scores import Scores
from tune_polar.evaluate.summary import ConfigurationSummary
from tune_polar.recipe.recipe import Recipe
from tune_polar.report.numbers import count
from tune_polar.report.searched import SearchedParameter
from tune_polar.report.words import CellWords
from tune_polar.stats.gain_of_more import Further, gain_of_more
from tune_polar.stats.importance import FEWEST, Column, Importances, importances
from tune_polar.store.abandonment import Abandonment

Scored = Sequence[tuple[ConfigurationSummary, Scores]]
SEED = 0  # of forests and resampling: equal records give equal numbers
LEVELS = 11  # points of a curve
ROUNDING = 1e-9  # of a score: two that differ by no more are equal
NOTHING_SAMPLED = "Not applicable: this is an ablation, or a search of decision settings alone; nothing was sampled."


def trained_parameters(searched: Sequence[SearchedParameter]) -> tuple[SearchedParameter, ...]:
    """Those that cost a training; every configuration is scored at its best decision settings."""
    return tuple(each for each in searched if not each.is_decision and each.varies)


@dataclass(frozen=True, eq=False)
class Learned:
    """What a surrogate learns from: configurations with a score, and those stopped early with what racing expected."""

    rows: tuple[ConfigurationSummary, ...]  # with a value for every parameter
    settings: FloatArray  # (rows, parameters), each in the unit interval
    scores: FloatArray  # (rows, cells), in the metric's own unit
    stopped: int  # how many of them were stopped early

    @property
    def are_equal(self) -> bool:
        """Whether nothing but rounding tells their scores apart."""
        means = self.scores.mean(axis=1)
        return bool(np.ptp(means) <= ROUNDING * np.abs(means).max())


def learned(
    finished: Scored,
    stopped: Sequence[tuple[ConfigurationSummary, Abandonment]],
    parameters: Sequence[SearchedParameter],
    cells: CellWords,
) -> Learned:
    """Configurations with a value for every parameter, and what they scored in each cell.

    One that racing gave up has some cells: from these racing has expected a score over all, which stands in each cell
    as far from the rest as that cell is among the finished ones.
    """
    own = [(row, scores.by_cell(cells.cells)) for row, scores in finished]
    known = ~np.isnan(np.array([each for _, each in own]).reshape(len(own), len(cells.cells))).all(axis=0)
    found = [(row, each[known], False) for row, each in own]
    if found:
        together = np.array([each for _, each, _ in found])
        effects = np.nanmean(together, axis=0) - np.nanmean(together)
        # Pooled rows and the mean over cells are scores of two kinds.
        pooled = float(np.mean([scores.score for _, scores in finished]) - np.nanmean(together))
        found += [(row, about.predicted - pooled + effects, True) for row, about in stopped if row.scores is None]
    placed = [(row, each, early, _place(row.configuration.recipe, parameters)) for row, each, early in found]
    kept = [each for each in placed if each[3] is not None]
    return Learned(
        tuple(row for row, _, _, _ in kept),
        np.array([place for _, _, _, place in kept], dtype=np.float64).reshape(len(kept), len(parameters)),
        np.array([each for _, each, _, _ in kept], dtype=np.float64).reshape(len(kept), int(known.sum())),
        sum(early for _, _, early, _ in kept),
    )


def measured_importances(data: Learned, parameters: Sequence[SearchedParameter]) -> Importances | str:
    """Importances over the configurations of ``data``, or why there are none."""
    if not parameters:
        return NOTHING_SAMPLED
    if len(data.rows) < FEWEST:
        return (
            f"Not enough data: {too_few(data)} to say what matters (TP006). With fewer, chance alone puts some "
            "parameter first. Go on with “tune-polar resume STORE --trials N”."
        )
    if data.are_equal:
        return f"Not applicable: all {len(data.rows)} configurations score the same, so that no setting matters."
    return importances(data.settings, data.scores, columns_of(parameters), np.random.default_rng(SEED))


def further_gain(
    data: Learned, parameters: Sequence[SearchedParameter], winner: ConfigurationSummary | None, metric: Metric
) -> Further | str:
    """What going on would gain over ``winner``, or why that cannot be told."""
    if not parameters:
        return NOTHING_SAMPLED
    if len(data.rows) < FEWEST:
        return f"not enough data, {too_few(data)}."
    place = next((number for number, row in enumerate(data.rows) if row is winner), None)
    if place is None or winner is None or winner.scores is None:
        return "not applicable, the winner has no value for some parameter."
    if data.are_equal:
        return "not applicable, all configurations score the same."
    gains, least, rng = data.scores * metric.gain(1.0, 0.0), metric.range[0], np.random.default_rng(SEED)
    most = metric.gain(metric.range[1] if metric.larger_is_better else least, winner.scores.score)
    return gain_of_more(data.settings, gains, columns_of(parameters), place, rng, most)


def too_few(data: Learned) -> str:
    """``8 configurations can be learnt from, 5 of them stopped early, and 10 are needed``."""
    early = f", {data.stopped} of them stopped early and taken as racing expects them" if data.stopped else ""
    return f"{count(len(data.rows), 'configuration')} can be learnt from{early}, and {FEWEST} are needed"


def columns_of(parameters: Sequence[SearchedParameter]) -> list[Column]:
    """Each with the places of its choices, or so many between its ends."""
    return [
        Column(each.key, tuple(np.linspace(0, 1, len(each.choices) or LEVELS).tolist()), bool(each.choices))
        for each in parameters
    ]


def _place(recipe: Recipe, parameters: Sequence[SearchedParameter]) -> list[float] | None:
    """A configuration's place in the space; None where it has no value for some parameter.

    A parameter that nothing reads in it (a setting of a component that another one stands for) has the middle of its
    range there.
    """
    numbers = [each.number(recipe) for each in parameters]
    if not all(no is not None or each.is_idle(recipe) for no, each in zip(numbers, parameters, strict=True)):
        return None
    return [0.5 if no is None else each.unit(no) for no, each in zip(numbers, parameters, strict=True)]
