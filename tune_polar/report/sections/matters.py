"""Which parameters the score depends on, and which pairs act together."""

from __future__ import annotations

from collections.abc import Iterable

from tune_polar.report.document import Block, Entry, TextTable, figure, heading, prose
from tune_polar.report.drawing.figures import Bar, bar_plot
from tune_polar.report.importances import NOTHING_SAMPLED
from tune_polar.report.numbers import count, fixed, listed
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Reason, Section
from tune_polar.stats.importance import Importance, Importances, Interaction

NOTE = (
    "Share of the variance between configurations that a parameter explains alone (functional ANOVA of a random "
    "forest). The thin line is the 90% interval over configurations drawn with replacement: it says how steady the "
    "forest's share is, and nothing of what a forest does not see; left of the dashed line lies what a parameter "
    "without any effect reaches. Settings of decisions are not among them: every configuration "
    "is scored at its best ones."
)


def applies(page: PageContext) -> Reason | None:
    """It does with enough configurations of a search."""
    found = page.importances
    return Reason(found, arises=found != NOTHING_SAMPLED) if isinstance(found, str) else None


def build(page: PageContext) -> Answer:
    """Figure, table and sentences."""
    found = page.importances
    if isinstance(found, str):
        return []
    bars = [
        Bar(each.name, _percent(each.share), each.share, each.interval.low, each.interval.high)
        for each in found.parameters
    ]
    description = (
        f"{count(len(bars), 'parameter')}, most important first: {bars[0].label} with {bars[0].value}. "
        "The table after this figure holds every number drawn here."
    )
    limit = found.chance.interval.high
    svg = bar_plot("importances", "Importance of each parameter", description, bars, limit=limit)
    singles = [(each.name, each, "matters") for each in found.parameters]
    pairs = [(f"{each.first} × {each.second}", each, "act together") for each in found.interactions]
    early = page.learned.stopped
    note = NOTE
    if early:
        enters, its = ("enters", "its") if early == 1 else ("enter", "their")
        note += (
            f" {count(early, 'configuration was', 'configurations were')} stopped early and {enters} with the score "
            f"that racing expected of {its} finished cells."
        )
    blocks: list[Block] = [prose(*_sentences(found)), figure(svg, note)]
    blocks.append(
        _shares(
            "Parameter",
            f"Importance of each parameter, over {count(found.configurations, 'configuration')}",
            singles,
            limit,
        )
    )
    if pairs:
        caption = "Interaction of the strongest parameters: what a pair explains beyond its two parameters alone"
        blocks += [heading("Which act together"), _shares("Pair", caption, pairs, limit)]
    return blocks


def _shares(
    what: str, caption: str, found: Iterable[tuple[str, Importance | Interaction, str]], limit: float
) -> TextTable:
    """``limit``: what chance alone reaches."""
    rows = []
    for name, of, verdict in found:
        ends = f"{_percent(of.interval.low)} to {_percent(of.interval.high)}"
        told = verdict if of.interval.low > limit else "not told from chance"
        rows.append((Entry(name, kind="key"), _percent(of.share), ends, told))
    return TextTable(caption, (what, "Importance", "90% interval", "Verdict"), rows, words=(3,))


def _sentences(found: Importances) -> tuple[str, ...]:
    told = [each.name for each in found.parameters if found.told_from_chance(each)]
    strength = (
        f"A forest that learned scores from settings explains {_percent(found.explained)} of the variance between "
        "configurations it has not seen; the rest is noise, or more than these configurations can show."
        if found.explained > 0
        else "A forest that learned scores from settings predicts configurations it has not seen no better than their "
        f"mean (R² {fixed(found.explained, 2)}): within these ranges, settings hardly decide the score, or noise hides "
        "what they do. Read the shares below as noise."
    )
    verdict = (
        f"{listed(told)} {'stands' if len(told) == 1 else 'stand'} out from chance; the other parameters do not."
        if told
        else "No parameter stands out from chance: these configurations do not say what matters."
    )
    return strength, verdict


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share >= 0.1 or share <= 0 else f"{100 * share:.1f}%"


SECTION = Section("matters", "What matters?", "What matters", applies, build)
