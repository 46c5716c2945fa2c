"""Inline SVG without a library. Positions along the scale are percentages, so a figure fits any width unscaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tune_polar.report.numbers import axis_ticks, duration, fixed
from tune_polar.report.panel import linked

ROW_PX = 44
LABEL_BASELINE_PX = 14
STRIP_MIDDLE_PX = 28
AXIS_PX = 26
BAR_ROW_PX = 34
BARS_PERCENT = 88  # the rest is for the values at the right
LANE_PX = 44
# Room beside the outermost points, in percent of the width, so that marks and tick labels are never cut.
MARGIN_PERCENT = 5.0


@dataclass(frozen=True)
class Strip:
    """One row of a strip plot."""

    label: str
    value: str  # "0.698 ± 0.009", at the row's right end
    points: tuple[float, ...]  # a fold each
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
    scale = _Scale(min(values), max(values))
    height = ROW_PX * len(strips)
    parts = [
        Markup(
            '<svg class="strips" role="img" aria-labelledby="{0}-title {0}-desc" width="100%" height="{1}">'
            '<title id="{0}-title">{2}</title><desc id="{0}-desc">{3}</desc>'
        ).format(name, height + AXIS_PX, title, description)
    ]
    parts += [_axis(scale, height)]
    parts += [_reference(scale.percent(strip.mean), height) for strip in strips if strip.is_reference]
    parts += [_row(strip, scale, ROW_PX * place) for place, strip in enumerate(strips)]
    return Markup("").join([*parts, Markup("</svg>")])


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float

    def percent(self, value: float) -> str:
        if self.high == self.low:
            return "50%"
        share = (value - self.low) / (self.high - self.low)
        return f"{MARGIN_PERCENT + share * (100 - 2 * MARGIN_PERCENT):.2f}%"


def _axis(scale: _Scale, height: int) -> Markup:
    ticks = axis_ticks(scale.low, scale.high)
    decimals = next((d for d in range(2, 6) if len({fixed(t, d) for t in ticks}) == len(ticks)), 6)
    return Markup("").join(
        Markup(
            '<line class="grid" x1="{0}" x2="{0}" y1="0" y2="{1}"/>'
            '<text class="tick" x="{0}" y="{2}" text-anchor="middle">{3}</text>'
        ).format(scale.percent(tick), height, height + 18, fixed(tick, decimals))
        for tick in ticks
    )


def _reference(x: str, height: int) -> Markup:
    return Markup('<line class="reference" x1="{0}" x2="{0}" y1="0" y2="{1}"/>').format(x, height)


def _row(strip: Strip, scale: _Scale, top: int) -> Markup:
    middle = top + STRIP_MIDDLE_PX
    mark = (
        Markup(
            '<rect class="point reference-point" x="{0}" y="{1}" width="9" height="9" transform="translate(-4.5)">'
            "{3}</rect>"
        )
        if strip.is_reference
        else Markup('<circle class="point" cx="{0}" cy="{2}" r="5">{3}</circle>')
    )
    names = strip.point_names or ("",) * len(strip.points)
    points = Markup("").join(
        mark.format(
            scale.percent(point), middle - 4.5, middle, Markup("<title>{}</title>").format(name) if name else ""
        )
        for point, name in zip(strip.points, names, strict=True)
    )
    return Markup(
        '<g{8}><text class="label" x="0" y="{0}">{1}</text>'
        '<text class="value" x="100%" y="{0}" text-anchor="end">{2}</text>'
        '<line class="rail" x1="0" x2="100%" y1="{3}" y2="{3}"/>{4}'
        '<line class="mean" x1="{5}" x2="{5}" y1="{6}" y2="{7}"/></g>'
    ).format(
        top + LABEL_BASELINE_PX,
        strip.label,
        strip.value,
        middle,
        points,
        scale.percent(strip.mean),
        middle - 9,
        middle + 9,
        linked(strip.place),
    )


@dataclass(frozen=True)
class Bar:
    """One row of a bar plot."""

    label: str
    value: str  # "34%", at the row's right end
    length: float
    low: float  # ends of its interval
    high: float


def bar_plot(name: str, title: str, description: str, bars: Sequence[Bar], limit: float) -> Markup:
    """Bars with their intervals from zero to the right, and a line at ``limit``.

    Args:
        name: unique in the page; letters, digits and dashes.
        title: what the figure shows.
        description: what a reader who cannot see it should know.
        bars: at least one.
        limit: below it a bar says nothing.
    """
    most = max(*(max(bar.length, bar.high) for bar in bars), limit, 1e-9)
    height = BAR_ROW_PX * len(bars)
    parts = [
        Markup(
            '<svg class="strips bars" role="img" aria-labelledby="{0}-title {0}-desc" width="100%" height="{1}">'
            '<title id="{0}-title">{2}</title><desc id="{0}-desc">{3}</desc>'
        ).format(name, height, title, description),
        Markup('<line class="reference" x1="{0}" x2="{0}" y1="0" y2="{1}"/>').format(_length(limit, most), height),
    ]
    for place, bar in enumerate(bars):
        top = BAR_ROW_PX * place
        parts.append(
            Markup(
                '<g><text class="label" x="0" y="{0}">{1}</text>'
                '<text class="value" x="100%" y="{0}" text-anchor="end">{2}</text>'
                '<rect class="bar" x="0" y="{3}" width="{4}" height="8"/>'
                '<line class="mean" x1="{5}" x2="{6}" y1="{7}" y2="{7}"/></g>'
            ).format(
                top + LABEL_BASELINE_PX,
                bar.label,
                bar.value,
                top + LABEL_BASELINE_PX + 5,
                _length(bar.length, most),
                _length(bar.low, most),
                _length(bar.high, most),
                top + LABEL_BASELINE_PX + 9,
            )
        )
    return Markup("").join([*parts, Markup("</svg>")])


def _length(value: float, most: float) -> str:
    return f"{max(0.0, value) / most * BARS_PERCENT:.2f}%"


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
    """Lanes of spans on one clock from 0 to ``end``."""
    height = LANE_PX * len(lanes)
    parts = [
        Markup(
            '<svg class="strips lanes" role="img" aria-labelledby="{0}-title {0}-desc" width="100%" height="{1}">'
            '<title id="{0}-title">{2}</title><desc id="{0}-desc">{3}</desc>'
        ).format(name, height + 20, title, description)
    ]
    for place, lane in enumerate(lanes):
        top = LANE_PX * place
        parts.append(
            Markup(
                '<text class="label" x="0" y="{0}">{1}</text>'
                '<text class="value" x="100%" y="{0}" text-anchor="end">{2}</text>'
            ).format(top + LABEL_BASELINE_PX, lane.label, lane.value)
        )
        parts += [
            Markup(
                '<rect class="span {}"{} x="{:.3f}%" y="{}" width="{:.3f}%" height="14"><title>{}</title></rect>'
            ).format(
                span.kind,
                linked(span.place),
                100 * span.start / end,
                top + LABEL_BASELINE_PX + 6,
                max(100 * (span.end - span.start) / end, 0.05),
                span.title,
            )
            for span in lane.spans
        ]
    parts.append(
        Markup(
            '<text class="tick" x="0" y="{0}">0</text>'
            '<text class="tick" x="50%" y="{0}" text-anchor="middle">{1}</text>'
            '<text class="tick" x="100%" y="{0}" text-anchor="end">{2}</text>'
        ).format(height + 14, duration(end / 2), duration(end))
    )
    return Markup("").join([*parts, Markup("</svg>")])
