"""What choosing the best of many was worth, in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tune_polar.evaluate.correction import choice_of
from tune_polar.recipe.seen_starts import CODE as SEEN
from tune_polar.report.expected_score import ahead_sentences, alarm_sentences
from tune_polar.report.grouped import columns_held_out
from tune_polar.report.numbers import decimals_for, fixed
from tune_polar.report.own_checkpoints import own_checkpoint_sentences
from tune_polar.report.page_context import PageContext
from tune_polar.report.reading import READ_IN_FULL
from tune_polar.stats.new_rows import NewRowsScore

COMMAND = "tune-polar report STORE"  # a page that is shared names no place
DEVIATIONS = 1.645  # standard deviations to either side that hold 90 % of a normal distribution


def worth_sentences(page: PageContext) -> tuple[str, ...]:
    """What the winner will score: on the next rows first, on average second; then what choosing it was worth."""
    return (*foretold_sentences(page, COMMAND), correction_sentence(page))


def foretold_sentences(page: PageContext, command: str = "") -> tuple[str, ...]:
    """The same without the last; ``command``: that says it of another number of rows, "": none does."""
    ahead = page.ahead
    if isinstance(ahead, str):
        return (f"What it will score on new rows: not applicable, {ahead}.",)
    return (
        *ahead_sentences(ahead.new_rows, shown_ahead(ahead.new_rows), command),
        *(
            f"Both intervals are of rows of the {len(names)} groups of {column} at hand, in the shares and as often "
            f"unseen as they are here; one more {column} is another question, which “Unseen groups” answers."
            for column, names in columns_held_out(page)
        ),
        *own_checkpoint_sentences(page),
    )


def alarm_lines(page: PageContext) -> list[tuple[str, ...]]:
    """Of each labelled split far from what was expected: that it is, then the causes that were tested."""
    ahead = page.ahead
    found = () if isinstance(ahead, str) else ahead.alarms
    return [alarm_sentences(split, shown_ahead(split.ahead)) for split in found]


def shown_ahead(ahead: NewRowsScore) -> Callable[[float], str]:
    """A score with the digits that its intervals allow."""
    return partial(fixed, decimals=decimals_for(float(ahead.draws.std())))


def _others(read: int) -> str:
    if read < READ_IN_FULL:
        return "the others would win some rounds too, and leaving them out corrects less than all would"
    return "the others do too badly to win a round often, and leaving them out corrects a little less"


def correction_sentence(page: PageContext) -> str:
    """The corrected score, or why there is none; and which configurations entered."""
    corrected, choice = page.corrected, choice_of(page.summary)
    if isinstance(corrected, str) or isinstance(choice, str):
        return f"Correction for having chosen the best of many: not applicable, {corrected}."
    left_out, interval, entered = len(corrected.left_out), corrected.interval, choice.configurations
    honest = [row for row in page.summary.finished if not row.seen_starts()]
    seen = len(page.summary.finished) - len(honest)  # the best has not: there would be no correction
    read = sum(row.outcome is not None for row in page.summary.finished)
    decimals = decimals_for((interval.high - interval.low) / (2 * DEVIATIONS))
    raw, sober = (fixed(value, decimals) for value in (corrected.raw_best, corrected.corrected))
    return (
        f"The best score as measured is {raw}. Corrected for having chosen it among {corrected.entered} candidates "
        f"(configurations, each with every setting that costs no training; BBC-CV) it is {sober}."
        + (f" {left_out} configurations with missing folds did not enter." if left_out else "")
        + (
            f" {seen:,} whose scores rest on a start that has seen validated texts did not enter ({SEEN})."
            if seen
            else ""
        )
        + (
            f" Entered are the {entered} configurations read in full, the best of {len(honest):,}: {_others(read)}."
            if entered < len(honest)
            else ""
        )
    )
