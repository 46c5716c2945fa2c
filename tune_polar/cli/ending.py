"""What a search has come to: printed at its end and by `tune-polar status`."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from rich.console import Console

from tune_polar.api.pages import way_on
from tune_polar.cli.choice_table import print_comparison
from tune_polar.cli.failure_messages import failure_lines, failure_notice
from tune_polar.cli.print_document import print_lines, print_table
from tune_polar.cli.score_table import print_scores
from tune_polar.evaluate.coded_checks import checks_of
from tune_polar.evaluate.search_ensembles import ensembles_of
from tune_polar.evaluate.summary import SearchSummary
from tune_polar.report.correction import alarm_lines, worth_sentences
from tune_polar.report.ensemble_words import ensemble_sentences, ensemble_table
from tune_polar.report.floor_comparison import floor_sentences, floor_table
from tune_polar.report.next_steps import gain_sentence, more_trials, next_lines
from tune_polar.report.page_context import PageContext
from tune_polar.report.top_choice import choice_lines
from tune_polar.report.winner_recipe import winner_changes
from tune_polar.report.words import CellWords
from tune_polar.stats.split_alarm import ALARM, ALARM_TITLE

MESSAGES = 3  # of one check; the page shows more


def print_ending(console: Console, summary: SearchSummary, page: Path | None, winner: Path | None) -> None:
    """Result, comparison, settings, and where everything lies."""
    console.print()
    print_alarms(console, summary)
    print_scores(console, summary)
    best, cells = summary.best, CellWords(summary.cells)
    if best is None or best.outcome is None:
        console.print(f"\nNo configuration has finished all its {cells.many}, so there is nothing to compare yet.")
        print_lines(console, failure_notice(summary) or failure_lines(summary))
    else:
        print_comparison(console, best, best.outcome, cells)
        print_lines(console, ("", *_gained(summary), *honesty_lines(summary)))
        print_floors(console, summary)
        if summary.facts.kind == "search":
            print_ensemble(console, summary)
        if winner is not None and summary.facts.kind == "search":
            print_lines(console, (f"\nWinner's settings as a recipe: {winner}", winner_changes(summary)))
    print_lines(console, _next(summary))
    print_places(console, summary, page)


def _gained(summary: SearchSummary) -> list[str]:
    sentence = gain_sentence(PageContext(summary))
    return [sentence] if sentence else []


def _next(summary: SearchSummary) -> list[str]:
    lines = next_lines(PageContext(summary), summary.url)
    return ["", *lines] if lines else []


def print_alarms(console: Console, summary: SearchSummary) -> None:
    """Labelled splits far from what was expected, with their likely causes, before anything else is read."""
    for first, *causes in alarm_lines(PageContext(summary)):
        print_lines(console, (f"{ALARM} {ALARM_TITLE}: {first}",), style="bold red")
        print_lines(console, (*(f"  {cause}" for cause in causes), ""))


def print_floors(console: Console, summary: SearchSummary) -> None:
    """What linear models without fine-tuning score on the same folds; nothing where none has been computed."""
    page = PageContext(summary)
    sentences = floor_sentences(page)
    if sentences:
        print_lines(console, ("", *sentences))
        print_table(console, floor_table(page))


def print_ensemble(console: Console, summary: SearchSummary) -> None:
    """What an ensemble of the configurations is worth beside the best of them, or why there is none."""
    report = ensembles_of(summary)
    if isinstance(report, str):
        print_lines(console, ("", f"Ensemble: not applicable, {report}."))
        return
    name = PageContext(summary).index.names_by_id
    print_lines(console, ("", *ensemble_sentences(report, name)))
    print_table(console, ensemble_table(report, name))


def print_places(console: Console, summary: SearchSummary, page: Path | None) -> None:
    """Where records and page lie, and how to go on."""
    print_lines(console, [f"\nrecords   {summary.url}", *([] if page is None else [f"page      {page}"])])
    if not summary.is_complete:
        print_way_on(console, way_on(summary.url))
    elif summary.facts.kind == "search":
        trials = more_trials(PageContext(summary))
        print_way_on(console, f"tune-polar resume {quote(summary.url)} --trials {trials}")
    print_lines(console, [f"page anew tune-polar report {quote(summary.url)}"])


def print_way_on(console: Console, command: str) -> None:
    """The command that goes on with the search."""
    print_lines(console, [f"go on     {command}"])


def honesty_lines(summary: SearchSummary) -> list[str]:
    """What the best score is worth, and the checks that found something."""
    page = PageContext(summary)
    lines = [*worth_sentences(page), *choice_lines(page)]
    for check in checks_of(summary):
        if check.verdict == "fires" and check.code != ALARM:  # that stands above everything
            lines += [f"{check.code} {check.title}: {message}" for message in check.messages[:MESSAGES]]
            rest = len(check.messages) - MESSAGES
            lines += [f"{check.code} … and {rest} more (see the page)"] if rest > 0 else []
    return lines
