"""Question 4: the score over every parameter, with fold noise, and what a value means where a number says little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np
from markupsafe import Markup

from tune_polar.report.configuration_index import ConfigurationIndex
from tune_polar.report.numbers import count, decimals_for, fixed, spread
from tune_polar.report.panel import Axis, Panel, linear_axis
from tune_polar.report.searched import SearchedParameter
from tune_polar.stats.importance import Curve, Importances
from tune_polar.stats.intervals import points
from tune_polar.store.summary import ConfigurationSummary, SearchSummary

DRAWN_AT_MOST = 300  # points of a panel; more hide each other and make the page heavy


@dataclass(frozen=True)
class SensitivityRow:
    """One parameter in words."""

    key: str
    searched: str
    published: str
    winner: str
    best_at: str  # of the partial dependence
    span: str  # F1 points between its lowest and highest mean
    warning: str


@dataclass(frozen=True)
class SensitivitySection:
    """A panel and a row for each parameter."""

    missing: str
    note: str = ""
    warnings: tuple[str, ...] = ()
    figures: tuple[Markup, ...] = ()
    rows: tuple[SensitivityRow, ...] = ()
    curves_missing: str = ""  # why no curve is drawn; "" where they are


def sensitivity_section(
    summary: SearchSummary,
    searched: Sequence[SearchedParameter],
    found: Importances | str,
    index: ConfigurationIndex,
) -> SensitivitySection:
    """The score of every finished configuration over every parameter that is trained."""
    finished = summary.finished
    parameters = [each for each in searched if not each.is_decision]
    if not parameters:
        return SensitivitySection("Not applicable: nothing was sampled, so there is no range to look along.")
    if not finished:
        return SensitivitySection("Not enough data: no configuration has finished all its folds.")
    curves = _curves(parameters, found)
    drawn = _drawn(finished, summary.published)
    noise = median(spread(row.scores.best.fold_scores) for row in finished if row.scores is not None)
    heights = [row.scores.score for row in drawn if row.scores is not None]
    y = linear_axis([*heights, max(heights) - 2 * noise], "score")  # so high that the bar of noise fits
    if isinstance(found, str):
        ordered = parameters
    else:
        rank = {each.name: place for place, each in enumerate(found.parameters)}
        ordered = sorted(parameters, key=lambda each: rank.get(each.key, len(rank)))
    rows = tuple(_row(each, summary, curves.get(each.key)) for each in ordered)
    return SensitivitySection(
        missing="",
        note=_note(len(finished), len(drawn), noise, bool(curves)),
        warnings=tuple(f"{row.key}: {row.warning}" for row in rows if row.warning),
        figures=tuple(
            _panel(place, each, drawn, summary, curves.get(each.key), y, noise, index)
            for place, each in enumerate(ordered)
        ),
        rows=rows,
        curves_missing=""
        if not isinstance(found, str)
        else "No curve is drawn through the points: with so few configurations it would show chance alone.",
    )


def _note(finished: int, drawn: int, noise: float, has_curves: bool) -> str:
    text = (
        "A point is a configuration, its height the cross-fitted score. The bar at the upper right is ± one standard "
        f"deviation between folds ({fixed(noise, decimals_for(noise))}): differences smaller than it are within noise. "
        "◆ winner, ■ and dashed: published."
    )
    if has_curves:
        text += (
            " The line is the partial dependence (the score a forest predicts, the other parameters averaged out); its "
            "band is ± the standard error over folds."
        )
    if drawn < finished:
        text += (
            f" Drawn are {drawn} of {finished:,} configurations: the best, the published one and an even sample of "
            "the rest."
        )
    return text


def _drawn(
    finished: Sequence[ConfigurationSummary], published: ConfigurationSummary | None
) -> list[ConfigurationSummary]:
    """The best fifth of what may be drawn, then an even sample of the rest by rank."""
    if len(finished) <= DRAWN_AT_MOST:
        return list(finished)
    best = DRAWN_AT_MOST // 5
    rest = np.linspace(best, len(finished) - 1, DRAWN_AT_MOST - best).round().astype(int)
    drawn = [finished[place] for place in (*range(best), *dict.fromkeys(rest.tolist()))]
    return drawn if published is None or published.scores is None or published in drawn else [*drawn, published]


def _curves(parameters: Sequence[SearchedParameter], found: Importances | str) -> dict[str, Curve]:
    if isinstance(found, str):
        return {}
    trained = [each.key for each in parameters if each.choices or each.low < each.high]
    return dict(zip(trained, found.curves, strict=True))


def _panel(
    place: int,
    parameter: SearchedParameter,
    drawn: Sequence[ConfigurationSummary],
    summary: SearchSummary,
    curve: Curve | None,
    y: Axis,
    noise: float,
    index: ConfigurationIndex,
) -> Markup:
    row = _row(parameter, summary, curve)
    panel = Panel(
        f"sensitivity-{place}",
        f"Score over {parameter.key}",
        f"{count(len(drawn), 'configuration')} over {parameter.key} from {parameter.words}. Published {row.published}, "
        f"winner {row.winner}. {f'Partial dependence is highest at {row.best_at}. ' if row.best_at else ''}"
        f"{row.warning}",
        parameter.axis,
        y,
    )
    if curve is not None:
        _draw_curve(panel, parameter, curve)
    panel.error_bar(noise)
    as_published = parameter.number(summary.facts.recipe)
    if as_published is not None:
        panel.upright(as_published, "published", f"published: {row.published}")
    best, published = summary.best, summary.published
    for each in reversed(drawn):
        number = parameter.number(each.configuration.recipe)
        if number is None or each.scores is None or each is best or each is published:
            continue
        x = number + _jitter(index.place(each)) if parameter.choices else number
        panel.dot(x, each.scores.score, "pt", place=index.place(each))
    if published is not None and published.scores is not None:
        number = parameter.number(published.configuration.recipe)
        if number is not None and published is not best:
            panel.square(number, published.scores.score, "pt pub", place=index.place(published), title="published")
    if best is not None and best.scores is not None:
        number = parameter.number(best.configuration.recipe)
        if number is not None:
            panel.diamond(number, best.scores.score, "pt win", place=index.place(best), title="winner")
    return panel.svg()


def _jitter(place: int) -> float:
    """Points of one choice side by side; the golden ratio spreads any number of them evenly."""
    return 0.5 * ((place * 0.6180339887) % 1.0 - 0.5)


def _draw_curve(panel: Panel, parameter: SearchedParameter, curve: Curve) -> None:
    numbers = [parameter.from_unit(level) for level in curve.levels.tolist()]
    mean, error = curve.mean.tolist(), curve.standard_error.tolist()
    if parameter.choices:
        for number, middle, half in zip(numbers, mean, error, strict=True):
            panel.band(
                [(number - 0.3, middle - half), (number + 0.3, middle - half)],
                [(number - 0.3, middle + half), (number + 0.3, middle + half)],
                "pd",
            )
            panel.line([(number - 0.3, middle), (number + 0.3, middle)], "pd")
        return
    low = [(number, middle - half) for number, middle, half in zip(numbers, mean, error, strict=True)]
    high = [(number, middle + half) for number, middle, half in zip(numbers, mean, error, strict=True)]
    panel.band(low, high, "pd")
    panel.line(list(zip(numbers, mean, strict=True)), "pd")


def _row(parameter: SearchedParameter, summary: SearchSummary, curve: Curve | None) -> SensitivityRow:
    best = summary.best
    winner = None if best is None else parameter.number(best.configuration.recipe)
    published = parameter.number(summary.facts.recipe)
    best_at = span = warning = ""
    if curve is not None:
        mean = curve.mean
        top = parameter.from_unit(float(curve.levels[int(mean.argmax())]))
        best_at = parameter.shown(top)
        error = fmean(curve.standard_error.tolist())
        span = f"{points(float(np.ptp(mean))).removeprefix('+')} ± {fixed(100 * error, 1)}"
    edge = "" if winner is None else parameter.edge(winner)
    if edge:
        warning = f"the winner lies at the {edge} end of the range searched (TP001); better values may lie beyond"
    return SensitivityRow(
        parameter.key,
        parameter.words,
        parameter.shown(published),
        parameter.shown(winner),
        best_at,
        span,
        warning,
    )
