"""Wide figures as inline SVG. Positions along the scale are percentages, so a figure fits any width unscaled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tune_polar.report.drawing.panel import linked
from tune_polar.report.numbers import axis_ticks, duration, tick_words

ROW_PX, BAR_ROW_PX = 44, 34
AXIS_PX, CLOCK_PX = 26, 20
BASELINE_PX, MIDDLE_PX = 14, 28  # of a row's words, and of its points
BARS_PERCENT = 88  # the rest is for the values at the right
# Room beside the outermost points, in percent of the width, so that marks and tick labels are never cut.
MARGIN_PERCENT = 5.0


@dataclass(frozen=True)
class Strip:
    """One row of a strip plot."""

    label: str
    value: str  # "0.698 ± 0.009", at the row's right end
    points: tuple[float, ...]  # a cell each
    mean: float
    is_reference: bool = False  # drawn apart, with a line through all rows at its mean
    place: int | None = None  # of its configuration, by which the page links figures
    point_names: tuple[str, ...] = ()  # shown on hovering a point


def strip_plot(name: str, title: str, description: str, strips: Sequence[Strip]) -> Markup:
    """Rows of points with their mean on one common scale.

    Args:
        name: unique in the page; letters, digits and dashes.
        title: what the figure shows.
        description: what a reader who cannot see it should know.
        strips: at least one, each with at least one point.
    """
    values = [value for strip in strips for value in (*strip.points, strip.mean)]
    low, high, height = min(values), max(values), ROW_PX * len(strips)

    def percent(value: float) -> str:
        share = 0.5 if high == low else (value - low) / (high - low)
        return "50%" if high == low else f"{MARGIN_PERCENT + share * (100 - 2 * MARGIN_PERCENT):.2f}%"

    ticks = axis_ticks(low, high)
    grid = Markup('<line class="grid" x1="{0}" x2="{0}" y1="0" y2="{1}"/>')
    words = zip(ticks, tick_words(ticks, fewest=2), strict=True)
    parts = [grid.format(percent(at), height) + _tick(percent(at), height + 18, word) for at, word in words]
    parts += [_upright("reference", percent(strip.mean), 0, height) for strip in strips if strip.is_reference]
    rail = Markup('<line class="rail" x1="0" x2="100%" y1="{0}" y2="{0}"/>')
    circle = '<circle class="point" cx="{0}" cy="{2}" r="5">{3}</circle>'
    square = '<rect class="point reference-point" x="{0}" y="{1}" width="9" height="9" transform="translate(-4.5)">'
    for number, strip in enumerate(strips):
        top = ROW_PX * number
        middle, names = top + MIDDLE_PX, strip.point_names or ("",) * len(strip.points)
        mark = Markup(square + "{3}</rect>" if strip.is_reference else circle)
        titles = (Markup("<title>{}</title>").format(each) if each else "" for each in names)
        points = (
            mark.format(percent(point), middle - 4.5, middle, said)
            for point, said in zip(strip.points, titles, strict=True)
        )
        mean = _upright("mean", percent(strip.mean), middle - 9, middle + 9)
        row = (_words(top, strip.label, strip.value), rail.format(middle), *points, mean)
        parts.append(Markup("<g{}>{}</g>").format(linked(strip.place), Markup("").join(row)))
    return _svg("", name, title, description, height + AXIS_PX, parts)


@dataclass(frozen=True)
class Bar:
    """One row of a bar plot."""

    label: str
    value: str  # "34%", at the row's right end
    length: float
    low: float  # ends of its interval
    high: float


def bar_plot(name: str, title: str, description: str, bars: Sequence[Bar], limit: float) -> Markup:
    """Bars with their intervals from zero to the right, and a line at ``limit``, below which a bar says nothing.

    The other arguments are those of ``strip_plot``.
    """
    most = max(*(max(bar.length, bar.high) for bar in bars), limit, 1e-9)

    def percent(value: float) -> float:
        return max(0.0, value) / most * BARS_PERCENT

    return _bars(name, title, description, bars, percent, limit)


def signed_bar_plot(name: str, title: str, description: str, bars: Sequence[Bar]) -> Markup:
    """Bars with their intervals from zero, to the left where they are below it; the arguments of ``strip_plot``."""
    ends = [0.0, *(end for bar in bars for end in (bar.length, bar.low, bar.high))]
    low, high = min(ends), max(ends)

    def percent(value: float) -> float:
        return MARGIN_PERCENT + (value - low) / ((high - low) or 1.0) * (100 - 2 * MARGIN_PERCENT)

    return _bars(name, title, description, bars, percent, 0.0)


def _bars(
    name: str,
    title: str,
    description: str,
    bars: Sequence[Bar],
    percent: Callable[[float], float],
    line: float,
) -> Markup:
    """``line``: drawn through all rows."""
    height = BAR_ROW_PX * len(bars)
    parts = [_upright("reference", f"{percent(line):.2f}%", 0, height)]
    drawn = Markup(
        '<g>{0}<rect class="bar" x="{1:.2f}%" y="{2}" width="{3:.2f}%" height="8"/>'
        '<line class="mean" x1="{4:.2f}%" x2="{5:.2f}%" y1="{6}" y2="{6}"/></g>'
    )
    for number, bar in enumerate(bars):
        top, words = BAR_ROW_PX * number, _words(BAR_ROW_PX * number, bar.label, bar.value)
        left, right = sorted((percent(0.0), percent(bar.length)))
        ends = percent(bar.low), percent(bar.high)
        parts.append(drawn.format(words, left, top + BASELINE_PX + 5, right - left, *ends, top + BASELINE_PX + 9))
    return _svg(" bars", name, title, description, height, parts)


@dataclass(frozen=True)
class Span:
    """A stretch of a lane."""

    start: float
    end: float
    kind: str  # class of the style sheet
    title: str
    place: int | None = None  # of its configuration


@dataclass(frozen=True)
class Lane:
    """One row of a timeline."""

    label: str
    value: str
    spans: tuple[Span, ...]


def timeline(name: str, title: str, description: str, lanes: Sequence[Lane], end: float) -> Markup:
    """Lanes of spans on one clock from 0 to ``end``; the other arguments are those of ``strip_plot``."""
    height, parts = ROW_PX * len(lanes), []
    span_of = Markup('<rect class="span {}"{} x="{:.3f}%" y="{}" width="{:.3f}%" height="14"><title>{}</title></rect>')
    for number, lane in enumerate(lanes):
        top = ROW_PX * number
        parts.append(_words(top, lane.label, lane.value))
        for span in lane.spans:
            width = max(100 * (span.end - span.start) / end, 0.05)
            start = 100 * span.start / end
            parts.append(span_of.format(span.kind, linked(span.place), start, top + BASELINE_PX + 6, width, span.title))
    for at, anchor, word in (("0", "start", "0"), ("50%", "middle", duration(end / 2)), ("100%", "end", duration(end))):
        parts.append(_tick(at, height + 14, word, anchor))
    return _svg(" lanes", name, title, description, height + CLOCK_PX, parts)


def _svg(kind: str, name: str, title: str, description: str, height: int, parts: Sequence[Markup]) -> Markup:
    head = Markup(
        '<svg class="strips{0}" role="img" aria-labelledby="{1}-title {1}-desc" width="100%" height="{2}">'
        '<title id="{1}-title">{3}</title><desc id="{1}-desc">{4}</desc>'
    ).format(kind, name, height, title, description)
    return Markup("").join([head, *parts, Markup("</svg>")])


def _words(top: int, label: str, value: str) -> Markup:
    """A row's name at the left and its value at the right."""
    return Markup(
        '<text class="label" x="0" y="{0}">{1}</text><text class="value" x="100%" y="{0}" text-anchor="end">{2}</text>'
    ).format(top + BASELINE_PX, label, value)


def _tick(x: str, y: int, word: str, anchor: str = "middle") -> Markup:
    return Markup('<text class="tick" x="{}" y="{}" text-anchor="{}">{}</text>').format(x, y, anchor, word)


def _upright(kind: str, x: str, top: int, bottom: int) -> Markup:
    return Markup('<line class="{0}" x1="{1}" x2="{1}" y1="{2}" y2="{3}"/>').format(kind, x, top, bottom)
