"""Question 3: which parameters the score depends on, and which pairs act together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tune_polar.decide.checks import FloatArray
from tune_polar.report.figures import Bar, bar_plot
from tune_polar.report.numbers import count, fixed, listed
from tune_polar.report.searched import SearchedParameter
from tune_polar.stats.importance import Column, Importances, Interaction, importances
from tune_polar.store.flags import ENOUGH_FOR_IMPORTANCES
from tune_polar.store.summary import ConfigurationSummary, SearchSummary

SEED = 0  # of forests and resampling: equal records give equal numbers
LEVELS = 11  # points of a curve


@dataclass(frozen=True)
class ImportanceRow:
    """One parameter, or a pair."""

    name: str
    share: str  # percent
    interval: str
    verdict: str


@dataclass(frozen=True)
class ImportanceSection:
    """Parameters by falling importance, and pairs."""

    missing: str
    sentences: tuple[str, ...] = ()
    figure: str = ""
    rows: tuple[ImportanceRow, ...] = ()
    pairs: tuple[ImportanceRow, ...] = ()


def trained_parameters(searched: Sequence[SearchedParameter]) -> tuple[SearchedParameter, ...]:
    """Those that cost a training; every configuration is scored at its best decision settings."""
    return tuple(each for each in searched if not each.is_decision and (each.choices or each.low < each.high))


def measured_importances(summary: SearchSummary, searched: Sequence[SearchedParameter]) -> Importances | str:
    """Importances over finished configurations, or why there are none."""
    parameters = trained_parameters(searched)
    if not parameters:
        return "Not applicable: this is an ablation, or a search of decision settings alone; nothing was sampled."
    rows, table = design(summary.finished, parameters)
    if len(rows) < ENOUGH_FOR_IMPORTANCES:
        return (
            f"Not enough data: {count(len(rows), 'configuration has', 'configurations have')} finished with a value "
            f"for every parameter, and {ENOUGH_FOR_IMPORTANCES} are needed to say what matters (TP006). With fewer, "
            "chance alone puts some parameter first. Go on with “tune-polar resume STORE --trials N”."
        )
    scores = np.array([row.scores.best.fold_scores for row in rows if row.scores is not None])
    columns = [
        Column(each.key, tuple(np.linspace(0, 1, len(each.choices) or LEVELS).tolist()), bool(each.choices))
        for each in parameters
    ]
    return importances(table, scores, columns, np.random.default_rng(SEED))


def design(
    finished: Sequence[ConfigurationSummary], parameters: Sequence[SearchedParameter]
) -> tuple[list[ConfigurationSummary], FloatArray]:
    """Configurations with a value for every parameter, and these values in the unit interval."""
    rows, values = [], []
    for row in finished:
        numbers = [each.number(row.configuration.recipe) for each in parameters]
        if all(number is not None for number in numbers):
            rows.append(row)
            values.append([p.unit(n) for p, n in zip(parameters, numbers, strict=True) if n is not None])
    return rows, np.array(values, dtype=np.float64).reshape(len(rows), len(parameters))


def importance_section(found: Importances | str) -> ImportanceSection:
    """Figure, table and sentences."""
    if isinstance(found, str):
        return ImportanceSection(missing=found)
    told = [each.name for each in found.parameters if found.told_from_chance(each)]
    bars = [
        Bar(each.name, _percent(each.share), each.share, each.interval.low, each.interval.high)
        for each in found.parameters
    ]
    return ImportanceSection(
        missing="",
        sentences=_sentences(found, told),
        figure=bar_plot(
            "importances",
            "Importance of each parameter",
            f"{count(len(bars), 'parameter')}, most important first: {bars[0].label} with {bars[0].value}. "
            "The table after this figure holds every number drawn here.",
            bars,
            limit=found.chance.interval.high,
        ),
        rows=tuple(
            ImportanceRow(
                each.name,
                _percent(each.share),
                f"{_percent(each.interval.low)} to {_percent(each.interval.high)}",
                "matters" if found.told_from_chance(each) else "not told from chance",
            )
            for each in found.parameters
        ),
        pairs=tuple(_pair(each, found) for each in found.interactions),
    )


def _pair(pair: Interaction, found: Importances) -> ImportanceRow:
    told = pair.interval.low > found.chance.interval.high
    return ImportanceRow(
        f"{pair.first} × {pair.second}",
        _percent(pair.share),
        f"{_percent(pair.interval.low)} to {_percent(pair.interval.high)}",
        "act together" if told else "not told from chance",
    )


def _sentences(found: Importances, told: Sequence[str]) -> tuple[str, ...]:
    if found.explained <= 0:
        strength = (
            f"A forest that learned scores from settings predicts configurations it has not seen no better than their "
            f"mean (R² {fixed(found.explained, 2)}): within these ranges, settings hardly decide the score, or "
            "fold noise hides what they do. Read the shares below as noise."
        )
    else:
        strength = (
            f"A forest that learned scores from settings explains {_percent(found.explained)} of the variance between "
            "configurations it has not seen; the rest is fold noise, or more than these configurations can show."
        )
    verdict = (
        f"{listed(told)} {'stands' if len(told) == 1 else 'stand'} out from chance; the other parameters do not."
        if told
        else "No parameter stands out from chance: these configurations do not say what matters."
    )
    return strength, verdict


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share >= 0.1 or share <= 0 else f"{100 * share:.1f}%"
