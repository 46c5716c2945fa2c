"""`tune-polar report`: the HTML page of a search, or of several side by side, built from records."""

from __future__ import annotations

import time
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from tune_polar.api.consoles import result_console
from tune_polar.api.count_checks import positive
from tune_polar.api.data_words import DataWords
from tune_polar.api.pages import PAGE, copy_beside_records, page_folder
from tune_polar.api.report import check_page_name, context_of, of_examples
from tune_polar.api.winner_files import write_page
from tune_polar.cli.option_groups import MovedDataGroup, with_groups
from tune_polar.cli.options import whole_number
from tune_polar.cli.output import say, say_json, waiting
from tune_polar.cli.print_document import print_lines, print_table
from tune_polar.errors import SpecError
from tune_polar.evaluate.summary import SearchSummary, summarise
from tune_polar.report.numbers import count
from tune_polar.report.page import html_of
from tune_polar.report.reading import summary_for_page
from tune_polar.report.store_comparison import crossed, write_comparison
from tune_polar.store.store import Store, open_store

WATCH_SECONDS = 10


@with_groups
def report(
    *,
    stores: Annotated[
        list[str],
        typer.Argument(help="The folder, s3:// or gs:// URL with the search's records; several are compared."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="The page; beside it lies the narrower space that it tells of.  [default: report.html in the store, "
            "of several stores comparison.html in the working folder]",
        ),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Show it in a browser.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Write it anew while the search runs; it reloads.")] = False,
    examples: Annotated[bool, typer.Option("--examples", help="Also show the texts decided most wrongly.")] = False,
    new_rows: Annotated[
        int | None,
        typer.Option(
            "--new-rows",
            parser=whole_number,
            metavar="N",
            help="Size of the set to come, whose score is foretold.  [default: the largest split beside train]",
        ),
    ] = None,
    data: MovedDataGroup,
    json: Annotated[
        bool, typer.Option("--json", help="Of several stores, print what each scores on the others' data as JSON.")
    ] = False,
) -> None:
    """Write the page of a search: one HTML file that opens offline. Of several stores a page that compares them.

    Data are read for --examples alone; the options that say where they lie now go with it.

    Examples:

      tune-polar report searches/st3-20261122-101500 -o st3.html --open

      tune-polar report searches/st3-20261122-101500 --examples --data moved/polar

      tune-polar report searches/st3-a searches/st3-b -o both.html
    """
    _check(stores, out, watch, examples, new_rows)
    texts = of_examples(data.words(), shown=examples)
    if json and len(stores) == 1:
        raise SpecError("--json must be used with several stores, got one", "Use `tune-polar status STORE --json`.")
    opened = [open_store(store, to_look=True) for store in stores]
    if len(opened) > 1:
        page = _several(opened, out or Path("comparison.html"), json=json)
    else:
        page = _one(opened[0], out, watch, texts, new_rows)
        say(str(page))
    if open_:
        webbrowser.open(page.resolve().as_uri())
    if watch:
        _keep_writing(opened[0], page, out, texts, new_rows)


def _check(stores: list[str], out: Path | None, watch: bool, examples: bool, new_rows: int | None) -> None:
    """Refuse what cannot be written or does not go together.

    Raises:
        StoreError: the page's name does not end as a page's does.
        SpecError: an option that is for one store alone, or fewer new rows than one.
    """
    positive(new_rows, "--new-rows")
    if out is not None:
        check_page_name(out)
    alone = {"--watch": watch, "--examples": examples, "--new-rows": new_rows is not None}
    option = next((option for option, given in alone.items() if given), None)
    if len(stores) > 1 and option is not None:
        raise SpecError(f"{option} must be left out where several stores are compared, got {len(stores)}", "Name one.")


def _several(stores: list[Store], out: Path, *, json: bool) -> Path:
    """The page that compares them, and what was trained on one and tested on another."""
    summaries = [summary_for_page(store, told=waiting()) for store in stores]
    page, table = write_comparison(summaries, out), crossed(summaries)
    if json:
        found = {"not_applicable": table} if isinstance(table, str) else table.as_json()
        say_json({"page": str(page), "stores": [summary.url for summary in summaries], "crossed": found})
        return page
    if not isinstance(table, str):
        console = result_console()
        print_table(console, table.table())
        print_lines(console, table.notes(), style="dim")
    say(str(page))
    return page


def _one(store: Store, out: Path | None, watch: bool, texts: DataWords | None, new_rows: int | None) -> Path:
    page = out or page_folder(store) / PAGE
    summary = summary_for_page(store, next_rows=new_rows, told=waiting())
    again = WATCH_SECONDS if watch and not summary.is_complete else None
    context = context_of(store, summary, page, examples=texts, reload_seconds=again)
    written = write_page(context, html_of(context), page)
    if out is None:
        copy_beside_records(store, written)
    return page


def _keep_writing(store: Store, page: Path, out: Path | None, texts: DataWords | None, new_rows: int | None) -> None:
    """Until the search has ended or Ctrl-C; only where there is something new."""
    before = _progress(summarise(store, "states"))
    try:
        while not before[-1]:
            time.sleep(WATCH_SECONDS)
            now = _progress(summarise(store, "states"))
            if now != before:
                before = now
                _one(store, out, True, texts, new_rows)
                say(f"{page}: {count(now[1], 'fold trial')} of {count(now[0], 'configuration')}")
    except KeyboardInterrupt:
        say(f"{page} stays as it is")


def _progress(summary: SearchSummary) -> tuple[int, int, int, bool]:
    """Configurations, finished fold trials, failures, and whether the search has ended."""
    rows = summary.configurations
    folds = sum(len(row.folds) for row in rows)
    return len(rows), folds, sum(len(row.failures) for row in rows), summary.is_complete
