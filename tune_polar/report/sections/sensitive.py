"""The score over every parameter, with noise between cells."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import numpy as np
from markupsafe import Markup

from tune_polar.report.document import Entry, Figures, TextTable, caption, notice
from tune_polar.report.drawing.panel import Axis, Panel, linear_axis
from tune_polar.report.importances import NOTHING_SAMPLED, Scored, trained_parameters
from tune_polar.report.numbers import count, decimals_for, fixed, listed
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Reason, Section
from tune_polar.report.searched import SearchedParameter
from tune_polar.report.words import NOTHING_FINISHED, begun, named
from tune_polar.stats.importance import Curve
from tune_polar.stats.intervals import signed

EDGE = "TP001"
DRAWN_AT_MOST = 300  # points of a panel; more hide each other and make the page heavy


def applies(page: PageContext) -> Reason | None:
    """It does where something that costs a training was searched."""
    if all(each.is_decision for each in page.searched):
        return Reason(NOTHING_SAMPLED, arises=False)
    return None if page.summary.finished else Reason(NOTHING_FINISHED)


def build(page: PageContext) -> Answer:
    """A panel and a row for each parameter, most important first."""
    drawn, curves = _drawn(page), _curves(page)
    heights = [scores.score for _, scores in drawn]
    y = linear_axis([*heights, max(heights) - 2 * (page.noise or 0.0)], "score")  # so high that the bar of noise fits
    parameters = [each for each in page.searched if not each.is_decision]
    if not isinstance(page.importances, str):
        rank = {each.name: place for place, each in enumerate(page.importances.parameters)}
        parameters.sort(key=lambda each: rank.get(each.key, len(rank)))
    shown = [_Parameter(page, place, each, curves.get(each.key)) for place, each in enumerate(parameters)]
    beyond = [each.parameter.key for each in shown if not each.parameter.holds(each.numbers(drawn))]
    return [
        caption(_note(page, len(drawn), bool(curves), beyond)),
        *(notice(each.warning) for each in shown if each.warning),
        Figures(tuple(each.drawn(drawn, y) for each in shown)),
        _table(page, shown, bool(curves)),
    ]


def _note(page: PageContext, drawn: int, has_curves: bool, beyond: Sequence[str]) -> str:
    """``beyond``: parameters with a value outside their ranges."""
    text = "A point is a configuration, its height the cross-fitted score. "
    if page.noise is not None:
        text += (
            f"The bar at the upper right is ± one standard deviation between {page.cells.many} "
            f"({fixed(page.noise, decimals_for(page.noise))}): what is smaller than it may well be noise. "
        )
    text += f"◆ winner, ■ and dashed: {page.reference_word}. "
    text += (
        "The line is the partial dependence (the score a forest predicts, the other parameters averaged out)"
        + (f"; its band is ± the standard error over {page.cells.many}." if page.noise is not None else ".")
        if has_curves
        else "No curve is drawn through the points: with so few configurations it would show chance alone."
    )
    if drawn < len(page.scored):
        text += (
            f" Drawn are {drawn} of {len(page.scored):,} configurations: the best, the "
            f"{named(page.reference_word, 'one')} and an even sample of the rest."
        )
    if beyond:
        text += (
            f" Values of {listed(beyond)} lie outside the range searched: the axis reaches to them, at most as far "
            "again as the range is wide; what lies further stands at its end."
        )
    return text


def _drawn(page: PageContext) -> Scored:
    """The best fifth of what may be drawn, then an even sample of the rest by rank; and the reference."""
    finished, best = page.scored, DRAWN_AT_MOST // 5
    if len(finished) <= DRAWN_AT_MOST:
        return finished
    rest = np.linspace(best, len(finished) - 1, DRAWN_AT_MOST - best).round().astype(int)
    ranks = {*range(best), *rest.tolist()}
    return [each for rank, each in enumerate(finished) if rank in ranks or each[0] is page.reference]


def _curves(page: PageContext) -> dict[str, Curve]:
    if isinstance(page.importances, str):
        return {}
    trained = [each.key for each in trained_parameters(page.searched)]
    return dict(zip(trained, page.importances.curves, strict=True))


class _Parameter:
    def __init__(self, page: PageContext, place: int, parameter: SearchedParameter, curve: Curve | None) -> None:
        self.page, self.place, self.parameter, self.curve = page, place, parameter, curve
        winner = None if page.best is None else parameter.number(page.best.configuration.recipe)
        self.given = parameter.number(page.recipe)
        self.shown = (parameter.shown(self.given), parameter.shown(winner))
        found = (message for check in page.checks if check.code == EDGE for message in check.messages)
        self.warning = next((f"{each} ({EDGE})." for each in found if each.startswith(f"{parameter.key} = ")), "")
        self.best_at = self.span = "—"
        if curve is not None:
            mean, metric = curve.mean, page.metric
            top = mean.argmax() if metric.larger_is_better else mean.argmin()
            self.best_at = parameter.shown(parameter.from_unit(float(curve.levels[int(top)])))
            span, error = float(np.ptp(mean)), fmean(curve.standard_error.tolist())
            shown = [signed(each, metric).removeprefix("+") for each in (span, error)]
            self.span = " ± ".join(shown if page.noise is not None else shown[:1])

    def numbers(self, rows: Scored) -> list[float]:
        """Every value that its panel shows."""
        found = (self.given, *(self.parameter.number(row.configuration.recipe) for row, _ in rows))
        return [each for each in found if each is not None]

    def drawn(self, rows: Scored, y: Axis) -> Markup:
        """Its panel."""
        page, parameter, word = self.page, self.parameter, self.page.reference_word
        best_at = "" if self.curve is None else f" Partial dependence is best at {self.best_at}."
        description = (
            f"{count(len(rows), 'configuration')} over {parameter.key} from {parameter.words}. {begun(word)} "
            f"{self.shown[0]}, winner {self.shown[1]}.{best_at} {self.warning}"
        )
        axis = parameter.axis(self.numbers(rows))
        panel = Panel(f"sensitivity-{self.place}", f"Score over {parameter.key}", description, axis, y)
        if self.curve is not None:
            _draw_curve(panel, parameter, self.curve)
        if page.noise is not None:
            panel.error_bar(page.noise, page.cells.many)
        if self.given is not None:
            panel.upright(self.given, "given", f"{word}: {self.shown[0]}")
        named = {page.reference: word} | {page.best: "winner"}
        order = {None: 0, page.reference: 1, page.best: 2}  # these lie on top
        for row, scores in sorted(rows, key=lambda each: (order.get(each[0], 0), -page.index.place(each[0]))):
            number, place = parameter.number(row.configuration.recipe), page.index.place(row)
            (shape, kind), title = page.mark(row), named.get(row, "")
            if number is not None:
                x = number + _jitter(place) if parameter.choices and not title else number
                panel.mark(shape, x, scores.score, kind, place=place, title=title)
        return panel.svg()


def _jitter(place: int) -> float:
    """Points of one choice side by side; the golden ratio spreads any number of them evenly."""
    return 0.5 * ((place * 0.6180339887) % 1.0 - 0.5)


def _draw_curve(panel: Panel, parameter: SearchedParameter, curve: Curve) -> None:
    numbers = [parameter.from_unit(level) for level in curve.levels.tolist()]
    points = list(zip(numbers, curve.mean.tolist(), curve.standard_error.tolist(), strict=True))
    # Nothing lies between choices: each has a stretch of its own.
    parts = [[(x + side, y, e) for side in (-0.3, 0.3)] for x, y, e in points] if parameter.choices else [points]
    for part in parts:
        panel.band([(x, y - e) for x, y, e in part], [(x, y + e) for x, y, e in part], "pd")
        panel.line([(x, y) for x, y, _ in part], "pd")


def _table(page: PageContext, shown: Sequence[_Parameter], has_curves: bool) -> TextTable:
    word, unit = page.reference_word, f", {page.metric.unit}" if page.metric.unit else ""
    also = ", where the partial dependence is best, and the span of its values" if has_curves else ""
    return TextTable(
        f"Every parameter in words: range searched, value of the {named(word, 'recipe')} and of the winner{also}",
        ("Parameter", "Searched", begun(word), "Winner", *(("Best at", f"Span{unit}") if has_curves else ())),
        tuple(
            (
                Entry(each.parameter.key, f"⚠ at an end of its range ({EDGE})" if each.warning else "", kind="key"),
                *(each.parameter.words, *each.shown, *((each.best_at, each.span) if has_curves else ())),
            )
            for each in shown
        ),
        words=(1,),
        kind="numbers sensitivity",
    )


SECTION = Section("sensitive", "How sensitive is it?", "How sensitive", applies, build)
