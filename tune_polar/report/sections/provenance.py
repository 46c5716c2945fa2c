"""Where a page comes from: data, folds, versions, seeds, command, machines, and under which path each record lies."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from tune_polar.evaluate.manifest_facts import DataDoubt
from tune_polar.recipe.cells import Cell
from tune_polar.report.document import Block, Details, Entry, Fact, Facts, Row, TextTable, caption, heading, missing
from tune_polar.report.numbers import duration
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Section, always
from tune_polar.report.sections.use import seeds_words
from tune_polar.store.records import FoldRecord

# What became of cells that are not as they should be.
DOUBTS: Mapping[str, str] = {
    "text-nan": "“nan” taken as no text",
    "text-list": "a list of texts of which the first is taken",
    "own-text": "no further text, so that the row itself stands in",
    "near-text-in-two-splits": "a text that train nearly has",
    "near-texts-unseen": "not all texts compared with train",
    "duplicate-text": "a text that stands twice",
    "text-in-two-splits": "a text that stands in two splits",
    "hidden-gold": "gold that stands for none",
    "unknown-word": "a word that train does not have",
    "swallowed-rows": "rows that a quote makes one",
}


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
    every = Details("Configurations and fold trials", (_records(page),))
    return [
        *(Facts(tuple(_facts(page, folds))), heading("Machines"), _machines(folds, versions)),
        *(heading("Versions"), Facts(tuple(Fact(name, number) for name, number in versions.items()))),
        heading("Records"),
        caption("Paths within the store. Links lead there as long as this page lies where it was written."),
        *([] if page.best is None else [_stages(page, page.best.folds)]),
        *([every] if page.summary.configurations else []),
    ]


def _facts(page: PageContext, folds: list[FoldRecord]) -> Iterator[Fact]:
    facts, stages = page.summary.facts, page.recipe.stages
    encoders = dict.fromkeys(each for name, of in stages.items() for each in (of.encoder.name, facts.encoders[name]))
    yield Fact("Command", facts.command, True)
    yield Fact("Store", page.summary.url, True)
    yield Fact("Begun", facts.created)
    if folds:
        started = sorted(record.provenance.started for record in folds)
        yield Fact("Fold trials started", f"first {started[0]}, last {started[-1]}")
    yield Fact("Data", facts.data_path or f"{facts.data_name}, generated", True)
    yield Fact("Data fingerprint", facts.data_fingerprint, True)
    if facts.doubts:
        yield Fact("Doubtful in the data", "; ".join(map(_doubt, facts.doubts)))
    plans = {name: plan.hash for name, plan in page.summary.gold.plans.items()}
    if len(set(plans.values())) == 1:  # one plan for all stages, or one each
        plans = {"": next(iter(plans.values()))}
    yield from (Fact(f"Fold plan, {name}".removesuffix(", "), value, True) for name, value in plans.items())
    yield Fact("Encoder", ", ".join(encoders), True)
    yield Fact("Seeds", seeds_words(page))
    yield Fact("Weights", page.summary.weights_words)


def _doubt(doubt: DataDoubt) -> str:
    where = f" (column {doubt.column})" if doubt.column else ""
    return f"{doubt.count:,} × {DOUBTS.get(doubt.code, doubt.code)}{where}"


def _machines(folds: list[FoldRecord], driver: Mapping[str, str]) -> Block:
    groups: dict[tuple[str, str, str], list[FoldRecord]] = defaultdict(list)
    for record in folds:
        about = record.provenance
        unlike = [f"{name} {number}" for name, number in about.versions.items() if driver.get(name, number) != number]
        groups[about.host, about.device, ", ".join(unlike)].append(record)
    if not groups:
        return missing("Not enough data: no fold has finished, so no machine has left its name.")
    rows = [
        (host, device, f"{len(own):,}", duration(sum(record.seconds for record in own)), unlike or "—")
        for (host, device, unlike), own in sorted(groups.items())
    ]
    caption = "Fold trials by machine; time is wall time of fold trials, added up"
    columns = ("Host", "Device", "Fold trials", "Time", "Unlike the driver")
    return TextTable(caption, columns, rows, words=(1, 4), kind="hosts")


def _link(page: PageContext, text: str, path: str) -> Entry:
    address = page.options.store_address
    return Entry(text, kind="code", href="" if address is None else f"{address}/{quote(path)}")


def _stages(page: PageContext, folds: Sequence[FoldRecord]) -> TextTable:
    found = [
        (f"{page.cells.name(Cell(record.fold, record.seed))}, {stage}", f"stages/{key}.safetensors")
        for record in folds
        for stage, key in record.stages.items()
    ]
    rows = [(name, _link(page, path, path)) for name, path in found]
    return TextTable("The winner’s stages", ("Stage", "Record"), rows, words=(1,), kind="records")


def _records(page: PageContext) -> TextTable:
    rows, names = [], tuple(map(page.cells.name, page.cells.cells))
    for row in page.summary.configurations:
        about, found = row.configuration, {Cell(record.fold, record.seed): record.id for record in row.folds}
        links = (
            _link(page, name, f"folds/{found[cell]}.json") if cell in found else Entry("—")
            for name, cell in zip(names, page.cells.cells, strict=True)
        )
        named = (page.index.name(row), _link(page, about.id, f"configurations/{about.id}.json"))
        rows.append(Row((*named, *links), page.index.place(row)))
    columns, caption = ("Configuration", "Record", *names), "configurations/ID.json, folds/ID-fFOLD-sSEED.json"
    return TextTable(caption, columns, rows, words=tuple(range(1, len(columns))), kind="records")


SECTION = Section("provenance", "Where does this come from?", "Provenance", always, build)
