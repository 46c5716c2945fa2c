"""What to do next with a search: what going on would gain, which settings to narrow, and the commands for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

import numpy as np

from tune_polar.recipe.narrowed import narrowed, narrowed_space
from tune_polar.recipe.sections import TINY
from tune_polar.recipe.space import FloatParameter, IntParameter
from tune_polar.report.floor_comparison import unbeaten_floors
from tune_polar.report.importances import NOTHING_SAMPLED
from tune_polar.report.numbers import count, listed, setting
from tune_polar.report.page_context import PageContext
from tune_polar.report.searched import SearchedParameter
from tune_polar.report.words import named
from tune_polar.stats.importance import FEWEST, Curve
from tune_polar.stats.intervals import signed, signed_span, unit_of
from tune_polar.store.open_files import place_here

NARROWED = "narrowed.yaml"  # beside the page in the store
MOST = 3  # settings to narrow: more at once is a guess
GOOD = 0.25  # of a curve's span below its best, that still counts as good
WIDE = 0.7  # of a range; what is good over more of it is not narrowed


@dataclass(frozen=True)
class Narrower:
    """A setting with the part of its range that is worth searching."""

    key: str
    before: tuple[float, float]
    after: tuple[float, float]

    @property
    def words(self) -> str:
        """``model.optimizer.lr to 0.0002–0.0006 (from 0.0001–0.01)``."""
        (low, high), (least, most) = self.after, self.before
        return f"{self.key} to {setting(low)}–{setting(high)} (from {setting(least)}–{setting(most)})"


def _others_words(others: int) -> str:
    if others == 1:
        return "the one other configuration with a score did not do better"
    return f"none of the {others:,} other configurations with a score did better"


def gain_sentence(page: PageContext) -> str:
    """What the search gained over the configuration that it began with; "" where that cannot be said."""
    best, reference = page.best, page.reference
    if page.summary.facts.kind != "search" or best is None or reference is None:
        return ""
    others = len(page.scored) - 1
    if best is reference:
        return (
            f"The search gained nothing over the {named(page.reference_word)}: {_others_words(others)}."
            if others
            else ""
        )
    difference = page.difference(best)
    if difference is None:
        return ""
    gained = (
        "The search gained" if page.metric.larger_is_better else "The search moved the score, smaller is better, by"
    )
    return (
        f"{gained} {difference.text}{unit_of(page.metric)} over the {named(page.reference_word)}, "
        f"{page.cells.one} by {page.cells.one} (95% interval {difference.interval}; better in "
        f"{difference.better_in} of {difference.cells})."
    )


def next_lines(page: PageContext, place: str = "STORE") -> tuple[str, ...]:
    """How to use the winner, what going on would gain, ranges to narrow; () of an ablation, and without a score.

    ``place``: of the records, for commands; a page that is shared names none.
    """
    if page.summary.facts.kind != "search" or page.best is None:
        return ()
    found = (*_pretrained(page), _use(quote(place)), _going_on(page, quote(place)), _narrowing(page, place))
    return tuple(line for line in found if line)


def _use(place: str) -> str:
    return (
        f"To use the winner: `tune-polar predict {place} new.csv -o predicted.csv` labels new texts, `tune-polar "
        f"export {place} --model FOLDER` writes its model."
    )


def _pretrained(page: PageContext) -> tuple[str, ...]:
    """What comes before any more of this search, where the embedded encoder does no better than a floor."""
    is_tiny = any(stage.encoder.name == TINY for stage in page.recipe.stages.values())
    if not is_tiny or not any(unbeaten_floors(page)):
        return ()
    return (
        "First of all, a pretrained encoder: the same search in a new store with `--encoder NAME`. The floor is a "
        "yardstick and predicts no new texts.",
    )


def narrower(page: PageContext) -> tuple[Narrower, ...]:
    """The settings that matter most, as far as a part of their range is better than the rest."""
    found, space = page.importances, page.summary.facts.searched
    if isinstance(found, str) or space is None or page.best is None:
        return ()
    curves = dict(zip((each.key for each in page.trained), found.curves, strict=True))
    parameters = {each.key: each for each in page.trained}
    chosen: list[Narrower] = []
    for each in found.parameters:
        single = space.parameters.get(each.name)
        if len(chosen) == MOST or not found.told_from_chance(each):
            break
        if not isinstance(single, IntParameter | FloatParameter):
            continue
        low, high = _good(page, parameters[each.name], curves[each.name])
        after = narrowed(single, low, high)
        if (low, high) != (single.low, single.high) and after.low < after.high and after != single:
            chosen.append(Narrower(each.name, (single.low, single.high), (after.low, after.high)))
    return tuple(chosen)


def narrowed_yaml(page: PageContext) -> str | None:
    """The search space with these ranges; None where none is narrowed."""
    found, space = narrower(page), page.summary.facts.searched
    return None if not found or space is None else narrowed_space(space, {each.key: each.after for each in found})


def _good(page: PageContext, parameter: SearchedParameter, curve: Curve) -> tuple[float, float]:
    """Ends of the part around the best of a partial dependence that is nearly as good; the whole range where all is."""
    gains = page.metric.gain(1.0, 0.0) * curve.mean
    best, levels = int(gains.argmax()), curve.levels
    good = gains >= gains[best] - GOOD * float(np.ptp(gains))
    first = best - int(np.argmin(good[best::-1])) + 1 if not good[: best + 1].all() else 0
    last = best + int(np.argmin(good[best:])) - 1 if not good[best:].all() else len(levels) - 1
    half = 0.5 * float(levels[1] - levels[0])
    low, high = max(0.0, float(levels[first]) - half), min(1.0, float(levels[last]) + half)
    at = None if page.best is None else parameter.number(page.best.configuration.recipe)
    if at is not None:  # what won stays in
        unit = parameter.unit(at)
        low, high = max(0.0, min(low, unit)), min(1.0, max(high, unit))
    if high - low > WIDE:
        return parameter.low, parameter.high
    return parameter.from_unit(low), parameter.from_unit(high)


def more_trials(page: PageContext) -> int:
    """How many configurations a search that goes on should have: twice as many, and enough for a surrogate of them."""
    planned = page.summary.planned
    lacking = FEWEST - len(page.learned.rows) if page.trained else 0  # of decisions alone there is no surrogate
    return max(2 * planned, planned + lacking)


def _going_on(page: PageContext, place: str) -> str:
    found, planned = page.further, page.summary.planned
    more = f"tune-polar resume {place} --trials {more_trials(page)}"
    if not page.summary.is_complete:
        ended = sum(row.state != "incomplete" for row in page.summary.configurations)
        more = f"tune-polar resume {place}`, for {ended:,} of {planned:,} planned have ended, and then with `{more}"
    if isinstance(found, str):
        return "" if found == NOTHING_SAMPLED else f"What going on would gain: {found} Go on with `{more}`."
    gain, unit = signed(found.gain, page.metric), unit_of(page.metric)
    ends = signed_span(found.interval, page.metric)
    if found.explained <= 0:
        return (
            f"What going on would gain cannot be told: a surrogate of {count(found.configurations, 'configuration')} "
            f"foretells those left out no better than their mean. More {page.cells.many} or seeds tell more than more "
            f"configurations of this space. Go on with `{more}`."
        )
    return (
        f"Going on to twice as many is expected to gain {gain}{unit} over the winner, without the luck of a "
        f"measurement; the most promising point that a surrogate of {count(found.configurations, 'configuration')} "
        f"sees has {ends} ({found.interval.level:.0%} interval). Go on with `{more}`."
    )


def _narrowing(page: PageContext, place: str) -> str:
    found: Sequence[Narrower] = narrower(page)
    if not found:
        return ""
    beside = page.options.narrowed
    file = str(place_here(place) / NARROWED) if beside is None else beside
    lies = f"{file} lies beside this page" if beside is not None else f"`tune-polar report {quote(place)}` writes it"
    return (
        f"To search on more narrowly: {listed([each.words for each in found])}. The same command in a new store with "
        f"`--space {quote(file)} --try {quote(place)}` does; {lies}."
    )
