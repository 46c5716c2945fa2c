"""What predictions of classes or numbers are worth: nothing is chosen on them, so each has one score on each split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tune_polar.decide.array_checks import FloatArray
from tune_polar.decide.metrics import METRICS, Metric, default_metric
from tune_polar.decide.prediction_columns import Kind
from tune_polar.decide.predictions import OOF, PredictionTable, align
from tune_polar.decide.rows import Rows
from tune_polar.errors import DecisionError
from tune_polar.stats.bbc_cv import BbcCv, Candidate, bbc_cv
from tune_polar.stats.configuration_comparisons import ALONE, ONE_FOLD, NotApplicable
from tune_polar.stats.ensemble_report import EnsembleReport
from tune_polar.stats.group_scores import GroupScores, group_scores
from tune_polar.stats.intervals import Interval
from tune_polar.stats.new_rows import NewRowsScore, new_rows_score
from tune_polar.stats.prediction_ensembles import prediction_ensembles
from tune_polar.stats.prediction_splits import labelled_splits, spread_of_runs
from tune_polar.stats.rare_labels import RareLabel, rare_labels
from tune_polar.stats.scored_configuration import (
    AS_PREDICTED,
    LIKELIEST,
    ScoredConfiguration,
    compared_with,
    scored_configurations,
)
from tune_polar.stats.split_alarm import LabelledSplit
from tune_polar.stats.threshold_report import (
    LEVELS,
    TOP,
    ReportSettings,
    SplitFacts,
    complete_configurations,
    fold_notes,
    new_size,
    or_reason,
    split_facts,
)
from tune_polar.stats.told_apart import ComparisonMatrix, comparison_matrix, text_comparison_matrix


@dataclass(frozen=True)
class GroupScore:
    """The selected configuration on one group's out-of-fold rows."""

    group: str
    rows: int
    score: float
    interval: Interval  # of the texts alone, drawn anew within groups


@dataclass(frozen=True, eq=False)
class PlainReport:
    """Everything about one file of classes or numbers; parts that cannot be computed say why."""

    path: Path
    kind: Kind
    labels: tuple[str, ...]  # classes, or numbers
    metric: Metric
    configurations: tuple[str, ...]
    incomplete: tuple[str, ...]
    splits: tuple[SplitFacts, ...]
    folds: tuple[int, ...]
    notes: tuple[str, ...]
    scored: tuple[ScoredConfiguration, ...]  # best first
    corrected: BbcCv | NotApplicable
    new_rows: NewRowsScore | NotApplicable  # the first answer to what it will score
    splits_ahead: tuple[LabelledSplit, ...]  # each labelled split beside what was expected of it
    measures: dict[str, dict[str, float]]  # of the best: by metric, then by split
    groups: tuple[GroupScore, ...]
    pooling: GroupScores | None  # the mean over groups beside the pool; None with fewer than two groups
    by_folds: ComparisonMatrix | NotApplicable
    by_rows: ComparisonMatrix | NotApplicable
    ensembles: EnsembleReport | NotApplicable
    rare: tuple[RareLabel, ...]

    @property
    def winner(self) -> ScoredConfiguration:
        """The best by the score."""
        return self.scored[0]


