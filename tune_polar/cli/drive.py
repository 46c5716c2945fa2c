"""Runs a planned search while a person watches, then says what came of it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import typer

from tune_polar.cli.ending import print_ending, print_way_on, way_on
from tune_polar.cli.live import LiveTable
from tune_polar.cli.machines import Machines
from tune_polar.cli.output import progress_console, result_console, say_json
from tune_polar.cli.pages import PAGE, copy_beside_records, page_folder
from tune_polar.cli.plain_lines import PlainLines
from tune_polar.cli.result_json import result_json
from tune_polar.cli.winner import write_winner
from tune_polar.data.findings import FINDINGS_IN_AN_ERROR
from tune_polar.data.table import Corpus
from tune_polar.evaluate.manifest_facts import manifest_facts
from tune_polar.evaluate.summary import SearchSummary, summarise
from tune_polar.report.page import write_page
from tune_polar.search.limits import Limits
from tune_polar.search.ray_session import joined_cluster
from tune_polar.search.run import PreparedSearch, SearchResult
from tune_polar.search.search_plan import SearchPlan
from tune_polar.search.slots import Slots, slots_of_cluster, slots_of_this_machine
from tune_polar.search.stop_rule import Stop
from tune_polar.search.watch import Silent
from tune_polar.store.lease import held_lease
from tune_polar.store.store import Store


@dataclass(frozen=True)
class Shown:
    """How much is shown, and in which form."""

    json: bool
    quiet: bool
    verbose: bool
    notes: tuple[str, ...] = ()  # what was read into the words of the command line


def start(plan: SearchPlan, store: Store, machines: Machines, command: str, shown: Shown, limits: Limits) -> None:
    """Begin a new search in ``store`` and run it to its end."""
    if not shown.quiet:
        for note in (*shown.notes, *warnings_of(plan.corpus)):
            progress_console().print(note, markup=False, highlight=False, soft_wrap=True)
    with _slots(machines, shown) as slots:
        prepared = PreparedSearch(plan, store, slots, machines.checkpoint_seconds, limits)
        prepared.check()
        prepared.create(command)
        with held_lease(store.files, _end_search):
            result = _run(prepared, plan, store, shown, limits)
    _finish(store, shown, result, _asked(plan, limits))


def warnings_of(corpus: Corpus) -> list[str]:
    """What is doubtful in the data of a search, a line each."""
    said = [f"warning: {finding}" for finding in corpus.warnings[:FINDINGS_IN_AN_ERROR]]
    more = len(corpus.warnings) - len(said)
    return [*said, f"and {more} more: `tune-polar data check` lists every one"] if more else said


def go_on(plan: SearchPlan, store: Store, machines: Machines, shown: Shown, limits: Limits) -> None:
    """Take up the search recorded in ``store`` and run what is left of it."""
    with _slots(machines, shown) as slots:
        prepared = PreparedSearch(plan, store, slots, machines.checkpoint_seconds, limits)
        with held_lease(store.files, _end_search):
            prepared.restore()
            if not prepared.core.done:
                prepared.check()
            elif not (shown.json or shown.quiet):
                progress_console().print("Nothing is left to train: every configuration has ended.")
            result = _run(prepared, plan, store, shown, limits)
    _finish(store, shown, result, _asked(plan, limits))


@contextlib.contextmanager
def _slots(machines: Machines, shown: Shown) -> Iterator[Slots]:
    """Those of this machine, or of the cluster, which is joined meanwhile."""
    if machines.address is None:
        slots = slots_of_this_machine(machines.slots, machines.slot_gb)
        if slots.gpu_problem is not None and not shown.quiet:
            problem, remedy = slots.gpu_problem
            said = f"{'A GPU is left out' if slots.gpu else 'Training runs on the CPU'}: {problem}\n  Remedy: {remedy}"
            progress_console().print(said, markup=False, highlight=False, soft_wrap=True)
        yield slots
    else:
        with joined_cluster(machines.address):
            yield slots_of_cluster(machines.address, machines.slots, machines.slot_gb)


def _run(prepared: PreparedSearch, plan: SearchPlan, store: Store, shown: Shown, limits: Limits) -> SearchResult:
    console = progress_console()
    goes_on = way_on(store.url, manifest_facts(store.manifest(), store.url).trials, _asked(plan, limits))

    results = result_console()
    results.file = sys.stdout  # the one of now

    def farewell(received: signal.Signals) -> None:
        console.show_cursor()
        results.print(_interrupted(received), highlight=False)
        print_way_on(results, goes_on)

    # Ray tells on standard output of each worker that is lost, in the middle of what was asked for.
    with contextlib.redirect_stdout(sys.stderr):
        if shown.quiet:
            return prepared.run(Silent(), farewell)
        if console.is_terminal and not shown.verbose:
            with LiveTable(console, prepared.core, plan, store.url, limits) as table:
                return prepared.run(table, farewell)
        lines = PlainLines(console, prepared.core, plan, store.url, limits, verbose=shown.verbose)
        return prepared.run(lines, farewell)


def _end_search() -> None:
    """Another driver has taken over: end as on a signal, with every finished fold recorded."""
    os.kill(os.getpid(), signal.SIGTERM)


def _asked(plan: SearchPlan, limits: Limits) -> int | None:
    """How many configurations the search is to come to; None: that is left open."""
    return None if limits.is_open_ended else plan.trials


def _finish(store: Store, shown: Shown, result: SearchResult, asked: int | None) -> None:
    stopped = None if result.ended_by is not None else result.core.stopped
    summary = summarise(store)
    folder = page_folder(store)
    page = write_page(summary, folder / PAGE)
    winner = write_winner(summary, folder)
    copy_beside_records(store, [path for path in (page, winner) if path is not None])
    if shown.json:
        about = result_json(summary, page, winner) | {"stopped": None if stopped is None else stopped.kind}
        say_json(about)
    else:
        if result.ended_by is not None:
            result_console().print(_interrupted(result.ended_by), highlight=False)
        if stopped is not None:
            result_console().print(f"\n{stopped.message}.", markup=False, highlight=False, soft_wrap=True)
        print_ending(result_console(), summary, page, winner, asked)
    _leave(summary, None if result.ended_by is None else int(result.ended_by), stopped)


def _interrupted(received: signal.Signals) -> str:
    return f"\nInterrupted by {received.name}: every finished fold is recorded."


def _leave(summary: SearchSummary, ended_by: int | None, stopped: Stop | None) -> None:
    if ended_by is not None:
        raise typer.Exit(128 + ended_by)
    # A time that was over before anything had a score is no failure: that is what was asked for.
    if summary.best is None and (stopped is None or stopped.kind != "time"):
        raise typer.Exit(1)
