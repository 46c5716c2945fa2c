"""The whole threshold report of one predictions file: which configuration, by which rule, and what it is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from tune_polar.decide.array_checks import FloatArray
from tune_polar.decide.choose_thresholds import threshold_rule, usual_rules
from tune_polar.decide.degenerate import ThresholdFinding, fold_threshold_findings, threshold_findings
from tune_polar.decide.evidence import CUT_PARTS
from tune_polar.decide.predictions import (
    OOF,
    AlignedPredictions,
    ConfigurationPredictions,
    PredictionTable,
    align,
)
from tune_polar.decide.rows import Gold
from tune_polar.errors import DecisionError
from tune_polar.stats.bbc_cv import BbcCv, Candidate, bbc_cv
from tune_polar.stats.bootstrap import BootstrapScores, bootstrap_scores
from tune_polar.stats.configuration_comparisons import NotApplicable, compare_folds, compare_rows, ranking_of
from tune_polar.stats.ensemble_report import EnsembleReport
from tune_polar.stats.new_rows import NewRowsScore, new_rows_score
from tune_polar.stats.prediction_ensembles import prediction_ensembles
from tune_polar.stats.prediction_splits import labelled_splits, spread_of_runs
from tune_polar.stats.ranking import RankAgreement
from tune_polar.stats.rare_labels import RareLabel, rare_labels
from tune_polar.stats.scored_configuration import (
    METRIC,
    ScoredConfiguration,
    compared_with,
    gold_of,
    scored_configurations,
    thresholds_of,
)
from tune_polar.stats.split_alarm import LabelledSplit
from tune_polar.stats.told_apart import ComparisonMatrix

TOP = 5  # configurations that are compared with each other
LEVELS = (0.90, 0.95)
_T = TypeVar("_T")


@dataclass(frozen=True)
class ReportSettings:
    """What a user may ask for."""

    rules: tuple[str, ...] = ()  # none: the usual ones of the score
    seed: int = 0
    rounds: int = 1000
    new_rows: int | None = None  # size of the test set to come; none: the largest split beside oof, else oof itself


@dataclass(frozen=True)
class SplitFacts:
    """What was read of one split."""

    name: str
    rows: int
    has_gold: bool


@dataclass(frozen=True, eq=False)
class ThresholdReport:
    """Everything about one file; parts that cannot be computed say why."""

    path: Path
    labels: tuple[str, ...]
    metric: str
    rules: tuple[str, ...]
    configurations: tuple[str, ...]
    incomplete: tuple[str, ...]  # lack folds or rows that others have, and enter nothing
    splits: tuple[SplitFacts, ...]
    folds: tuple[int, ...]
    notes: tuple[str, ...]
    gold: Gold  # of the out-of-fold rows
    scored: tuple[ScoredConfiguration, ...]  # complete configurations × rules
    winner: ScoredConfiguration
    corrected: BbcCv | NotApplicable
    new_rows: NewRowsScore | NotApplicable  # the first answer to what it will score
    splits_ahead: tuple[LabelledSplit, ...]  # each labelled split beside what was expected of it
    bootstrap: BootstrapScores  # of the winner's cross-fitted decisions, at the first of LEVELS
    findings: tuple[tuple[str, tuple[ThresholdFinding, ...]], ...]  # of the winner's configuration, by rule
    by_folds: ComparisonMatrix | NotApplicable
    by_rows: ComparisonMatrix | NotApplicable
    ranking: RankAgreement | NotApplicable
    ensembles: EnsembleReport | NotApplicable
    rare: tuple[RareLabel, ...]  # of the winner's decisions

    @property
    def labelled(self) -> tuple[str, ...]:
        """Splits beside the out-of-fold rows on which the winner was scored."""
        return tuple(self.winner.judgement.splits)

    def of(self, name: str) -> tuple[ScoredConfiguration, ...]:
        """One configuration under every rule."""
        return tuple(each for each in self.scored if each.name == name)

    def by(self, rule: str) -> tuple[ScoredConfiguration, ...]:
        """Every configuration under one rule, best cross-fitted score first."""
        return tuple(sorted((each for each in self.scored if each.rule == rule), key=lambda each: -each.cross_fitted))


def threshold_report(table: PredictionTable, settings: ReportSettings) -> ThresholdReport:
    """Build the report.

    Raises:
        DecisionError: an unknown rule, no complete configuration, fewer than two folds, too few rounds.
    """
    rules = tuple(dict.fromkeys(settings.rules)) or usual_rules(
        "both_classes" if len(table.labels) == 1 else "positive"
    )
    for rule in rules:
        threshold_rule(rule)
    complete = complete_configurations(table)
    rows = align(complete)
    scored = tuple(scored_configurations(complete, rows, rules))
    gold = _gold(rows, table.labels)
    winner = max(scored, key=lambda each: each.cross_fitted)
    compared, rng = compared_with(winner, scored), np.random.default_rng(settings.seed)
    corrected: BbcCv | NotApplicable = winner.flaw or or_reason(
        lambda: bbc_cv(
            winner.judgement.rows,
            [Candidate(each.name, each.rule, each.decided) for each in compared],
            rng,
            rounds=settings.rounds,
            level=LEVELS[0],
        )
    )
    runs = None if isinstance(corrected, str) else spread_of_runs(compared, winner, corrected, rng)
    splits = split_facts(table)
    names = [each.name for each in complete]
    top = sorted((each for each in scored if each.rule == winner.rule), key=lambda each: -each.cross_fitted)[:TOP]
    return ThresholdReport(
        path=table.path,
        labels=table.labels,
        metric=METRIC,
        rules=rules,
        configurations=tuple(each.name for each in table.configurations),
        incomplete=tuple(each.name for each in table.configurations if not each.complete),
        splits=splits,
        folds=tuple(np.unique(winner.fold).tolist()),
        notes=(*table.notes, *fold_notes(winner), *_label_notes(gold)),
        gold=gold,
        scored=scored,
        winner=winner,
        corrected=corrected,
        new_rows=corrected
        if isinstance(corrected, str)
        else new_rows_score(corrected, winner.judgement.rows, winner.decided, new_size(splits, settings), runs, rng),
        splits_ahead=()
        if isinstance(corrected, str)
        else labelled_splits(compared, winner, rows, complete[names.index(winner.name)], corrected, runs, rng),
        bootstrap=bootstrap_scores(
            gold, winner.decided, rng, rounds=settings.rounds, level=LEVELS[0], texts=winner.judgement.rows.bonds
        ),
        findings=tuple(
            (each.rule, _findings(each, rows.probability[names.index(each.name)]))
            for each in scored
            if each.name == winner.name
        ),
        by_folds=compare_folds(top, winner),
        by_rows=compare_rows(top, winner.judgement.rows, rng),
        ranking=or_reason(lambda: ranking_of([each for each in scored if each.rule == winner.rule])),
        ensembles=prediction_ensembles(rows, scored, winner, rounds=settings.rounds, seed=settings.seed),
        rare=rare_labels(winner.judgement.rows, winner.decided, new_size(splits, settings)),
    )


def complete_configurations(table: PredictionTable) -> tuple[ConfigurationPredictions, ...]:
    """Those with every out-of-fold row.

    Raises:
        DecisionError: there is none.
    """
    if table.complete:
        return table.complete
    raise DecisionError(
        f"{table.path}: at least one configuration must have every out-of-fold row, got "
        f"{len(table.configurations)} configurations that each lack rows; {'; '.join(table.notes)}",
        "Finish the folds of one configuration, or give the configurations in files of their own.",
    )


def _gold(rows: AlignedPredictions, labels: tuple[str, ...]) -> Gold:
    if rows.gold is None:
        raise DecisionError("out-of-fold rows must have gold, got none", "Write the gold of every out-of-fold row.")
    return gold_of(rows.gold, labels)


def or_reason(compute: Callable[[], _T]) -> _T | NotApplicable:
    """The result, or the rule that it breaks."""
    try:
        return compute()
    except DecisionError as error:
        return error.problem


def split_facts(table: PredictionTable) -> tuple[SplitFacts, ...]:
    """Texts of each split, as the configuration with most of them has it; out-of-fold rows first."""
    names = dict.fromkeys([OOF, *(split for each in table.configurations for split in each.splits)])
    found = []
    for name in names:
        parts = [each.splits[name] for each in table.configurations if name in each.splits]
        found.append(
            SplitFacts(name, max(len(set(part.ids)) for part in parts), any(part.gold is not None for part in parts))
        )
    return tuple(found)


def new_size(splits: Sequence[SplitFacts], settings: ReportSettings) -> int:
    """Size of the test set to come: as told, else of the largest split beside the out-of-fold rows, else theirs."""
    held_out = [each.rows for each in splits if each.name != OOF]
    return settings.new_rows or max(held_out, default=splits[0].rows)


def fold_notes(winner: ScoredConfiguration) -> list[str]:
    """What becomes of rows that all have one fold."""
    if len(winner.fold_scores) > 1:
        return []
    return [
        f"the out-of-fold rows have one fold: they are cut into {CUT_PARTS} parts by their ids, and thresholds for "
        "each are chosen on the others; what compares folds is not applicable"
    ]


def _label_notes(gold: Gold) -> list[str]:
    """Labels on which no threshold can say anything."""
    notes = []
    for label, positives in zip(gold.names, np.count_nonzero(gold.values, axis=0), strict=True):
        if positives == 0:
            notes.append(f"{label} is positive in no out-of-fold row: nothing is predicted, its F1 counts as 0")
        elif positives == len(gold):
            notes.append(f"{label} is positive in every out-of-fold row: everything is predicted")
    return notes


def _findings(scored: ScoredConfiguration, probability: FloatArray) -> tuple[ThresholdFinding, ...]:
    judgement = scored.judgement
    gold, ladder = judgement.rows.gold, judgement.ladder
    chosen = thresholds_of(ladder["fold_tuned"])[0]
    found = threshold_findings(chosen, gold.values, probability, labels=gold.names, rule=scored.rule)
    if len(scored.fold_scores) < 2:  # the parts are no folds: nobody trained a model on one
        return found
    crossed = ladder["cross_fitted"]
    return (*found, *fold_threshold_findings(thresholds_of(crossed), folds=crossed.parts, labels=gold.names))
