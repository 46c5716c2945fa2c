"""`tune-polar status`: what a store says of its search."""

from __future__ import annotations

import json as json_library
import sys
from typing import Annotated

import typer

from tune_polar.cli import options
from tune_polar.cli.ending import failure_lines, failure_notice, memory_lines, print_places, print_scores
from tune_polar.cli.output import result_console
from tune_polar.cli.pages import existing_pages
from tune_polar.cli.result_json import result_json
from tune_polar.store.provenance import provenance_lines
from tune_polar.store.store import open_store
from tune_polar.store.summary import summarise


def status(
    store: Annotated[str, typer.Argument(help="The folder, s3:// or gs:// URL with the search's records.")],
    json: options.Json = False,
) -> None:
    """Show how far a search has come and what it has found, from its records alone.

    Example:

      tune-polar status searches/st3-20261122-101500
    """
    opened = open_store(store, to_look=True)
    summary = summarise(opened, "outcomes" if json else "scores")
    if json:
        page, winner = existing_pages(opened)
        json_library.dump(result_json(summary, page, winner), sys.stdout, ensure_ascii=False, indent=1)
        sys.stdout.write("\n")
        return
    console = result_console()
    facts = summary.facts
    states = [row.state for row in summary.configurations]
    console.print(
        f"{facts.kind} {facts.recipe.recipe}, begun {facts.created}: "
        f"{states.count('finished')} of {summary.planned} configurations finished, "
        f"{states.count('incomplete')} open, {states.count('infeasible')} failed"
        + (f", {states.count('abandoned')} stopped early" if "abandoned" in states else ""),
        markup=False,
        highlight=False,
    )
    print_scores(console, summary)
    for line in (*memory_lines(summary), *failure_lines(summary), *failure_notice(summary)):
        console.print(line, markup=False, highlight=False)
    print_places(console, summary, None)
    for line in provenance_lines(opened, summary):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
