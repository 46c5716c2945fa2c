"""`tune-polar status`: what a store says of its search."""

from __future__ import annotations

from typing import Annotated

import typer

from tune_polar.api.consoles import result_console
from tune_polar.api.pages import existing_ensemble, existing_pages
from tune_polar.api.status import status_of
from tune_polar.cli import options
from tune_polar.cli.ending import print_places
from tune_polar.cli.failure_messages import failure_lines, failure_notice, memory_lines
from tune_polar.cli.output import say_json, waiting
from tune_polar.cli.print_document import print_lines
from tune_polar.cli.result_json import result_json
from tune_polar.cli.score_table import print_scores
from tune_polar.errors import SpecError, StoreError
from tune_polar.evaluate.search_provenance import provenance_lines
from tune_polar.evaluate.summary import SearchSummary, summarise
from tune_polar.python_gc import without_collection
from tune_polar.report.ensemble_words import fault_of_recorded, recorded_sentence
from tune_polar.report.ensemble_yaml import read_ensemble
from tune_polar.report.floor_comparison import floor_lines
from tune_polar.report.page_context import PageContext
from tune_polar.report.reading import summary_for_page
from tune_polar.store.store import Store, open_store


def status(
    store: Annotated[str, typer.Argument(help="The folder, s3:// or gs:// URL with the search's records.")],
    json: options.Json = False,
) -> None:
    """Show how far a search has come and what it has found, from its records alone.

    Example:

      tune-polar status searches/st3-20261122-101500
    """
    with without_collection():  # nothing that was read is thrown away
        opened, told = open_store(store, to_look=True), waiting()
        summary = summary_for_page(opened, told=told) if json else summarise(opened, "scores", told)
        if json:
            page, winner = existing_pages(opened)
            say_json(result_json(summary, page, winner))
            return
        console = result_console()
        print_lines(console, [str(status_of(summary))])
        print_scores(console, summary)
        print_lines(console, floor_lines(PageContext(summary)))
        print_lines(console, (*memory_lines(summary), *failure_lines(summary), *failure_notice(summary)))
        print_lines(console, _ensemble(opened, summary))
        print_places(console, summary, None)
        print_lines(console, provenance_lines(opened, summary))


def _ensemble(store: Store, summary: SearchSummary) -> list[str]:
    """What the last end of the search found; nothing it says is computed anew."""
    try:
        path = existing_ensemble(store)
        if path is None:
            return []
        file = read_ensemble(path)
        fault = fault_of_recorded(file, summary)
        if fault is not None:
            return ["", f"{path}: {fault}"]
        return ["", recorded_sentence(file, summary)]
    except (SpecError, StoreError) as error:  # the records are shown all the same
        return ["", error.problem]
