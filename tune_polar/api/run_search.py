"""Runs a planned search, and leaves page and winner beside its records."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tune_polar.api.consoles import now_and_then
from tune_polar.api.display import Shown
from tune_polar.api.floors_at_end import add_floors
from tune_polar.api.live import LiveTable
from tune_polar.api.machines import Machines
from tune_polar.api.pages import PAGE, copy_beside_records, page_folder, way_on
from tune_polar.api.plain_lines import PlainLines
from tune_polar.api.winner_files import write_ensemble, write_page, write_winner
from tune_polar.data.findings import FINDINGS_IN_AN_ERROR
from tune_polar.data.table import Corpus
from tune_polar.evaluate.summary import SearchSummary
from tune_polar.model.footprint import GB
from tune_polar.report.next_steps import NARROWED
from tune_polar.report.page import html_of
from tune_polar.report.page_context import PageContext, PageOptions
from tune_polar.report.reading import summary_for_page
from tune_polar.report.sections.provenance import store_address
from tune_polar.search.prepared_search import PreparedSearch, SearchResult
from tune_polar.search.ray.ray_session import joined_cluster
from tune_polar.search.resources.needs_forecast import disk_budget
from tune_polar.search.resources.node import memory_gb
from tune_polar.search.resources.slots import Slots, slots_of_cluster, slots_of_this_machine
from tune_polar.search.resources.weights_budget import WeightsBudget
from tune_polar.search.search_plan import SearchPlan
from tune_polar.search.step_bounds import epochs_cut
from tune_polar.search.stopping.end_signals import EndSignals
from tune_polar.search.stopping.limits import Limits
from tune_polar.search.stopping.stop_rule import Stop
from tune_polar.search.trackers.runs import search_run
from tune_polar.search.trackers.tracking import tracking
from tune_polar.search.watch import Watcher
from tune_polar.store.lease import held_lease
from tune_polar.store.resume_options import Resumption
from tune_polar.store.store import Store

CURVES = "tensorboard"  # folder beside the page


@dataclass(frozen=True, eq=False)
class Ended:
    """What a run of a search has come to, with page and winner written."""

    store: Store
    summary: SearchSummary
    page: Path
    winner: Path | None  # None: nothing has a score
    ended_by: signal.Signals | None  # None: it went to its end
    stopped: Stop | None  # the rule that ended it early


def start(plan: SearchPlan, store: Store, machines: Machines, command: str, shown: Shown, limits: Limits) -> Ended:
    """Begin a new search in ``store`` and run it to its end."""
    for warning in warnings_of(plan):
        shown.say(warning)
    with EndSignals(leaves=shown.farewell is not None) as signals:
        with _slots(machines, shown) as slots:
            prepared = PreparedSearch(plan, store, slots, machines.checkpoint_seconds, limits, _budget(store, machines))
            prepared.check()
            _tell_needs(prepared, shown, str(Path(store.url).parent))
            prepared.create(command, asdict(machines.recorded(slots.threads)))

            def go() -> SearchResult:
                with held_lease(store.files, prepared.stop) as holder:
                    prepared.drive_as(holder)
                    return _run(prepared, plan, store, slots, shown, limits, signals)

            result = _in_order(prepared, signals, go)
        return _ended(store, result, signals, shown)


def warnings_of(plan: SearchPlan) -> list[str]:
    """What is doubtful in a search, a line each: epochs that are cut, and its data."""
    recipes = (plan.recipe, *(variant for _, variant in plan.variants))
    cut = [f"warning: {line}" for line in epochs_cut(recipes, plan.space, plan.corpus, plan.plans)]
    return [*cut, *data_warnings(plan.corpus)]


def data_warnings(corpus: Corpus) -> list[str]:
    """What is doubtful in the data of a search, a line each."""
    said = [f"warning: {finding}" for finding in corpus.warnings[:FINDINGS_IN_AN_ERROR]]
    more = len(corpus.warnings) - len(said)
    return [*said, f"and {more} more: `tune-polar data check` lists every one"] if more else said


def go_on(plan: SearchPlan, store: Store, machines: Machines, shown: Shown, limits: Limits) -> Ended:
    """Take up the search recorded in ``store`` and run what is left of it."""
    with EndSignals(leaves=shown.farewell is not None) as signals:
        with _slots(machines, shown) as slots:
            prepared = PreparedSearch(plan, store, slots, machines.checkpoint_seconds, limits, _budget(store, machines))

            recorded = machines.recorded(machines.threads or slots.threads)
            told = Resumption(1, plan.trials, plan.racing, recorded)

            def go() -> SearchResult:
                with held_lease(store.files, prepared.stop) as holder:
                    prepared.drive_as(holder)
                    try:
                        _take_up(prepared, shown, store)
                    except (SystemExit, KeyboardInterrupt):  # what was asked for is left for the next resume
                        store.put_resumption(told)
                        raise
                    store.put_resumption(told)
                    return _run(prepared, plan, store, slots, shown, limits, signals)

            result = _in_order(prepared, signals, go)
        return _ended(store, result, signals, shown)


def _take_up(prepared: PreparedSearch, shown: Shown, store: Store) -> None:
    prepared.restore()
    if prepared.core.done:
        shown.say("Nothing is left to train: every configuration has ended.")
        return
    prepared.check()
    _tell_needs(prepared, shown, store.url)


def _in_order(prepared: PreparedSearch, signals: EndSignals, go: Callable[[], SearchResult]) -> SearchResult:
    """What ``go`` comes to, or what there was before where a signal came first; from now on signals wait."""
    try:
        result = go()
    except SystemExit:
        if signals.received is None or not signals.leaves:
            raise
        result = SearchResult(prepared.core, prepared.study, signals.received)
    signals.wait()
    return result


def _budget(store: Store, machines: Machines) -> WeightsBudget:
    taken = sum(store.weights_bytes().values()) + sum(store.checkpoint_bytes().values())
    room = disk_budget(store.url, machines.disk_gb, taken)
    return WeightsBudget(machines.keep_weights, room, is_told=machines.disk_gb is not None)


def _tell_needs(prepared: PreparedSearch, shown: Shown, earlier: str) -> None:
    """Say what the search will need, before it begins.

    Raises:
        SearchError: it cannot fit.
    """
    memory = memory_gb()
    needs = prepared.needs(None if memory is None else int(memory * GB), earlier)
    needs.check()
    shown.say(f"needs {' · '.join(needs.words())}")


@contextlib.contextmanager
def _slots(machines: Machines, shown: Shown) -> Iterator[Slots]:
    """Those of this machine, or of the cluster, which is joined meanwhile."""
    if machines.address is None:
        slots = slots_of_this_machine(machines.slots, machines.slot_gb)
        if slots.gpu_problem is not None:
            problem, remedy = slots.gpu_problem
            shown.say(
                f"{'A GPU is left out' if slots.gpu else 'Training runs on the CPU'}: {problem}\n  Remedy: {remedy}"
            )
        yield _with_threads(slots, machines)
    else:
        with joined_cluster(machines.address):
            yield _with_threads(slots_of_cluster(machines.address, machines.slots, machines.slot_gb), machines)


def _with_threads(slots: Slots, machines: Machines) -> Slots:
    """As many threads as when the search began: sums over another number differ in the last digits."""
    return slots if slots.gpu or machines.threads is None else replace(slots, threads=machines.threads)


def _run(
    prepared: PreparedSearch,
    plan: SearchPlan,
    store: Store,
    slots: Slots,
    shown: Shown,
    limits: Limits,
    signals: EndSignals,
) -> SearchResult:
    console, farewell = shown.console, None
    if shown.farewell is not None:
        said = shown.farewell
        goes_on = way_on(store.url)

        def farewell(received: signal.Signals) -> None:
            console.show_cursor()
            said(received, goes_on)

    with contextlib.ExitStack() as watched:
        watchers: list[Watcher] = []
        if shown.track:
            run, folder = search_run(store.manifest(), plan.recipe), page_folder(store) / CURVES
            watchers.append(watched.enter_context(tracking(shown.track, prepared.core, run, folder, shown.say)))
        if shown.is_redrawn:
            watchers.append(watched.enter_context(LiveTable(console, prepared.core, plan, store.url, limits)))
        elif shown.progress != "none":
            watchers.append(PlainLines(console, prepared.core, plan, store.url, limits, verbose=shown.verbose))
        result = prepared.run(*watchers, farewell=farewell, signals=signals)
    if result.ended_by is None and result.study.best is not None:
        add_floors(plan, store, slots, shown, signals)
    return result


def _ended(store: Store, result: SearchResult, signals: EndSignals, shown: Shown) -> Ended:
    summary = summary_for_page(store, told=now_and_then(shown.say))
    folder = page_folder(store)
    page = folder / PAGE
    context = PageContext(summary, PageOptions(store_address(store.url, page), narrowed=NARROWED))
    pages = write_page(context, html_of(context), page)
    winner, ensemble = write_winner(summary, folder), write_ensemble(summary, folder)
    written = (*pages, winner, ensemble)
    copy_beside_records(store, [path for path in written if path is not None])
    stopped = None if result.ended_by is not None else result.core.stopped
    return Ended(store, summary, page, winner, signals.received, stopped)