def plain_report(table: PredictionTable, settings: ReportSettings) -> PlainReport:
    """Build the report of classes, decided as the likeliest, or of numbers, taken as they are.

    Raises:
        DecisionError: rules of thresholds, no complete configuration, too few rounds.
    """
    if settings.rules:
        raise DecisionError(
            f"{table.path}: --rule must be left out of {table.kind} gold, which has no thresholds, got "
            f"{', '.join(settings.rules)}",
            "Give labels one gold column each if thresholds are to be chosen.",
        )
    complete, metric = complete_configurations(table), default_metric(table.kind)
    aligned, rule = align(complete), LIKELIEST if table.kind == "class" else AS_PREDICTED
    found = scored_configurations(complete, aligned, (rule,), table.kind, metric.name)
    scored = tuple(sorted(found, key=lambda each: metric.gain(0.0, each.cross_fitted)))
    winner, rng = scored[0], np.random.default_rng(settings.seed)
    rows, splits = winner.judgement.rows, split_facts(table)
    compared = compared_with(winner, scored)
    candidates = [Candidate(each.name, each.rule, each.decided) for each in compared]
    corrected: BbcCv | NotApplicable = winner.flaw or or_reason(
        lambda: bbc_cv(rows, candidates, rng, metric=metric, rounds=settings.rounds, level=LEVELS[0])
    )
    new_rows: NewRowsScore | NotApplicable
    ahead: tuple[LabelledSplit, ...] = ()
    if isinstance(corrected, str):
        new_rows = corrected
    else:
        runs, own = (
            spread_of_runs(compared, winner, corrected, rng),
            [each for each in complete if each.name == winner.name],
        )
        new_rows = new_rows_score(corrected, rows, winner.decided, new_size(splits, settings), runs, rng)
        ahead = labelled_splits(compared, winner, aligned, own[0], corrected, runs, rng)
    grouped = _groups(winner, aligned.group, np.random.default_rng(settings.seed))
    return PlainReport(
        path=table.path,
        kind=table.kind,
        labels=table.labels,
        metric=metric,
        configurations=tuple(each.name for each in table.configurations),
        incomplete=tuple(each.name for each in table.configurations if not each.complete),
        splits=splits,
        folds=tuple(np.unique(winner.fold).tolist()),
        notes=(*table.notes, *fold_notes(winner)),
        scored=scored,
        corrected=corrected,
        new_rows=new_rows,
        splits_ahead=ahead,
        measures=_measures(winner),
        groups=()
        if grouped is None
        else tuple(GroupScore(name, each.rows, each.value, each.interval) for name, each in grouped.groups.items()),
        pooling=grouped if grouped is not None and len(grouped.groups) > 1 else None,
        by_folds=_by_folds(scored[:TOP], metric),
        by_rows=_by_rows(scored[:TOP], rows, metric, rng),
        ensembles=prediction_ensembles(
            aligned, scored, winner, rounds=settings.rounds, seed=settings.seed, kind=table.kind
        ),
        rare=() if table.kind == "number" else rare_labels(rows, winner.decided, new_size(splits, settings)),
    )


def _measures(winner: ScoredConfiguration) -> dict[str, dict[str, float]]:
    """By every metric that scores what is decided."""
    judgement = winner.judgement
    parts = {OOF: (judgement.rows.gold, winner.decided)}
    found: dict[str, dict[str, float]] = {}
    for name, metric in METRICS.items():
        if judgement.rows.gold.kind in metric.kinds and metric.reads == "decided":
            found[name] = {split: metric.score(gold, decided) for split, (gold, decided) in parts.items()}
    own = found[judgement.metric.name]
    own |= {split: ladder["fold_tuned"].score for split, ladder in judgement.splits.items()}
    return found


def _groups(winner: ScoredConfiguration, group: tuple[str, ...] | None, rng: np.random.Generator) -> GroupScores | None:
    """Of the groups that the file tells apart, in the order in which they come."""
    if group is None:
        return None
    names, judgement = np.array(group, dtype=object), winner.judgement
    subsets = {name: names == name for name in dict.fromkeys(group)}
    return group_scores(judgement.rows, winner.decided, judgement.metric, subsets, rng)


def _by_folds(top: tuple[ScoredConfiguration, ...], metric: Metric) -> ComparisonMatrix | NotApplicable:
    if len(top) < 2:
        return ALONE
    folds: FloatArray = top[0].fold_scores
    if len(folds) < 2:
        return ONE_FOLD
    nothing = np.full(len(folds), np.nan)
    scores = [each.fold_scores if np.array_equal(each.fold, top[0].fold) else nothing for each in top]
    held_out = top[0].judgement.rows.held_out
    return comparison_matrix([each.name for each in top], np.stack(scores), held_out=held_out, metric=metric)


def _by_rows(
    top: tuple[ScoredConfiguration, ...], rows: Rows, metric: Metric, rng: np.random.Generator
) -> ComparisonMatrix | NotApplicable:
    if len(top) < 2:
        return ALONE
    return text_comparison_matrix([each.name for each in top], rows, [each.decided for each in top], metric, rng)
