"""A small chart as inline SVG, without a library: a frame with two axes, filled with points, lines, bands and marks.

Colours and strokes are classes of the page's style sheet, so that light, dark and print each have their own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from markupsafe import Markup, escape

from tune_polar.report.numbers import axis_ticks, tick_words

WIDTH, HEIGHT = 340.0, 216.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 10.0, 12.0, 40.0
LETTERS = 46  # fit side by side under a panel
POWERS = 7  # of ten that have a tick, at most
LETTER, NAME = 7.0, 16.0  # widths of a tick's letter, and of the axis' name beside it
# Drawn from the middle: a circle, the reference's square, the winner's diamond, triangles that point up and down.
SHAPES: Mapping[str, str] = {
    "dot": "m-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0 -6.4 0Z",
    "square": "m-4.5 -4.5h9v9h-9Z",
    "diamond": "m0 -6.5l6.5 6.5l-6.5 6.5l-6.5 -6.5Z",
    "up": "m0 -4l4 8h-8Z",
    "down": "m0 4l4 -8h-8Z",
}

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """One direction: its range, its name, and where ticks stand with their words."""

    low: float
    high: float
    name: str
    ticks: tuple[tuple[float, str], ...]
    log: bool = False

    def share(self, value: float) -> float:
        """0 at the low end, 1 at the high end."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        return 0.5 if high == low else (self._scaled(value) - low) / (high - low)

    def named(self, name: str) -> Axis:
        """The same with another name."""
        return replace(self, name=name)

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.log else value


UNIT_AXIS = Axis(0.0, 1.0, "", tuple((t / 5, f"{t / 5:.1f}") for t in range(6)))


def linear_axis(values: Sequence[float], name: str, *, pad: float = 0.06) -> Axis:
    """An axis around ``values`` with round ticks."""
    low, high = min(values), max(values)
    room = pad * (high - low) if high > low else max(abs(high), 1.0) * 0.05
    low, high = low - room, high + room
    return Axis(low, high, name, _with_words(axis_ticks(low, high)))


def range_axis(low: float, high: float, name: str, *, log: bool = False) -> Axis:
    """An axis of exactly this range, as a search space states it."""
    if low == high:
        return Axis(low - 1, high + 1, name, ((low, f"{low:g}"),))
    if not log:
        return Axis(low, high, name, _with_words(axis_ticks(low, high)))
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    powers = range(first, last + 1, math.ceil((last - first + 1) / POWERS))
    steps = (1,) if high / low > 300 else (1, 3) if high / low > 20 else (1, 2, 5)
    ticks = [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high * (1 + 1e-9)]
    if len(ticks) < 2:  # a range within one step
        ticks = [low, high]
    return Axis(low, high, name, tuple((tick, f"{tick:.3g}") for tick in ticks), log=True)


