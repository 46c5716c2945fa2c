"""Rows of groups that training has seen nothing of, beside rows of groups it has seen: does it carry over?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tune_polar.decide.array_checks import BoolArray
from tune_polar.decide.judgement import Judgement
from tune_polar.evaluate.correction import SEED
from tune_polar.recipe.cells import Cell
from tune_polar.report.document import Block, Row, TextTable, in_parts, prose
from tune_polar.report.expected_score import span
from tune_polar.report.grouped import columns_held_out, unseen_rows
from tune_polar.report.numbers import listed
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Section, has
from tune_polar.report.sections.groups import FEW, MEAN, subsets
from tune_polar.report.words import gap_words, metric_words, seen_ending, seen_mark
from tune_polar.stats.group_scores import LEVEL, GroupScores, group_scores, subset_gap
from tune_polar.stats.intervals import signed_span
from tune_polar.stats.new_group import FEWEST, new_group_interval

NEXT = 0.90  # level of what is to come, as of the prediction interval
Subsets = Sequence[tuple[str, BoolArray]]


def build(page: PageContext) -> Answer:
    """By column of groups, seen against unseen, then fold by fold."""
    judged = page.won.judged.scored
    return in_parts((f"By {column}", _column(page, judged, column, names)) for column, names in columns_held_out(page))


def _column(page: PageContext, judgement: Judgement, column: str, names: tuple[str, ...]) -> list[Block]:
    rows, metric, decided = judgement.rows, judgement.metric, judgement.cross_fitted.decided
    unseen, own = unseen_rows(page, judgement, column), list(subsets(rows, column, names))
    what, halves, mark = metric_words(metric.name), (unseen, ~unseen), seen_mark(page.best, judgement.name)
    found = []
    for half in halves:
        large = {name: of & half for name, of in own if (of & half).sum() >= FEW}
        rng = np.random.default_rng(SEED)
        found.append(group_scores(rows, decided, metric, large, rng) if large else None)
    both = [(of & ~unseen, of & unseen) for _, of in own if min((of & unseen).sum(), (of & ~unseen).sum()) >= FEW]
    lines = []
    for name, of in own:
        cells = [name]
        for half, scores in zip(halves, found, strict=True):
            told = None if scores is None else scores.groups.get(name)
            said = ("", "") if told is None else (page.shown(told.value) + mark, span(told.interval, page.shown))
            cells += [f"{int((of & half).sum()):,}", *said]
        lines.append(Row(tuple(cells)))
    means = [
        scores and (page.shown(scores.macro.value) + mark, span(scores.macro.interval, page.shown)) for scores in found
    ]
    lines.append(Row((MEAN, *(cell for mean in means for cell in ("", *(mean or ("", ""))))), kind="main"))
    caption = (
        f"{judgement.name}: {what} where a fold has trained on no row of the {column}, and where it has; {LEVEL:.0%} "
        f"intervals, texts drawn anew within groups. Fewer than {FEW} rows have no score here"
        f"{seen_ending(page.best, judgement.name)}"
    )
    heads = [word for half in ("unseen", "seen") for word in (f"rows {half}", half, f"{LEVEL:.0%} interval")]
    table = TextTable(caption, (column, *heads), lines)
    sentences = [*_gap(judgement, column, both), *_new_one(page, judgement, column, found[0])]
    return [*([prose(*sentences)] if sentences else []), table, _by_fold(page, judgement, column, own, unseen)]


def _gap(judgement: Judgement, column: str, both: Sequence[tuple[BoolArray, BoolArray]]) -> Iterator[str]:
    if not both:
        return
    metric = judgement.metric
    gap = subset_gap(judgement.rows, judgement.cross_fitted.decided, metric, both, np.random.default_rng(SEED))
    ends = f"{LEVEL:.0%} interval {signed_span(gap.interval, metric)}"
    of = f"Over the {len(both)} that folds both hold out and train on, a {column}"
    if not gap.told_from_zero:
        better = gap_words(gap.value, metric)
        yield f"{of} is scored {better} better where it was trained on, which cannot be told from nothing ({ends})."
    elif gap.value > 0:
        yield (
            f"{of} is scored {gap_words(gap.value, metric)} better where it was trained on ({ends}): expect the lower "
            f"score of a {column} that is not in the training data."
        )
    else:
        yield f"{of} is scored {gap_words(-gap.value, metric)} worse where it was trained on ({ends})."


def _new_one(page: PageContext, judgement: Judgement, column: str, unseen: GroupScores | None) -> Iterator[str]:
    """What a group that is in no row at hand would score, which the intervals of rows do not answer."""
    scores = [] if unseen is None else [each.value for each in unseen.groups.values()]
    interval = new_group_interval(scores, judgement.metric, NEXT)
    if interval is None:
        yield (
            f"How a {column} that is in no row here would score, {len(scores)} held out cannot tell: hold {FEWEST} or "
            "more out."
        )
    else:
        yield (
            f"A {column} that is in no row here would score {page.shown(interval.low)} to {page.shown(interval.high)} "
            f"({NEXT:.0%} prediction interval by Student’s t over the {len(scores)} held out), where it differs from "
            "them as they do from each other."
        )


def _by_fold(page: PageContext, judgement: Judgement, column: str, own: Subsets, unseen: BoolArray) -> TextTable:
    rows, metric, decided = judgement.rows, judgement.metric, judgement.cross_fitted.decided
    lines, mark = [], seen_mark(page.best, judgement.name)
    for (part, seed), score in zip(judgement.cells, judgement.cross_fitted.cell_scores, strict=True):
        cell = (rows.part == part) & (rows.seed == seed)
        means = []
        for half in (unseen, ~unseen):
            scores = [
                metric.score(rows.gold.take(at), decided[at]) for _, of in own if (at := of & half & cell).sum() >= FEW
            ]
            means.append(page.shown(float(np.mean(scores))) + mark if scores else "")
        held = listed([name for name, of in own if (of & unseen & cell).any()]) or "none"
        count = f"{int((cell & unseen).sum()):,}", f"{int((cell & ~unseen).sum()):,}"
        name = page.cells.name(Cell(part, seed))
        lines.append(Row((name, held, page.shown(score) + mark, count[0], means[0], count[1], means[1])))
    what = metric_words(metric.name)
    caption = (
        f"{what[:1].upper()}{what[1:]} of each {page.cells.one}, and its mean over groups held out and not, of {FEW} "
        f"rows or more{seen_ending(page.best, judgement.name)}"
    )
    heads = (page.cells.one, f"{column} held out", "all pooled", "rows unseen", "unseen", "rows seen", "seen")
    return TextTable(caption, heads, lines, words=(1,))


APPLIES = has(
    lambda page: any(True for _ in columns_held_out(page)),
    "every fold trains on rows of every group, or there are none",
)
SECTION = Section("unseen", "Does it carry over to unseen groups?", "Unseen groups", APPLIES, build)
