"""The best configuration of a search, with what it is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tune_polar.evaluate.correction import LEVEL, corrected_best
from tune_polar.evaluate.expected_score import ahead_of
from tune_polar.evaluate.summary import SearchSummary
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.seen_starts import seen_words
from tune_polar.report.winner_recipe import winner_recipe, winner_yaml
from tune_polar.stats.intervals import Interval


@dataclass(frozen=True, eq=False)
class Best:
    """The configuration with the best cross-fitted score.

    Args:
        id: of the configuration.
        number: in order of proposal, from 0.
        origin: who proposed it.
        metric: what the score measures.
        score: cross-fitted over all folds; best of many, so it flatters.
        flaw: why no such score is honest, where the start of a stage has seen validated texts (TP010); None: it is.
        corrected: the score once the luck of having chosen the best is taken off (BBC-CV); None: too little to tell.
        expected: what it scores on average over many new sets, runs that went well by luck taken off too; None: too
            little to tell.
        interval: of the expectation, about ``expected``: holds the score on average over many sets and runs; None where
            there is none.
        next_rows: size of the next set: as ``tune_polar.open`` was told, else that of the largest split beside train,
            else of the rows scored.
        prediction: holds the score on the next so many rows like these; None where there is none.
        level: of both intervals.
        settings: by dotted key, what the search chose for it, decisions included.
        recipe: it as a recipe, its decisions set as a final system's.
        yaml: the same as a file, which any command takes.
    """

    id: str
    number: int
    origin: str
    metric: str
    score: float
    flaw: str | None
    corrected: float | None
    expected: float | None
    interval: tuple[float, float] | None
    next_rows: int | None
    prediction: tuple[float, float] | None
    level: float | None
    settings: Mapping[str, object]
    recipe: Recipe = field(repr=False)
    yaml: str = field(repr=False)


def best_of(summary: SearchSummary) -> Best | None:
    """Of a summary that was read for a page; None where nothing has a score."""
    row, text = summary.best, winner_yaml(summary)
    if row is None or row.scores is None or text is None:
        return None
    corrected = corrected_best(summary)
    known = None if isinstance(corrected, str) else corrected
    ahead = ahead_of(summary)
    new = None if isinstance(ahead, str) else ahead.new_rows
    return Best(
        id=row.configuration.id,
        number=row.configuration.number,
        origin=row.configuration.origin,
        metric=row.scores.metric,
        score=row.scores.score,
        flaw=seen_words(row.seen_starts()) if row.seen_starts() else None,
        corrected=None if known is None else known.corrected,
        expected=None if new is None else new.estimate,
        interval=None if new is None else ends(new.expected(LEVEL)),
        next_rows=None if new is None else new.rows,
        prediction=None if new is None else ends(new.interval(LEVEL)),
        level=None if new is None else LEVEL,
        settings={**row.configuration.point, **row.scores.best.settings},
        recipe=winner_recipe(row),
        yaml=text,
    )


def ends(interval: Interval) -> tuple[float, float]:
    """Low and high."""
    return interval.low, interval.high
