"""Fold trials run, stages that were not trained again, seconds per slot, machines and their share."""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from tune_polar.evaluate.summary import SearchSummary
from tune_polar.recipe.cells import Cell
from tune_polar.report.document import Fact, Facts, TextTable, figure, missing, prose
from tune_polar.report.drawing.figures import Lane, Span, timeline
from tune_polar.report.numbers import count, duration, listed
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Section, always
from tune_polar.report.racing_words import saved_by_racing
from tune_polar.store.records import FoldRecord

SPANS_AT_MOST = 1200  # of a timeline; beyond, each slot's are joined
BINS = 160
LANES_AT_MOST = 24


@dataclass(frozen=True)
class _Run:
    place: int
    name: str  # configuration and cell
    record: FoldRecord
    start: float  # seconds since the first

    @property
    def end(self) -> float:
        return self.start + self.record.seconds


def build(page: PageContext) -> Answer:
    """What the records say of time."""
    runs, slots = _runs(page), defaultdict(list)
    if not runs:
        return [missing("Not enough data: no fold has finished.")]
    for run in runs:  # a worker process is a slot: it is kept from fold trial to fold trial
        slots[f"{run.record.provenance.host}, process {run.record.provenance.pid}"].append(run)
    end = max(run.end for run in runs) or 1.0
    is_drawn = len(runs) <= SPANS_AT_MOST
    lanes = [
        Lane(name, duration(_busy(own)), _spans(own) if is_drawn else _joined(own, end / BINS))
        for name, own in list(slots.items())[:LANES_AT_MOST]
    ]
    description = (
        f"{count(len(runs), 'fold trial')} on {count(len(slots), 'slot')} in {duration(end)}. The table after this "
        "figure has the time of each slot."
    )
    svg = timeline("timeline", "Fold trials on each slot over time", description, lanes, end)
    facts = Facts(_facts(page.summary, runs, len(slots), end))
    return [facts, prose(*_sentences(page)), figure(svg, _note(is_drawn, len(slots))), _slot_table(slots, end)]


def _busy(runs: Sequence[_Run]) -> float:
    return sum(run.record.seconds for run in runs)


def _runs(page: PageContext) -> list[_Run]:
    """In the order in which they began."""
    timed = []
    for row in page.summary.configurations:
        for record in row.folds:
            try:
                began = datetime.datetime.fromisoformat(record.provenance.started)
            except ValueError:  # a record from elsewhere may write its time in words
                continue
            began = began if began.tzinfo else began.replace(tzinfo=datetime.UTC)
            timed.append((began.timestamp(), page.index.place(row), page.index.name(row), record))
    timed.sort(key=lambda each: each[0])
    return [
        _Run(place, f"{name}, {page.cells.name(Cell(record.fold, record.seed))}", record, began - timed[0][0])
        for began, place, name, record in timed
    ]


def _spans(own: Sequence[_Run]) -> tuple[Span, ...]:
    spans = []
    for number, run in enumerate(own):
        reused = f", {listed(run.record.reused)} reused" if run.record.reused else ""
        title = f"{run.name}: {duration(run.record.seconds)}{reused}"
        spans.append(Span(run.start, run.end, "odd" if number % 2 else "even", title, run.place))
    return tuple(spans)


def _joined(own: Sequence[_Run], gap: float) -> tuple[Span, ...]:
    """Busy stretches: fold trials with less than a ``gap`` between them become one."""
    stretches = [[own[0]]]
    for run in own[1:]:
        if run.start > stretches[-1][-1].end + gap:
            stretches.append([])
        stretches[-1].append(run)
    ends = [(each[0].start, each[-1].end, len(each)) for each in stretches]
    return tuple(Span(a, b, "even", f"{count(number, 'fold trial')}, {duration(b - a)}") for a, b, number in ends)


def _note(is_drawn: bool, slots: int) -> str:
    text = (
        "A stretch is a fold trial."
        if is_drawn
        else "A stretch is a time without a gap; single fold trials are too many to be drawn."
    )
    more = f" Drawn are {LANES_AT_MOST} of {slots} slots; the table has all." if slots > LANES_AT_MOST else ""
    return f"{text}{more} A slot is a worker process; its clock is that of its machine."


def _facts(summary: SearchSummary, runs: Sequence[_Run], slots: int, end: float) -> tuple[Fact, ...]:
    planned, busy = summary.planned * len(summary.cells), _busy(runs)
    failed = sum(len(row.failures) for row in summary.configurations)
    failures = f"; {count(failed, 'failure')}" if failed else ""
    share = f"{min(100.0, 100 * busy / (slots * end)):.0f}%"
    return (
        Fact("Fold trials", f"{len(runs):,} finished of {planned:,} planned{failures}"),
        Fact("Time in fold trials", f"{duration(busy)}, {duration(busy / len(runs))} each on average"),
        Fact("From first to last", f"{duration(end)} on {count(slots, 'slot')}; slots were busy {share} of it"),
        Fact("Saved by racing", saved_by_racing(summary)),
        Fact("Saved by reuse", _saved(summary)),
        *_memory(summary),
    )


def _memory(summary: SearchSummary) -> tuple[Fact, ...]:
    """How stages were made to fit into memory, where they had to be."""
    trials: Counter[tuple[str, str]] = Counter()
    for row in summary.configurations:
        trials.update(row.memory)
    said = [f"{stage} {how} in {count(number, 'fold trial')}" for (stage, how), number in sorted(trials.items())]
    again = sum(failure.is_out_of_memory for row in summary.configurations for failure in row.failures)
    if again:
        said.append(f"{count(again, 'attempt')} ran out of memory, which counts as no score")
    return (Fact("Made to fit into memory", "; ".join(said)),) if said else ()


def _saved(summary: SearchSummary) -> str:
    """Stages found in the store instead of trained; their time is that of their records, or of those read."""
    rows, parts = summary.configurations, []
    read = [cell.stages for row in rows if row.predictions is not None for cell in row.predictions.cells]
    reused = Counter(name for row in rows for record in row.folds for name in record.reused)
    for name, number in sorted(reused.items()):
        seconds = {stages[name].key: stages[name].seconds for stages in read if name in stages}
        about = f", about {duration(number * fmean(seconds.values()))}" if seconds else ""
        parts.append(f"{count(number, f'{name} stage')}{about}")
    return listed(parts) or "no stage: each had settings of its own"


def _sentences(page: PageContext) -> tuple[str, ...]:
    seconds = [row.seconds for row, _ in page.scored if row.folds]
    if len(seconds) < 2:
        return ()
    quick, slow = duration(min(seconds)), duration(max(seconds))
    who, took = ("Every", slow) if quick == slow else ("A", f"{quick} to {slow}")
    return (f"{who} configuration took {took} over all its fold trials, reused stages not counted.",)


def _slot_table(slots: Mapping[str, Sequence[_Run]], end: float) -> TextTable:
    total, rows = sum(map(_busy, slots.values())) or 1.0, []
    for name, own in slots.items():
        busy, device = _busy(own), own[0].record.provenance.device
        shares = (f"{100 * busy / total:.0f}%", f"{min(100.0, 100 * busy / end):.0f}%")
        rows.append((name, device, f"{len(own):,}", duration(busy), *shares))
    return TextTable("Time by slot", ("slot", "device", "fold trials", "time", "share", "busy"), rows, words=(1,))


SECTION = Section("cost", "What did it cost?", "Cost", always, build)