def choice_axis(choices: Sequence[str], name: str) -> Axis:
    """One place for each choice: 0, 1, 2 …"""
    room = max(4, LETTERS // max(1, len(choices)))
    ticks = tuple((float(place), _short(choice, room)) for place, choice in enumerate(choices))
    return Axis(-0.5, len(choices) - 0.5, name, ticks)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _with_words(ticks: Sequence[float]) -> tuple[tuple[float, str], ...]:
    return tuple(zip(ticks, tick_words(ticks), strict=True))


@dataclass
class Panel:
    """Collects marks in drawing order; ``svg`` puts frame, axes and marks together."""

    name: str  # unique in the page: letters, digits and dashes
    title: str  # what the figure shows
    description: str  # what a reader who cannot see it should know
    x: Axis
    y: Axis
    width: float = WIDTH
    height: float = HEIGHT
    _marks: list[Markup] = field(default_factory=list)

    @cached_property
    def left(self) -> float:
        """Where the frame begins: right of the longest word of the upright axis."""
        words = LETTER * max((len(word) for _, word in self.y.ticks), default=0)
        return max(LEFT, (NAME if self.y.name else 0.0) + words + 5)

    def at(self, x: float, y: float) -> Point:
        """Pixels of a point of the data, kept within the frame."""
        across, up = (min(max(share, 0.0), 1.0) for share in (self.x.share(x), self.y.share(y)))
        return self.left + across * (self.width - self.left - RIGHT), TOP + (1 - up) * (self.height - TOP - BOTTOM)

    def line(self, points: Sequence[Point], kind: str, title: str = "") -> None:
        """A line through ``points``."""
        self._put('<path class="line {}" d="M{}">{}</path>', kind, self._path(points), _hover(title))

    def band(self, low: Sequence[Point], high: Sequence[Point], kind: str) -> None:
        """The area between two lines."""
        self._put('<path class="band {}" d="M{}Z"/>', kind, self._path([*low, *reversed(high)]))

    def mark(self, shape: str, x: float, y: float, kind: str, *, place: int | None = None, title: str = "") -> None:
        """A point of one of ``SHAPES``; ``place`` is that of its configuration, by which the page links figures."""
        at = self.at(x, y)
        self._put(
            '<path class="{}"{} d="M{:.1f} {:.1f}{}">{}</path>', kind, linked(place), *at, SHAPES[shape], _hover(title)
        )

    def upright(self, x: float, kind: str, title: str = "") -> None:
        """A line across the whole height at ``x``."""
        self.line([(x, self.y.low), (x, self.y.high)], kind, title)

    def cell(self, low: Point, high: Point, kind: str, title: str = "") -> None:
        """A filled rectangle between two corners."""
        (left, bottom), (right, top) = self.at(*low), self.at(*high)
        rect = '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">{}</rect>'
        self._put(rect, kind, left, top, right - left + 0.3, bottom - top + 0.3, _hover(title))

    def error_bar(self, half: float, cells: str) -> None:
        """At the upper right corner, how far one standard deviation between ``cells`` (folds, seeds) reaches."""
        reach = half / (self.y.high - self.y.low) * (self.height - TOP - BOTTOM)
        x, top = self.width - RIGHT - 8, TOP + 4
        self._put(
            '<path class="noise" d="M{0:.1f} {1:.1f}V{2:.1f}M{3:.1f} {1:.1f}h8M{3:.1f} {2:.1f}h8">'
            "<title>± one standard deviation between {4}</title></path>",
            *(x, top, top + 2 * reach, x - 4, cells),
        )

    def svg(self) -> Markup:
        """The figure as one SVG element, with title and description for who cannot see it."""
        head = Markup(
            '<svg class="panel" role="img" aria-labelledby="{0}-title {0}-desc" viewBox="0 0 {1:g} {2:g}">'
            '<title id="{0}-title">{3}</title><desc id="{0}-desc">{4}</desc>'
        ).format(self.name, self.width, self.height, self.title, self.description)
        return Markup("").join([head, *self._marks, Markup("</svg>")])

    def _put(self, template: str, *values: object) -> None:
        # A page has thousands of them: Markup's own `format` takes many times as long.
        safe = (escape(value) if isinstance(value, str) else value for value in values)
        self._marks.append(Markup(template.format(*safe)))

    def _path(self, points: Sequence[Point]) -> str:
        return "L".join("{:.1f} {:.1f}".format(*self.at(*point)) for point in points)

    def __post_init__(self) -> None:
        """The frame with its axes lies under everything."""
        left, right, floor = self.left, self.width - RIGHT, self.height - BOTTOM
        self._put('<path class="frame" d="M{:g} {}V{}H{}"/>', left, TOP, floor, right)
        for tick, word in self.y.ticks:
            _, top = self.at(self.x.low, tick)
            grid = '<line class="grid" x1="{0:g}" x2="{1}" y1="{2:.1f}" y2="{2:.1f}"/>'
            text = '<text class="tick" x="{3:.1f}" y="{4:.1f}" text-anchor="end">{5}</text>'
            self._put(grid + text, left, right, top, left - 5, top + 4, word)
        for tick, word in self.x.ticks:
            across, _ = self.at(tick, self.y.low)
            anchor = "end" if across > right - 14 else "start" if across < left + 4 else "middle"
            stroke = '<line class="frame" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>'
            text = '<text class="tick" x="{0:.1f}" y="{3}" text-anchor="{4}">{5}</text>'
            self._put(stroke + text, across, floor, floor + 4, floor + 16, anchor, word)
        name = '<text class="axis" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>'
        self._put(name, (left + right) / 2, self.height - 6, self.x.name)
        if self.y.name:
            turned = '<text class="axis" transform="translate(11 {:.1f}) rotate(-90)" text-anchor="middle">{}</text>'
            self._put(turned, (TOP + floor) / 2, self.y.name)


def linked(place: int | None) -> Markup:
    """The attribute by which the page's script finds everything of one configuration."""
    return Markup("") if place is None else Markup(f' data-c="{place:d}"')


def _hover(title: str) -> Markup:
    return Markup("<title>{}</title>").format(title) if title else Markup("")
