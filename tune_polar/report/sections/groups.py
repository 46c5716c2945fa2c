"""The score of every group of rows: does it hold for each language, author, source?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from tune_polar.data.columns import NO_GROUP
from tune_polar.decide.array_checks import BoolArray
from tune_polar.decide.judgement import Judgement
from tune_polar.decide.metrics import Metric
from tune_polar.decide.rows import Rows
from tune_polar.evaluate.correction import SEED
from tune_polar.report.document import Block, Entry, Row, TextTable, in_parts, prose
from tune_polar.report.expected_score import span
from tune_polar.report.group_choices import choosing_by_group
from tune_polar.report.grouped import groups_of
from tune_polar.report.numbers import fixed
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Section, has
from tune_polar.report.pooled_correlation import pooling_sentences
from tune_polar.report.words import chosen_on, column_heads, gap_words, metric_words, seen_ending, seen_mark
from tune_polar.stats.group_scores import LEVEL, Estimate, group_scores, measure

FEW = 20  # texts of a group whose score says little
MEAN, ALL = "mean over groups", "all pooled"


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
    metric, rows, mark = judgement.metric, judgement.rows, seen_mark(page.best, judgement.name)
    every = dict(subsets(rows, column, names))
    large = {name: own for name, own in every.items() if rows.texts(own) >= FEW}
    told = None
    if large:
        told = group_scores(rows, judgement.cross_fitted.decided, metric, large, np.random.default_rng(SEED))
    what, heads = metric_words(metric.name), column_heads(metric, rows.gold)
    known = {} if told is None else {**told.groups, ALL: told.pooled}
    lines = [_line(page, judgement, name, own, known.get(name), heads) for name, own in every.items()]
    if told is not None and len(large) > 1:
        cells = (
            MEAN,
            "",
            page.shown(told.macro.value) + mark,
            span(told.macro.interval, page.shown),
            *("" for _ in heads),
        )
        lines.append(Row(cells, kind="main"))
    whole = np.ones(len(rows), dtype=np.bool_)
    lines.append(_line(page, judgement, ALL, whole, known.get(ALL), heads, kind="main"))
    caption = (
        f"{judgement.name} by {column}: {what} of each group’s out-of-fold rows, settings chosen on "
        f"{chosen_on('cross_fitted', page.cells)} of all groups; {LEVEL:.0%} intervals, texts drawn within groups. "
        f"Groups of fewer than {FEW} texts say little and are not in the mean{seen_ending(page.best, judgement.name)}"
    )
    table = TextTable(caption, (column, "texts", what, f"{LEVEL:.0%} interval", *heads), lines)
    worth = choosing_by_group(page, judgement, every)
    if told is None or len(large) < 2:
        return [table, *worth]
    sentences = (
        _extremes(page, told.groups, metric, mark),
        *pooling_sentences(told, metric, column, lambda score: page.shown(score) + mark),
    )
    return [prose(*sentences), table, *worth]


def _line(
    page: PageContext,
    judgement: Judgement,
    name: str,
    own: BoolArray,
    told: Estimate | None,
    heads: tuple[str, ...],
    kind: str = "",
) -> Row:
    found = measure(judgement.rows, judgement.cross_fitted.decided, judgement.metric, own)
    mark = seen_mark(page.best, judgement.name)
    score = Entry(
        page.shown(found.score) + mark, note="constant" if found.remarks else "", title="; ".join(found.remarks)
    )
    each = (fixed(value, 2) for value in found.per_column.tolist() if heads)
    return Row(
        (name, f"{judgement.rows.texts(own):,}", score, "" if told is None else span(told.interval, page.shown), *each),
        kind=kind,
    )


def _extremes(page: PageContext, told: Mapping[str, Estimate], metric: Metric, mark: str) -> str:
    best, *_, worst = sorted(told, key=lambda name: metric.gain(0.0, told[name].value))
    gap = gap_words(metric.gain(told[best].value, told[worst].value), metric)
    shown = [f"{name} ({page.shown(told[name].value)}{mark})" for name in (best, worst)]
    return f"Best is {shown[0]}, worst {shown[1]}: {gap} between them."


APPLIES = has(lambda page: bool(page.recipe.data.groups), "the recipe declares no groups")
SECTION = Section("groups", "Does it hold for every group?", "Groups", APPLIES, build)
