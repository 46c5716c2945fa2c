"""Predicted numbers against gold, and what is left over by fold, by group and by the gold value itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tune_polar.decide.array_checks import BoolArray, FloatArray
from tune_polar.decide.judgement import Judgement
from tune_polar.decide.number_scores import pearson
from tune_polar.recipe.cells import Cell
from tune_polar.report.document import Block, Figures, TextTable, in_parts, prose, titled
from tune_polar.report.drawing.panel import Panel, linear_axis
from tune_polar.report.grouped import groups_of
from tune_polar.report.ladder import decision_tables
from tune_polar.report.number_ranges import by_value, number_ranges, rare_end
from tune_polar.report.numbers import MINUS, count, fixed, plain_number
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Section, predicts
from tune_polar.report.sections.groups import subsets

POINTS_AT_MOST = 600  # of a panel: more hide each other
EXTREMES_KEPT = 0.1  # how far the slope of predictions over gold may be from 1 while their range is kept
TENTHS = 10


def build(page: PageContext) -> Answer:
    """Of each decision of numbers, figures and a table a column."""
    judged = [each for each in page.won.decisions.values() if each.rows.gold.kind == "number"]
    return in_parts(
        (f"{each.name}: {name}", [*_column(page, each, column, f"numbers-{place}-{column}"), *_chosen(page, each)])
        for place, each in enumerate(judged)
        for column, name in enumerate(each.rows.gold.names)
    )


def _chosen(page: PageContext, judgement: Judgement) -> Sequence[Block]:
    """Of what is chosen, such as a calibration, its score by where that was."""
    if not page.won.graph.nodes[judgement.name].parameters:
        return ()
    return decision_tables(page, page.won, judgement)


def _column(page: PageContext, judgement: Judgement, column: int, figure: str) -> list[Block]:
    name = judgement.rows.gold.names[column]
    gold = judgement.rows.gold.values[:, column].astype(np.float64)
    decided = judgement.cross_fitted.decided[:, column].astype(np.float64)
    left = decided - gold
    slope = float(np.polyfit(gold, decided, 1)[0]) if np.ptp(gold) > 0 else 0.0
    sentences = (
        f"Predictions lie {plain_number(abs(left.mean()))} too {'high' if left.mean() > 0 else 'low'} on average over "
        f"{count(len(gold), 'row')}{page.cells.counted}, and {plain_number(np.abs(left).mean())} off either way.",
        _slope_words(slope),
    )
    rows = []
    for said, own in _subsets(page, judgement):
        off = (f"{int(own.sum()):,}", plain_number(left[own].mean()), plain_number(np.abs(left[own]).mean()))
        rows.append((said, *off, fixed(pearson(gold[own], decided[own]), 2)))
    caption = (
        f"{name} by {page.cells.one} and by group: predicted minus gold of its rows{page.cells.counted}, on average, "
        "how far off either way, and Pearson’s r. A subset with a bias of its own is predicted from another level"
    )
    table = TextTable(caption, ("rows of", "rows", "bias", "mean error", "r"), rows)
    ranges = list(number_ranges(judgement, gold, decided))
    order = np.argsort(gold, kind="stable")
    tenths = [(gold[own].mean(), left[own].mean()) for own in np.array_split(order, min(TENTHS, len(gold)))]
    both = [*gold.tolist(), *decided.tolist()]
    diagonal = [(min(both), min(both)), (max(both), max(both))]
    over, remains = (
        _panel(figure, f"{name}: predicted over gold", gold, decided, diagonal, "even"),
        _panel(f"{figure}-left", f"{name}: predicted {MINUS} gold, over gold", gold, left, tenths, "pd"),
    )
    at = [(each.gold, each.predicted) for each in ranges]
    noise = [each.noise or 0.0 for each in ranges]
    over.band(
        [(x, y - off) for (x, y), off in zip(at, noise, strict=True)],
        [(x, y + off) for (x, y), off in zip(at, noise, strict=True)],
        "pd",
    )
    over.line(at, "pd")
    panels = tuple(titled(each.title, each.svg()) for each in (over, remains))
    between = f" between {page.cells.many} of predicted {MINUS} gold"
    note = (
        "Dashed: prediction and gold agree. Line and band on the left: the mean prediction of gold values in a range, "
        f"± one standard deviation{between}. The line on the right is the mean in tenths of the rows."
    )
    return [
        prose(*sentences, rare_end(gold, decided)),
        Figures(panels, note),
        by_value(page, name, gold, decided, ranges),
        table,
    ]


def _slope_words(slope: float) -> str:
    if slope < 0:
        return f"A gold value higher by 1 comes out lower by {fixed(-slope, 2)}: predictions run against gold."
    meaning = "the range is kept"
    if abs(slope - 1) > EXTREMES_KEPT:
        meaning = f"extremes are drawn {'to the middle' if slope < 1 else 'further apart'}"
    return f"A gold value higher by 1 comes out higher by {fixed(slope, 2)}: {meaning}."


def _subsets(page: PageContext, judgement: Judgement) -> Iterator[tuple[str, BoolArray]]:
    rows = judgement.rows
    yield "all", np.ones(len(rows), dtype=np.bool_)
    for part, seed in judgement.cells:
        yield page.cells.name(Cell(part, seed)), (rows.part == part) & (rows.seed == seed)
    for column, names in groups_of(page):
        yield from ((f"{column}: {name}", own) for name, own in subsets(rows, column, names))


def _panel(
    name: str, title: str, gold: FloatArray, values: FloatArray, line: list[tuple[float, float]], kind: str
) -> Panel:
    """Points over gold, evenly drawn from the rows, which stand fold by fold."""
    description = f"{count(len(gold), 'row')} out of fold. The table after these figures has every number."
    x, y = linear_axis(gold.tolist(), "gold"), linear_axis([*values.tolist(), *(at for _, at in line)], "")
    panel = Panel(name, title, description, x, y)
    for row in np.unique(np.linspace(0, len(gold) - 1, min(len(gold), POINTS_AT_MOST)).round().astype(int)):
        panel.mark("dot", float(gold[row]), float(values[row]), "pt faint")
    panel.line(line, kind)
    return panel


APPLIES = predicts(lambda gold: gold == "number", "no stage predicts numbers")
SECTION = Section("numbers", "How far off are the numbers?", "Numbers", APPLIES, build)
