"""Rows that only train, such as synthetic ones: how many could, which were kept out, and what their share is worth."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.evaluate.summary import ConfigurationSummary
from tune_polar.recipe.sections import ExtraRows
from tune_polar.report.document import Block, Row, TextTable, prose
from tune_polar.report.grouped import groups_of
from tune_polar.report.page_context import PageContext
from tune_polar.report.page_section import Answer, Section, has
from tune_polar.report.sections.groups import subsets
from tune_polar.report.words import chosen_on, metric_words, seen_mark
from tune_polar.store.gold import Gold


def build(page: PageContext) -> Answer:
    """A row a fold, then a row for each share and way of making that configurations trained with."""
    gold = page.summary.gold
    stage = next(iter(page.recipe.stages))
    return [prose(*_sentences(page, gold)), _folds(gold, gold.plans[stage]), *_shares(page)]


def _sentences(page: PageContext, gold: Gold) -> Iterator[str]:
    number, extra = len(gold.sources), page.recipe.data.extra
    made = int(np.count_nonzero(gold.sources >= 0))
    told = f"{number:,} extra rows train and are never validated, nor do thresholds see them; {made:,} name a source."
    by = None if extra is None else extra.by
    if by is not None and by in gold.train.columns:
        column = gold.train.columns[by]
        codes = np.asarray(column.values)[-number:]
        parts = [f"{name} {int(np.count_nonzero(codes == code)):,}" for code, name in enumerate(column.names)]
        told += f" By {by}: {', '.join(parts)}."
    yield told
    yield (
        "An extra row is kept out of a fold that validates the row it was made from, or one that says the same or "
        "nearly so (four fifths of the words of both are the same); out of all folds, where another split says it."
    )


def _folds(gold: Gold, plan: FoldPlan) -> TextTable:
    own = len(gold.train.ids) - len(gold.sources)
    rows = []
    for fold in range(plan.count):
        may = plan.training[fold, own:]
        from_validated = (gold.sources >= 0) & plan.validation[fold, gold.sources]
        near = ~may & ~from_validated
        counts = (plan.training[fold, :own], may, from_validated, near)
        rows.append((f"fold {fold}", *(f"{int(np.count_nonzero(each)):,}" for each in counts)))
    caption = "Rows that each fold trains on, extra rows that may train there, and those that are kept out"
    heads = ("", "own rows", "extra rows that may train", "made from a validated row", "near to a row held out")
    return TextTable(caption, heads, rows)


def _shares(page: PageContext) -> Iterator[Block]:
    """What configurations score by what they trained on, for each group."""
    best: dict[tuple[float, str], ConfigurationSummary] = {}
    counts: dict[tuple[float, str], int] = {}
    for row in page.in_full:  # best first
        extra = row.configuration.recipe.data.extra
        if extra is not None:
            key = (1.0 if extra.share is None else extra.share, extra.only or "")
            counts[key] = counts.get(key, 0) + 1
            best.setdefault(key, row)
    if len(best) < 2:
        return
    column, names = next(groups_of(page), ("", ()))
    heads = [name for name, _ in subsets(page.won.judged.scored.rows, column, names)] if column else []
    rows = [_row(page, best[key], counts[key], column, names) for key in sorted(best)]
    won = page.won.judged.scored
    caption = (
        f"{metric_words(won.metric.name)} of {won.name} by what configurations trained with, settings chosen on "
        f"{chosen_on('cross_fitted', page.cells)}: of the best configuration of each share, hence of a choice"
    )
    yield TextTable(caption, ("extra rows", "configurations", "all", *heads), rows)


def _row(
    page: PageContext, best: ConfigurationSummary, number: int, column: str, names: tuple[str, ...]
) -> Row | tuple[str, ...]:
    outcome, extra = best.outcome, best.configuration.recipe.data.extra
    if outcome is None or extra is None:
        raise ValueError("a configuration without predictions or extra rows has no row")
    judged = outcome.judged.scored
    decided, gold = judged.cross_fitted.decided, judged.rows.gold
    each = [judged.metric.measure(gold.take(own), decided[own]).score for _, own in subsets(judged.rows, column, names)]
    mark = seen_mark(best)
    cells = (said(extra), f"{number:,}", *(page.shown(value) + mark for value in (judged.cross_fitted.score, *each)))
    return Row(cells, kind="main" if best is page.best else "")


def said(extra: ExtraRows) -> str:
    """What is trained on, for a person: ``30%``, ``all, paraphrase``."""
    share = "all" if extra.share is None else f"{extra.share:.0%}"
    return share if extra.only is None else f"{share}, {extra.only}"


APPLIES = has(lambda page: len(page.summary.gold.sources) > 0, "no row trains without being validated")
SECTION = Section("extra-rows", "What are the extra rows worth?", "Extra rows", APPLIES, build)
