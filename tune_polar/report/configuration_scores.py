"""Every configuration with its folds: scores as a table and as points, and why some have none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from markupsafe import Markup

from tune_polar.report.comparison import fold_difference
from tune_polar.report.configuration_index import ConfigurationIndex
from tune_polar.report.figures import Strip, strip_plot
from tune_polar.report.numbers import count, decimals_for, duration, fixed, listed, spread
from tune_polar.report.objectives import OBJECTIVES
from tune_polar.report.raced import stopped_early
from tune_polar.store.record import FailureRecord
from tune_polar.store.scores import Scores
from tune_polar.store.summary import ConfigurationSummary, SearchSummary

# A figure of more rows says less; the table has them all.
STRIPS_AT_MOST = 24
# Rows of the table that are shown at once; the others are folded away.
ROWS_OPEN = 40
MESSAGE_LENGTH = 240

NOTHING_FINISHED = "Not enough data: no configuration has finished all its folds."


@dataclass(frozen=True)
class ScoredRow:
    """A configuration with a score."""

    place: int  # by which the page links figures
    rank: int
    name: str
    id: str
    is_published: bool
    score: str
    spread: str
    fold_scores: tuple[str, ...]
    difference: str  # to the published one, in F1 points; "" for itself or where there is none
    interval: str  # of that difference, 95 %
    decision: str
    time: str


@dataclass(frozen=True)
class UnscoredRow:
    """A configuration without a score."""

    place: int
    name: str
    id: str
    state: str
    folds: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class ConfigurationSection:
    """All configurations, those with a score sorted by it."""

    missing: str
    objective: str
    scored: tuple[ScoredRow, ...]
    folded_away: tuple[ScoredRow, ...]
    unscored: tuple[UnscoredRow, ...]
    figure: Markup
    figure_note: str


def configuration_section(
    summary: SearchSummary, planned_folds: int, index: ConfigurationIndex
) -> ConfigurationSection:
    """Rows and figure for all configurations of ``summary``."""
    finished = [(row, row.scores) for row in summary.finished if row.scores is not None]
    rows = _scored_rows(finished, summary, planned_folds, index)
    figure, note = _figure(finished, summary.published, index)
    return ConfigurationSection(
        missing="" if finished else NOTHING_FINISHED,
        objective=OBJECTIVES.get(summary.objective, summary.objective),
        scored=rows[:ROWS_OPEN],
        folded_away=rows[ROWS_OPEN:],
        unscored=tuple(_unscored(row, planned_folds, index) for row in summary.configurations if row.scores is None),
        figure=figure,
        figure_note=note,
    )


def _scored_rows(
    finished: Sequence[tuple[ConfigurationSummary, Scores]],
    summary: SearchSummary,
    planned_folds: int,
    index: ConfigurationIndex,
) -> tuple[ScoredRow, ...]:
    if not finished:
        return ()
    published = summary.published
    decimals = decimals_for(median(spread(scores.best.fold_scores) for _, scores in finished))
    rows = []
    for rank, (row, scores) in enumerate(finished, start=1):
        best, difference = scores.best, None
        if published is not None and published.scores is not None and row is not published:
            difference = fold_difference(best, published.scores.best, planned_folds)
        rows.append(
            ScoredRow(
                place=index.place(row),
                rank=rank,
                name=index.name(row),
                id=row.configuration.id,
                is_published=row is published,
                score=fixed(best.score, decimals),
                spread=fixed(spread(best.fold_scores), decimals),
                fold_scores=tuple(fixed(score, decimals) for score in best.fold_scores),
                difference="" if difference is None else difference.text,
                interval="" if difference is None else difference.interval,
                decision=", ".join(part for part in (best.rule, str(best.votes)) if part),
                time=duration(row.seconds),
            )
        )
    return tuple(rows)


def _figure(
    finished: Sequence[tuple[ConfigurationSummary, Scores]],
    published: ConfigurationSummary | None,
    index: ConfigurationIndex,
) -> tuple[Markup, str]:
    if not finished:
        return Markup(""), ""
    shown = [pair for place, pair in enumerate(finished) if place < STRIPS_AT_MOST or pair[0] is published]
    decimals = decimals_for(median(spread(scores.best.fold_scores) for _, scores in finished))
    strips = [
        Strip(
            label=index.name(row),
            value=f"{fixed(scores.score, decimals)} ± {fixed(spread(scores.best.fold_scores), decimals)}",
            points=scores.best.fold_scores,
            mean=fmean(scores.best.fold_scores),
            is_reference=row is published,
            place=index.place(row),
            point_names=tuple(
                f"{index.name(row)}, fold {fold}: {fixed(score, decimals)}"
                for fold, score in enumerate(scores.best.fold_scores)
            ),
        )
        for row, scores in shown
    ]
    first = strips[0]
    description = (
        f"{count(len(strips), 'configuration')}, best first. {first.label} leads with {first.value}. "
        "The table after this figure holds every number drawn here."
    )
    note = "Points are folds, the upright bar is their mean; the number is the score pooled over all folds ± the "
    note += "standard deviation between folds."
    if any(strip.is_reference for strip in strips):
        note += " Squares and the dashed line: the published configuration."
    if len(shown) < len(finished):
        note += f" Drawn: the best {STRIPS_AT_MOST} of {len(finished):,} and the published one; the table has all."
    return strip_plot("strips", "Scores of configurations, fold by fold", description, strips), note


# -- without a score -------------------------------------------------------------------------------------------


def _unscored(row: ConfigurationSummary, planned_folds: int, index: ConfigurationIndex) -> UnscoredRow:
    return UnscoredRow(
        place=index.place(row),
        name=index.name(row),
        id=row.configuration.id,
        state=row.state,
        folds=f"{len({record.fold for record in row.folds})} of {planned_folds}",
        reasons=(*map(_failure, row.failures), *_gaps(row, planned_folds)),
    )


def _gaps(row: ConfigurationSummary, planned_folds: int) -> tuple[str, ...]:
    """What else keeps it from a score."""
    recorded = {record.fold for record in row.folds}
    if row.abandonment is not None:
        return (stopped_early(row.abandonment),)
    waiting = [str(fold) for fold in range(planned_folds) if fold not in recorded]
    if row.state == "infeasible":
        return () if row.failures else ("Its predictions cannot be scored.",)
    if waiting:
        return (f"Not finished: {_folds(waiting)}.",)
    if row.predictions is None:
        return ("Its scores were not computed.",)
    missing = [str(fold) for fold in row.predictions.missing_folds]
    return (f"A stage record is missing or damaged: {_folds(missing)}. Resume the search to train it again.",)


def _folds(folds: Sequence[str]) -> str:
    return f"{'fold' if len(folds) == 1 else 'folds'} {listed(folds)}"


def _failure(failure: FailureRecord) -> str:
    first_line = next((line.strip() for line in failure.message.splitlines() if line.strip()), "no message")
    if len(first_line) > MESSAGE_LENGTH:
        first_line = first_line[: MESSAGE_LENGTH - 1] + "…"
    attempt = f", attempt {failure.attempt + 1}" if failure.attempt else ""
    return f"Fold {failure.fold}{attempt}: {failure.kind}: {first_line}"
