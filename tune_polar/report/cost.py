"""Question 7: folds run, stages that were not trained again, seconds per slot, machines and their share."""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from tune_polar.report.configuration_index import ConfigurationIndex
from tune_polar.report.figures import Lane, Span, timeline
from tune_polar.report.numbers import count, duration, listed
from tune_polar.report.provenance import Fact
from tune_polar.report.raced import saved_by_racing
from tune_polar.report.setting_meanings import PlainTable
from tune_polar.store.record import FoldRecord
from tune_polar.store.summary import ConfigurationSummary, SearchSummary

SPANS_AT_MOST = 1200  # of a timeline; beyond, each slot's are joined
BINS = 160
LANES_AT_MOST = 24


@dataclass(frozen=True)
class CostSection:
    """Facts, timeline and slots."""

    missing: str
    facts: tuple[Fact, ...] = ()
    sentences: tuple[str, ...] = ()
    figure: str = ""
    note: str = ""
    slots: PlainTable | None = None


@dataclass(frozen=True)
class _Run:
    """A fold trial on the common clock."""

    place: int
    name: str
    record: FoldRecord
    start: float  # seconds since the first
    end: float


def cost_section(summary: SearchSummary, index: ConfigurationIndex, planned_folds: int) -> CostSection:
    """What the records say of time."""
    runs = _runs(summary, index)
    if not runs:
        return CostSection("Not enough data: no fold has finished.")
    slots = _slots(runs)
    end = max(run.end for run in runs) or 1.0
    drawn = sum(len(own) for own in slots.values()) <= SPANS_AT_MOST
    shown = list(slots.items())[:LANES_AT_MOST]
    lanes = [
        Lane(name, duration(sum(run.record.seconds for run in own)), _spans(own) if drawn else _joined(own, end))
        for name, own in shown
    ]
    return CostSection(
        missing="",
        facts=_facts(summary, runs, len(slots), end, planned_folds),
        sentences=_sentences(summary),
        figure=timeline(
            "timeline",
            "Fold trials on each slot over time",
            f"{count(len(runs), 'fold trial')} on {count(len(slots), 'slot')} in {duration(end)}. The table after this "
            "figure has the time of each slot.",
            lanes,
            end,
        ),
        note=_note(drawn, len(slots)),
        slots=_slot_table(slots, end),
    )


def _runs(summary: SearchSummary, index: ConfigurationIndex) -> list[_Run]:
    timed = []
    for row in summary.configurations:
        for record in row.folds:
            try:
                began = datetime.datetime.fromisoformat(record.provenance.started)
            except ValueError:  # a record from elsewhere may write its time in words
                continue
            if began.tzinfo is None:
                began = began.replace(tzinfo=datetime.UTC)
            timed.append((began.timestamp(), row, record))
    if not timed:
        return []
    first = min(began for began, _, _ in timed)
    return [
        _Run(index.place(row), index.name(row), record, began - first, began - first + record.seconds)
        for began, row, record in sorted(timed, key=lambda each: each[0])
    ]


def _slots(runs: Sequence[_Run]) -> dict[str, list[_Run]]:
    """A worker process is a slot: it is kept from fold to fold."""
    found: dict[str, list[_Run]] = defaultdict(list)
    for run in runs:
        about = run.record.provenance
        found[f"{about.host}, process {about.pid}"].append(run)
    return dict(found)


def _spans(own: Sequence[_Run]) -> tuple[Span, ...]:
    return tuple(
        Span(
            run.start,
            run.end,
            "odd" if place % 2 else "even",
            f"{run.name}, fold {run.record.fold}: {duration(run.record.seconds)}"
            + (f", {listed(run.record.reused)} reused" if run.record.reused else ""),
            run.place,
        )
        for place, run in enumerate(own)
    )


def _joined(own: Sequence[_Run], end: float) -> tuple[Span, ...]:
    """Busy stretches: fold trials closer than a bin's width become one."""
    gap, spans = end / BINS, []
    start, until, folds = own[0].start, own[0].end, 0
    for run in own:
        if run.start > until + gap:
            spans.append(Span(start, until, "even", f"{count(folds, 'fold trial')}, {duration(until - start)}"))
            start, until, folds = run.start, run.end, 0
        until, folds = max(until, run.end), folds + 1
    return (*spans, Span(start, until, "even", f"{count(folds, 'fold trial')}, {duration(until - start)}"))


