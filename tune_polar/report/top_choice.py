"""The top configurations of a search compared, and the cheapest of those that are one choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from tune_polar.decide.judgement import Judgement
from tune_polar.evaluate.summary import ConfigurationSummary
from tune_polar.report.choice_words import choice_sentences
from tune_polar.report.difference import by_cells
from tune_polar.report.numbers import duration
from tune_polar.report.page_context import PageContext
from tune_polar.stats.told_apart import ComparisonMatrix

TOP = 8  # configurations that are compared with each other; a matrix of more is not read
MUCH_CHEAPER = 0.8  # of the winner's training time: what is less is worth a word


def top_of(page: PageContext) -> list[ConfigurationSummary]:
    """The best, and the reference."""
    return [row for rank, (row, _) in enumerate(page.scored) if rank < TOP or row is page.reference]


def compared(page: PageContext, rows: Sequence[ConfigurationSummary]) -> ComparisonMatrix:
    """Each with each, cell by cell; all have a score."""
    scores = [row.scores.by_cell(page.cells.cells) for row in rows if row.scores is not None]
    names = [page.index.name(row) for row in rows]
    return by_cells(names, np.stack(scores), page.cells, page.metric)


def choice_lines(page: PageContext) -> tuple[str, ...]:
    """The same for the terminal; () where there is nothing to compare."""
    rows = top_of(page)
    if len(rows) < 2 or len(page.cells.cells) < 2:
        return ()
    return choice_sentences(compared(page, rows), judgements_of(page, rows), cheapest_of(page))


def judgements_of(page: PageContext, rows: Sequence[ConfigurationSummary]) -> dict[str, Judgement]:
    """Of the score, by name; of those whose predictions have been read."""
    return {page.index.name(row): row.outcome.judged.scored for row in rows if row.outcome is not None}


def cheapest_of(page: PageContext) -> Callable[[Sequence[str]], str]:
    """For ``choice_sentences``, by training time."""
    return partial(_cheapest, page)


def _cheapest(page: PageContext, names: Sequence[str]) -> str:
    """Which of them takes least training, reused stages counted; "" where that is much the same."""
    rows = {page.index.name(row): row for row, _ in page.scored}
    seconds = {name: found for name in names if (found := _training_seconds(rows[name])) is not None}
    if len(seconds) < len(names):
        return ""
    cheapest = min(names, key=lambda name: seconds[name])
    took, instead = duration(seconds[cheapest]), duration(seconds[names[0]])
    if seconds[cheapest] > MUCH_CHEAPER * seconds[names[0]] or took == instead:
        return ""
    cells = page.cells.count(len(page.cells.cells))
    return f" Prefer {cheapest}, the cheapest to train: {took} over {cells}, {names[0]} {instead}."


def _training_seconds(row: ConfigurationSummary) -> float | None:
    """Of all its stages, reused ones too; None where its predictions have not been read."""
    if row.predictions is None or row.predictions.missing_cells:
        return None
    return sum(stage.seconds for cell in row.predictions.cells for stage in cell.stages.values())
