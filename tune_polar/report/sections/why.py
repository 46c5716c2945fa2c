"""Which of the winner's settings did it, and which could as well stay as they were."""

from __future__ import annotations

from tune_polar.report.document import Entry, TextTable, figure, prose
from tune_polar.report.drawing.figures import Bar, signed_bar_plot
from tune_polar.report.importances import NOTHING_SAMPLED
from tune_polar.report.numbers import count, listed
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Reason, Section
from tune_polar.report.words import named
from tune_polar.stats.attribution import LEVEL, Way
from tune_polar.stats.intervals import signed, signed_span, unit_of

NOTE = (
    "What each setting adds on the way to the winner, averaged over the orders in which settings may change (Shapley "
    "values of a Gaussian process that learned the scores of all finished configurations); what two gain only together "
    f"is split evenly. The thin line is the {LEVEL:.0%} interval. Few configurations draw shares towards nothing: in "
    "simulated searches it held the true share of a setting that does something in 53 to 63% of cases with 15 "
    "configurations, in 77 to 87% with 40 and in 86 to 90% with 100. Settings of decisions are not among them: every "
    "configuration is scored at its best ones."
)


def applies(page: PageContext) -> Reason | None:
    """It does where a search has a reference, another winner, and enough configurations."""
    found = page.way
    return Reason(found, arises=found != NOTHING_SAMPLED) if isinstance(found, str) else None


def build(page: PageContext) -> Answer:
    """Sentences, figure and table."""
    found = page.way
    if isinstance(found, str):
        return []
    bars = [
        Bar(each.name, signed(each.gain, page.metric), each.gain, each.interval.low, each.interval.high)
        for each in found.shares
    ]
    description = (
        f"{count(len(bars), 'setting')}, the greatest gain first: {bars[0].label} with {bars[0].value}. "
        "The table after this figure holds every number drawn here."
    )
    title = f"From the {named(page.reference_word)} to the winner"
    return [
        prose(*_sentences(found, page)),
        figure(signed_bar_plot("way", title, description, bars), NOTE),
        _table(found, page),
    ]


def _sentences(way: Way, page: PageContext) -> tuple[str, ...]:
    unit, settings = unit_of(page.metric), count(len(way.shares), "setting")
    # Where there is nothing to tell, up to half of these intervals lie beside 0 (benchmarks/shares.py, noise).
    is_told = way.few_alone is not None
    span = f" ({LEVEL:.0%} interval {signed_span(way.whole.interval, page.metric)})" if is_told else ""
    whole = (
        f"The winner differs from the {named(page.reference_word)} in {settings}, for which a surrogate of "
        f"{count(way.configurations, 'configuration')} foretells a gain of {signed(way.whole.gain, page.metric)}{unit}"
        f"{span}; the luck of its {page.cells.many} is not in it."
    )
    if way.few_alone is None:
        verdict = (
            f"Which settings did it cannot be told: what the winner has over the {named(page.reference_word)} "
            "is no more than luck can give. Read the shares below as noise."
        )
    elif len(way.few) == len(way.shares):
        verdict = "It takes all of them: no smaller number has nine tenths of that gain."
    else:
        rest = count(len(way.shares) - len(way.few), "other setting")
        verdict = (
            f"Take {listed(way.few)} from the winner and leave the {rest} as {page.reference_word}: "
            f"{signed(way.few_alone.gain, page.metric)}{unit} of it "
            f"({signed_span(way.few_alone.interval, page.metric)})."
        )
    strength = (
        f"The surrogate explains {100 * way.explained:.0f}% of the variance between configurations left out one by one."
        if way.explained > 0
        else "The surrogate predicts configurations left out one by one no better than their mean: within these "
        "ranges, settings hardly decide the score, or noise hides what they do."
    )
    return whole, verdict, strength


def _table(way: Way, page: PageContext) -> TextTable:
    parameters = {each.key: each for each in page.searched}
    winner, reference = page.scored[0][0].configuration.recipe, page.summary.reference
    rows = []
    for each in way.shares:
        parameter = parameters[each.name]
        before = "—" if reference is None else parameter.shown(parameter.number(reference.configuration.recipe))
        told = ("gains" if each.gain > 0 else "costs") if each.is_told else "not told from nothing"
        cells = (Entry(each.name, kind="key"), before, parameter.shown(parameter.number(winner)))
        rows.append((*cells, signed(each.gain, page.metric), signed_span(each.interval, page.metric), told))
    columns = ("Setting", page.reference_word, "winner", "Gain", f"{LEVEL:.0%} interval", "Verdict")
    return TextTable("What each setting of the winner adds", columns, rows, words=(5,))


SECTION = Section("why", "Why is it better?", "Why", applies, build)
