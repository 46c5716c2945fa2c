"""Which configurations are one choice with the winner, which may be, and the cheapest of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tune_polar.evaluate.summary import ConfigurationSummary
from tune_polar.report.context import PageContext
from tune_polar.report.numbers import duration, listed
from tune_polar.stats.comparison import Comparison, ComparisonMatrix, comparison_matrix
from tune_polar.stats.intervals import signed, unit_of

TOP = 8  # configurations that are compared with each other; a matrix of more is not read
MUCH_CHEAPER = 0.8  # of the winner's training time: what is less is worth a word


def top_of(page: PageContext) -> list[ConfigurationSummary]:
    """The best, and the reference."""
    return [row for rank, (row, _) in enumerate(page.scored) if rank < TOP or row is page.reference]


def compared(page: PageContext, rows: Sequence[ConfigurationSummary]) -> ComparisonMatrix:
    """Each with each, cell by cell; all have a score."""
    scores = [row.scores.by_cell(page.cells.cells) for row in rows if row.scores is not None]
    names = [page.index.name(row) for row in rows]
    folds, seeds = page.cells.folds, page.cells.seeds
    return comparison_matrix(names, np.stack(scores), planned_folds=folds, seeds=seeds, metric=page.metric)


def choice_lines(page: PageContext) -> tuple[str, ...]:
    """The same for the terminal; () where there is nothing to compare."""
    rows = top_of(page)
    if len(rows) < 2 or len(page.cells.cells) < 2:
        return ()
    return choice_sentences(page, compared(page, rows))


def choice_sentences(page: PageContext, matrix: ComparisonMatrix) -> tuple[str, ...]:
    """What the paired intervals say of the winner, the first of ``matrix``, and the others.

    Equal is what the interval leaves no room to differ by more than a hundredth; what cannot be told apart may be
    equal, or far apart.
    """
    winner, unit = matrix.names[0], unit_of(page.metric)
    first = [pair for pair in matrix.pairs if winner in (pair.first, pair.second)]
    equal = [pair for pair in first if pair.are_equal]
    open_ones = [pair for pair in first if not pair.differs and not pair.are_equal]
    found = []
    if equal:
        most = signed(max(pair.most for pair in equal), page.metric).removeprefix("+")
        names = [winner, *(_other(pair, winner) for pair in equal)]
        room = f"the 95% intervals leave room for {most}{unit} between {winner} and another"
        found.append(f"{listed(names)} are one choice: {room}.{_cheapest(page, names)}")
    if open_ones:
        others = [_other(pair, winner) for pair in open_ones]
        better = max(_gains(pair, winner)[1] for pair in open_ones)
        worse = min(_gains(pair, winner)[0] for pair in open_ones)
        ahead, behind = (signed(end, page.metric).lstrip("+−") for end in (better, worse))
        found.append(
            f"{winner} cannot be told from {listed(others)}, which does not make them equals: by the 95% intervals it "
            f"may be up to {ahead}{unit} better than one of them, or up to {behind}{unit} worse."
        )
    if first and not equal and not open_ones:
        found.append(f"{winner} is told from every other one of these.")
    return tuple(found)


def _other(pair: Comparison, name: str) -> str:
    return pair.second if pair.first == name else pair.first


def _gains(pair: Comparison, name: str) -> tuple[float, float]:
    """By how much ``name`` may be better than the other, from least to most."""
    interval, metric = pair.paired.interval, pair.metric
    sign = 1 if (pair.first == name) == metric.larger_is_better else -1
    low, high = sorted((sign * interval.low, sign * interval.high))
    return low, high


def _cheapest(page: PageContext, names: Sequence[str]) -> str:
    """Which of them takes least training, reused stages counted; "" where that is much the same."""
    rows = {page.index.name(row): row for row, _ in page.scored}
    seconds = {name: found for name in names if (found := _training_seconds(rows[name])) is not None}
    if len(seconds) < len(names):
        return ""
    cheapest = min(names, key=lambda name: seconds[name])
    if seconds[cheapest] > MUCH_CHEAPER * seconds[names[0]]:
        return ""
    took, instead = duration(seconds[cheapest]), duration(seconds[names[0]])
    cells = page.cells.count(len(page.cells.cells))
    return f" Prefer {cheapest}, the cheapest to train: {took} over {cells}, {names[0]} {instead}."


def _training_seconds(row: ConfigurationSummary) -> float | None:
    """Of all its stages, reused ones too; None where its predictions have not been read."""
    if row.predictions is None or row.predictions.missing_cells:
        return None
    return sum(stage.seconds for cell in row.predictions.cells for stage in cell.stages.values())
