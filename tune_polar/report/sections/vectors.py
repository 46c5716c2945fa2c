"""How the vectors of the best configurations lie: alignment, uniformity and a map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from markupsafe import Markup

from tune_polar.evaluate.summary import ConfigurationSummary
from tune_polar.report.document import Block, Figures, TextTable, caption, in_parts, prose, titled
from tune_polar.report.drawing.panel import Panel, linear_axis
from tune_polar.report.numbers import spread, with_error
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Section, has
from tune_polar.store.records import EXTRA, VALIDATION, StageRecord

SHOWN = 12  # configurations
KINDS = ("pt precision", "pt recall", "pt", "pt faint")  # by class; the legend names them
SHAPES = ("dot", "up", "square", "down")
HELD_OUT = "held-out rows"
MAPS = {  # what a record calls a map, and what it is
    "projection": "Directions in which the held-out rows differ most (PCA), of the winner’s first run.",
    "tsne": "Neighbourhoods of the winner’s first run (t-SNE of all sets together): what lies close is alike; "
    "distances and sizes of groups say nothing.",
}


def build(page: PageContext) -> Answer:
    """A table and a map a stage that is measured."""
    measured = [name for name, stage in page.recipe.stages.items() if stage.measures]
    return in_parts((name, list(_stage(page, name))) for name in measured)


def _stage(page: PageContext, name: str) -> Iterator[Block]:
    rows = [row for row in page.in_full[:SHOWN] if row.predictions is not None]
    records = {row: [cell.stages[name] for cell in row.predictions.cells] for row in rows if row.predictions}
    lines = [line for row in rows for line in _lines(page, row, records[row])]
    idle = list(_idle(page, rows, records))
    if lines:
        columns = ("configuration", "rows of", "alignment", "uniformity", "between classes")
        yield TextTable(f"{name}: mean ± SD between {page.cells.many}", columns, lines, words=(1,))
        yield caption(
            "Alignment: mean squared distance within a class, averaged over classes, low where classes lie close "
            "together. Uniformity: log of the mean of e^(−2 squared distance) over all pairs, or over pairs "
            "of different classes; low where texts spread over the sphere."
        )
    if idle:
        yield prose(*idle)
    best = records.get(rows[0], []) if rows else []
    found = {kind: tuple(_maps(page, name, best[0], kind)) for kind in MAPS} if best else {}
    panels = [each for kind, each in found.items() if each]
    for kind, each in found.items():
        if each:
            yield Figures(each, MAPS[kind])
    if not lines and not panels:
        yield prose("The stage’s records hold no measures.")


def _lines(page: PageContext, row: ConfigurationSummary, records: Sequence[StageRecord]) -> Iterator[tuple[str, ...]]:
    for split in dict.fromkeys(each for record in records for each in _splits(record)):
        words = []
        for measure, place in (("alignment", None), ("uniformity", 0), ("uniformity", 1)):
            arrays = [each.arrays.get(f"{EXTRA}/{measure}/{split}") for each in records]
            found = [float(array.mean() if place is None else array[place]) for array in arrays if array is not None]
            words.append(with_error(float(np.mean(found)), spread(found)) if found else "—")
        yield page.index.name(row), HELD_OUT if split == VALIDATION else split, *words


def _splits(record: StageRecord) -> Iterator[str]:
    for measure in ("alignment", "uniformity"):
        start = f"{EXTRA}/{measure}/"
        yield from (name.removeprefix(start) for name in record.arrays if name.startswith(start))


def _idle(
    page: PageContext, rows: Sequence[ConfigurationSummary], records: dict[ConfigurationSummary, list[StageRecord]]
) -> Iterator[str]:
    """Batches from which a loss of pairs learned nothing."""
    for row in rows:
        counts = [
            array for each in records[row] for name, array in each.arrays.items() if name.endswith("idle_batches")
        ]
        if counts:
            idle, every = np.sum(counts, axis=0).tolist()
            if idle:
                yield (
                    f"{page.index.name(row)}: {idle:,.0f} of {every:,.0f} batches up to the kept checkpoints "
                    "had no pair to compare."
                )


def _maps(page: PageContext, name: str, record: StageRecord, kind: str) -> Iterator[Markup]:
    start, stage = f"{EXTRA}/{kind}/", page.recipe.stages[name]
    arrays = {each.removeprefix(start): array for each, array in record.arrays.items() if each.startswith(start)}
    every = [point for array in arrays.values() for point in array.tolist()]
    for split, points in arrays.items():
        gold = page.summary.gold.train if split == VALIDATION else page.summary.gold.splits.get(split)
        rows = record.arrays.get(f"{EXTRA}/projected/{split}")
        if gold is None or rows is None or stage.columns[0] not in gold.columns:
            continue
        if len(rows) != len(points) or not ((rows >= 0) & (rows < len(gold))).all():
            continue  # of a store that somebody has changed
        column = gold.columns[stage.columns[0]]
        codes = gold.values(stage.columns[0])[rows]
        names = column.names or ("no", "yes")
        said = HELD_OUT if split == VALIDATION else split
        first = "first direction" if kind == "projection" else ""
        x, y = linear_axis([each[0] for each in every], first), linear_axis([each[1] for each in every], "")
        legend = ", ".join(f"{SHAPES[code % len(SHAPES)]} {each}" for code, each in enumerate(names))
        panel = Panel(f"{kind}-{name}-{split}", f"{name}: {said}", f"{len(points)} texts; {legend}.", x, y)
        for (across, up), code in zip(points.tolist(), codes.tolist(), strict=True):
            style = KINDS[code % len(KINDS)]
            panel.mark(SHAPES[code % len(SHAPES)], across, up, style, title=str(names[code]))
        yield titled(f"{said}, by {stage.columns[0]}: {legend}", panel.svg())


APPLIES = has(
    lambda page: any(stage.measures for stage in page.recipe.stages.values()), "no stage measures its vectors"
)
SECTION = Section("vectors", "How do the vectors lie?", "Vectors", APPLIES, build)