def _note(drawn: bool, slots: int) -> str:
    text = (
        "A stretch is a fold trial."
        if drawn
        else "A stretch is a time without a gap; single fold trials are too many to be drawn."
    )
    if slots > LANES_AT_MOST:
        text += f" Drawn are {LANES_AT_MOST} of {slots} slots; the table has all."
    return text + " A slot is a worker process; its clock is that of its machine."


def _facts(
    summary: SearchSummary, runs: Sequence[_Run], slots: int, end: float, planned_folds: int
) -> tuple[Fact, ...]:
    planned = summary.planned * planned_folds
    busy = sum(run.record.seconds for run in runs)
    failed = sum(len(row.failures) for row in summary.configurations)
    return (
        Fact(
            "Fold trials",
            f"{len(runs):,} finished of {planned:,} planned" + (f"; {count(failed, 'failure')}" if failed else ""),
        ),
        Fact("Time in fold trials", f"{duration(busy)}, {duration(busy / len(runs))} each on average"),
        Fact(
            "From first to last",
            f"{duration(end)} on {count(slots, 'slot')}; slots were busy {_busy(busy, slots, end)} of it",
        ),
        Fact("Saved by racing", saved_by_racing(summary, planned_folds)),
        Fact("Saved by reuse", _saved(summary)),
        *_memory(summary),
    )


def _memory(summary: SearchSummary) -> tuple[Fact, ...]:
    """How stages were made to fit into memory, where they had to be."""
    folds: Counter[tuple[str, str]] = Counter()
    for row in summary.configurations:
        folds.update(row.memory)
    said = [f"{stage} {how} in {count(number, 'fold trial')}" for (stage, how), number in sorted(folds.items())]
    again = sum(failure.is_out_of_memory for row in summary.configurations for failure in row.failures)
    if again:
        said.append(f"{count(again, 'attempt')} ran out of memory, which counts as no score")
    return (Fact("Made to fit into memory", "; ".join(said)),) if said else ()


def _busy(busy: float, slots: int, end: float) -> str:
    return f"{min(100.0, 100 * busy / (slots * end)):.0f}%"


def _saved(summary: SearchSummary) -> str:
    """Stages found in the store instead of trained; their time is that of their records, or of those read."""
    reused: dict[str, int] = defaultdict(int)
    for row in summary.configurations:
        for record in row.folds:
            for stage in record.reused:
                reused[stage] += 1
    if not reused:
        return "no stage: each had settings of its own"
    parts = []
    for name, number in sorted(reused.items()):
        seconds = _stage_seconds(summary.configurations, name)
        about = f", about {duration(number * fmean(seconds))}" if seconds else ""
        parts.append(f"{count(number, f'{name} stage')}{about}")
    return listed(parts)


def _stage_seconds(rows: Sequence[ConfigurationSummary], stage: str) -> list[float]:
    """Of the stages read, each once."""
    found = {}
    for row in rows:
        for fold in () if row.predictions is None else row.predictions.folds:
            record = fold.detector if stage == "detector" else fold.classifier
            if record is not None:
                found[record.key] = record.seconds
    return list(found.values())


def _sentences(summary: SearchSummary) -> tuple[str, ...]:
    finished = [row for row in summary.finished if row.folds]
    if len(finished) < 2:
        return ()
    slow = max(finished, key=lambda row: row.seconds)
    quick = min(finished, key=lambda row: row.seconds)
    if duration(slow.seconds) == duration(quick.seconds):
        return (f"Every configuration took {duration(slow.seconds)} over all its folds, reused stages not counted.",)
    return (
        f"A configuration took {duration(quick.seconds)} to {duration(slow.seconds)} over all its folds, reused stages "
        "not counted.",
    )


def _slot_table(slots: dict[str, list[_Run]], end: float) -> PlainTable:
    total = sum(run.record.seconds for own in slots.values() for run in own) or 1.0
    rows = []
    for name, own in slots.items():
        seconds = sum(run.record.seconds for run in own)
        rows.append(
            (
                name,
                own[0].record.provenance.device,
                f"{len(own):,}",
                duration(seconds),
                f"{100 * seconds / total:.0f}%",
                f"{min(100.0, 100 * seconds / end):.0f}%",
            )
        )
    return PlainTable("Time by slot", ("slot", "device", "fold trials", "time", "share", "busy"), tuple(rows))
