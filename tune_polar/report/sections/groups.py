"""The score of every group of rows: does it hold for each language, author, source?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tune_polar.data.columns import NO_GROUP
from tune_polar.decide.checks import BoolArray
from tune_polar.decide.judged import Judgement
from tune_polar.decide.rows import Rows
from tune_polar.report.context import PageContext
from tune_polar.report.document import Block, Row, TextTable, in_parts, prose
from tune_polar.report.numbers import fixed
from tune_polar.report.section import Answer, Section, has
from tune_polar.report.words import chosen_on, column_heads, gap_words, metric_words

FEW = 20  # rows of a group whose score says little


def groups_of(page: PageContext) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Columns of groups that the page goes by, with the groups' names: the recipe's own choice, or all."""
    chosen, columns = page.recipe.report.by, page.summary.gold.train.columns
    for name in page.recipe.data.groups if chosen is None else (chosen,):
        if name in columns:
            yield name, columns[name].names


def subsets(rows: Rows, column: str, names: tuple[str, ...]) -> Iterator[tuple[str, BoolArray]]:
    """Each group's rows, then those of none; only where there are any."""
    for code, name in (*enumerate(names), (NO_GROUP, "of no group")):
        own = rows.groups[column] == code
        if own.any():
            yield name, own


def build(page: PageContext) -> Answer:
    """A table a column of groups."""
    judged = page.won.judged.scored
    return in_parts((f"By {column}", _column(page, judged, column, names)) for column, names in groups_of(page))


def _column(page: PageContext, judgement: Judgement, column: str, names: tuple[str, ...]) -> list[Block]:
    metric, gold = judgement.metric, judgement.rows.gold
    what, heads = metric_words(metric.name), column_heads(metric, gold.names)
    rows, told = [], {}
    everything = np.ones(len(gold), dtype=np.bool_)
    for name, own in (*subsets(judgement.rows, column, names), ("all", everything)):
        found = metric.measure(gold.take(own), judgement.cross_fitted.decided[own])
        each = (fixed(value, 2) for value in found.per_column.tolist() if heads)
        cells = (name, f"{int(own.sum()):,}", page.shown(found.score), *each)
        rows.append(Row(cells, kind="main" if own is everything else ""))
        if own.sum() >= FEW and own is not everything:
            told[name] = found.score
    caption = (
        f"{judgement.name} by {column}: {what} of each group’s out-of-fold rows, settings chosen on "
        f"{chosen_on('cross_fitted', page.cells)} of all groups. Groups of fewer than {FEW} rows say little"
    )
    table = TextTable(caption, (column, "rows", what, *heads), rows)
    if len(told) < 2:
        return [table]
    best, *_, worst = sorted(told, key=lambda name: metric.gain(0.0, told[name]))
    gap = gap_words(metric.gain(told[best], told[worst]), metric)
    shown = [f"{name} ({page.shown(told[name])})" for name in (best, worst)]
    return [prose(f"Best is {shown[0]}, worst {shown[1]}: {gap} between them."), table]


APPLIES = has(lambda page: bool(page.recipe.data.groups), "the recipe declares no groups")
SECTION = Section("groups", "Does it hold for every group?", "Groups", APPLIES, build)
