"""Question 2, second half: which of the top configurations the folds can tell from each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tune_polar.report.configuration_index import ConfigurationIndex
from tune_polar.report.numbers import count
from tune_polar.stats.comparison import Comparison, ComparisonMatrix, comparison_matrix
from tune_polar.stats.intervals import points
from tune_polar.store.summary import ConfigurationSummary, SearchSummary

TOP = 8  # a matrix of more is not read


@dataclass(frozen=True)
class MatrixCell:
    """Row minus column."""

    text: str  # "+0.4"; "" on the diagonal and below it
    title: str  # the whole sentence
    kind: str  # "better", "worse", "same", ""
    word: str  # the verdict as a short word, for readers who see no colour


@dataclass(frozen=True)
class MatrixRow:
    """One configuration."""

    place: int
    name: str
    cells: tuple[MatrixCell, ...]


@dataclass(frozen=True)
class ToldApartSection:
    """Who can be told from whom."""

    missing: str
    sentences: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    rows: tuple[MatrixRow, ...] = ()
    winner_pairs: tuple[str, ...] = ()


def told_apart(summary: SearchSummary, index: ConfigurationIndex, planned_folds: int) -> ToldApartSection:
    """The matrix of the best configurations and the published one."""
    top = list(summary.finished[:TOP])
    published = summary.published
    if published is not None and published.scores is not None and published not in top:
        top.append(published)
    if len(top) < 2:
        return ToldApartSection("Not enough data: two configurations with all folds are needed to compare any.")
    names = [index.name(row) for row in top]
    matrix = comparison_matrix(names, _fold_scores(top, planned_folds), planned_folds=planned_folds)
    told = [pair for pair in matrix.pairs if pair.differs]
    first = names[0]
    not_told = [p for p in matrix.pairs if first in (p.first, p.second) and not p.differs]
    sentences = (
        f"Of {count(len(matrix.pairs), 'pair')} of the top configurations, {len(told)} can be told apart with "
        f"{count(planned_folds, 'fold')}, all pairs taken into account (Holm, family-wise error 5%).",
        f"{first} cannot be told from {len(not_told)} of the {len(names) - 1} others: choosing it over one of those "
        "is a choice among equals."
        if not_told
        else f"{first} is told from every other one.",
    )
    return ToldApartSection(
        missing="",
        sentences=sentences,
        names=tuple(names),
        rows=tuple(_row(row, place, names, matrix, index) for place, row in enumerate(top)),
        winner_pairs=tuple(pair.sentence for pair in matrix.pairs if first in (pair.first, pair.second)),
    )


def _fold_scores(rows: list[ConfigurationSummary], folds: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    table = np.full((len(rows), folds), np.nan)
    for place, row in enumerate(rows):
        if row.scores is not None:
            scores = row.scores.best.fold_scores[:folds]
            table[place, : len(scores)] = scores
    return table


def _row(
    row: ConfigurationSummary, place: int, names: list[str], matrix: ComparisonMatrix, index: ConfigurationIndex
) -> MatrixRow:
    cells = []
    for other, name in enumerate(names):
        pair = matrix.pair(names[place], name) if other > place else None
        cells.append(MatrixCell("", "", "", "") if pair is None else _cell(pair))
    return MatrixRow(index.place(row), names[place], tuple(cells))


def _cell(pair: Comparison) -> MatrixCell:
    kind = "same" if not pair.differs else "better" if pair.paired.difference > 0 else "worse"
    return MatrixCell(
        points(pair.paired.difference), pair.sentence, kind, {"same": "≈", "better": "▲", "worse": "▼"}[kind]
    )
