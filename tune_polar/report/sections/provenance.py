"""Where a page comes from: data, folds, versions, seeds, command, machines, and under which path each record lies."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

from tune_polar.recipe.cells import Cell
from tune_polar.report.context import PageContext
from tune_polar.report.document import Block, Details, Entry, Fact, Facts, Row, TextTable, caption, heading, missing
from tune_polar.report.numbers import duration
from tune_polar.report.section import Answer, Section, always
from tune_polar.report.sections.use import seeds_words
from tune_polar.store.records import FoldRecord


def store_address(url: str, page: Path | None) -> str | None:
    """The store's folder as seen from the page's; None where there is no way, as into a bucket."""
    if page is None or "://" in url:
        return None
    try:
        return quote(os.path.relpath(Path(url).resolve(), page.resolve().parent).replace(os.sep, "/"))
    except (OSError, ValueError):  # another drive
        return None


def build(page: PageContext) -> Answer:
    """What the records say about their own making, and where they lie."""
    folds = [record for row in page.summary.configurations for record in row.folds]
    versions = page.summary.facts.versions
    blocks: list[Block] = [Facts(_facts(page, folds)), heading("Machines"), _machines(folds, versions)]
    blocks += [heading("Versions"), Facts(tuple(Fact(name, number) for name, number in versions.items()))]
    blocks.append(heading("Records"))
    blocks.append(caption("Paths within the store. Links lead there as long as this page lies where it was written."))
    if page.best is not None:
        blocks.append(_stages(page))
    if page.summary.configurations:
        blocks.append(Details("Configurations and fold trials", (_records(page),)))
    return blocks


def _facts(page: PageContext, folds: list[FoldRecord]) -> tuple[Fact, ...]:
    facts = page.summary.facts
    encoders = dict.fromkeys(
        value for name, stage in facts.recipe.stages.items() for value in (stage.encoder.name, facts.encoders[name])
    )
    return (
        Fact("Command", facts.command, True),
        Fact("Store", page.summary.url, True),
        Fact("Begun", facts.created),
        *_span(folds),
        Fact("Data", facts.data_path or f"{facts.data_name}, generated", True),
        Fact("Data fingerprint", facts.data_fingerprint, True),
        *_plans(page),
        Fact("Encoder", ", ".join(encoders), True),
        Fact("Seeds", seeds_words(page)),
    )


def _plans(page: PageContext) -> Iterable[Fact]:
    """One plan for all stages, or one each."""
    plans = {name: plan.hash for name, plan in page.summary.gold.plans.items()}
    if len(set(plans.values())) == 1:
        return (Fact("Fold plan", next(iter(plans.values())), True),)
    return tuple(Fact(f"Fold plan, {name}", value, True) for name, value in plans.items())


def _span(folds: list[FoldRecord]) -> Iterable[Fact]:
    if not folds:
        return ()
    started = sorted(record.provenance.started for record in folds)
    return (Fact("Fold trials started", f"first {started[0]}, last {started[-1]}"),)


def _machines(folds: list[FoldRecord], driver: Mapping[str, str]) -> Block:
    groups: dict[tuple[str, str, str], list[FoldRecord]] = defaultdict(list)
    for record in folds:
        about = record.provenance
        unlike = [f"{name} {number}" for name, number in about.versions.items() if driver.get(name, number) != number]
        groups[about.host, about.device, ", ".join(unlike)].append(record)
    if not groups:
        return missing("Not enough data: no fold has finished, so no machine has left its name.")
    return TextTable(
        "Fold trials by machine; time is wall time of fold trials, added up",
        ("Host", "Device", "Fold trials", "Time", "Unlike the driver"),
        tuple(
            (host, device, f"{len(own):,}", duration(sum(record.seconds for record in own)), unlike or "—")
            for (host, device, unlike), own in sorted(groups.items())
        ),
        words=(1, 4),
        kind="hosts",
    )


def _link(page: PageContext, text: str, path: str) -> Entry:
    address = page.options.store_address
    return Entry(text, kind="code", href="" if address is None else f"{address}/{quote(path)}")


def _stages(page: PageContext) -> TextTable:
    rows = []
    for record in () if page.best is None else page.best.folds:
        for stage, key in record.stages.items():
            path = f"stages/{key}.safetensors"
            rows.append((f"{page.cells.name(Cell(record.fold, record.seed))}, {stage}", _link(page, path, path)))
    return TextTable("The winner’s stages", ("Stage", "Record"), tuple(rows), words=(1,), kind="records")


def _records(page: PageContext) -> TextTable:
    rows = []
    for row in page.summary.configurations:
        about = row.configuration
        named = (page.index.name(row), _link(page, about.id, f"configurations/{about.id}.json"))
        cells = {Cell(record.fold, record.seed): record for record in row.folds}
        links = (
            _link(page, page.cells.name(cell), f"folds/{cells[cell].id}.json") if cell in cells else Entry("—")
            for cell in page.cells.cells
        )
        rows.append(Row((*named, *links), page.index.place(row)))
    columns = ("Configuration", "Record", *map(page.cells.name, page.cells.cells))
    words = tuple(range(1, len(columns)))
    return TextTable(
        "configurations/ID.json, folds/ID-fFOLD-sSEED.json", columns, tuple(rows), words=words, kind="records"
    )


SECTION = Section("provenance", "Where does this come from?", "Provenance", always, build)
