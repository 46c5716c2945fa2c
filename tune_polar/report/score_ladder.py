"""Question 1: the winner's score by where its settings were chosen, from hindsight to other folds, then on dev."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tune_polar.decide.ensemble import weighted_mean
from tune_polar.decide.gating import gate
from tune_polar.decide.knn import VoteSweep, ensemble_counts, every_share, vote_counts
from tune_polar.decide.scores import label_macro_f1
from tune_polar.decide.thresholds import choose_thresholds
from tune_polar.report.numbers import decimals_for, fixed, spread
from tune_polar.stats.bbc_cv import BbcCv
from tune_polar.store.outcome import Outcome
from tune_polar.store.predictions_of import ConfigurationPredictions
from tune_polar.store.summary import ConfigurationSummary

NO_DEV = "no dev split with gold"


@dataclass(frozen=True)
class LadderRow:
    """One score of the winner."""

    name: str
    score: str
    interval: str
    chosen_on: str
    scored_on: str
    is_main: bool = False  # the one to report


@dataclass(frozen=True)
class _Values:
    oracle: float
    fold_tuned: float
    cross_fitted: float
    dev_oracle: float | None
    dev_fold_tuned: float | None


def score_ladder(best: ConfigurationSummary, corrected: BbcCv | str) -> tuple[LadderRow, ...]:
    """Rows of the winner's objective; ``best`` has predictions and an outcome."""
    outcome, predictions = best.outcome, best.predictions
    if outcome is None or predictions is None:
        return ()
    values = _values(outcome, predictions)
    error = spread(outcome.best.fold_scores)
    decimals = decimals_for(error)

    def shown(value: float | None) -> str:
        return "—" if value is None else fixed(value, decimals)

    if isinstance(corrected, str):
        sober = LadderRow("corrected", "—", f"not applicable: {corrected}", "", "", is_main=False)
    else:
        low, high = corrected.interval.low, corrected.interval.high
        interval = f"{fixed(low, decimals)} to {fixed(high, decimals)} ({corrected.interval.level:.0%})"
        sober = LadderRow(
            "corrected",
            shown(corrected.corrected),
            interval,
            "the other folds; the choice of the winner repeated",
            "out-of-fold rows",
            True,
        )
    crossed = LadderRow(
        "cross-fitted",
        shown(values.cross_fitted),
        f"± {fixed(error, decimals)} between folds",
        "the other folds",
        "out-of-fold rows",
        isinstance(corrected, str),
    )
    return (
        LadderRow("oracle", shown(values.oracle), "", "each fold’s own rows, then averaged", "out-of-fold rows"),
        LadderRow("fold-tuned", shown(values.fold_tuned), "", "all these rows pooled", "out-of-fold rows"),
        crossed,
        sober,
        LadderRow(
            "dev, oracle",
            shown(values.dev_oracle),
            "" if values.dev_oracle is not None else NO_DEV,
            "dev gold itself",
            "dev rows",
        ),
        LadderRow(
            "dev, fold-tuned",
            shown(values.dev_fold_tuned),
            "" if values.dev_fold_tuned is not None else NO_DEV,
            "all out-of-fold rows",
            "dev rows, fold models together",
        ),
    )


def _values(outcome: Outcome, predictions: ConfigurationPredictions) -> _Values:
    if outcome.objective == "detector":
        votes = outcome.detector
        return _Values(votes.inside_folds, votes.fold_tuned, votes.cross_fitted, votes.dev_oracle, votes.dev_fold_tuned)
    table = outcome.thresholds
    if outcome.objective == "gold_gated" and table is not None:
        dev = {row.protocol: row.macro_f1 for row in table.rows if row.scored_on == "dev"}
        return _Values(
            table.score("inside_folds", "oof").macro_f1,
            table.score("fold_tuned", "oof").macro_f1,
            table.score("cross_fitted", "oof").macro_f1,
            dev.get("oracle"),
            dev.get("fold_tuned"),
        )
    return _end_to_end(outcome, predictions)


def _end_to_end(outcome: Outcome, predictions: ConfigurationPredictions) -> _Values:
    rule, votes = outcome.best.rule, outcome.best.votes
    fold, row, probability = predictions.classifier_rows()
    labels = predictions.configuration.recipe.task.labels
    gold = predictions.gold.train.matrix(labels)[row] == 1
    polarized = predictions.target[row] == 1
    tables, _ = predictions.detector_tables()
    neighbours = np.concatenate(tables)
    thresholds = choose_thresholds(rule, gold[polarized], probability[polarized], folds=fold[polarized])
    pooled = gate(votes.decide(vote_counts(neighbours, votes.k)), probability >= thresholds)
    candidates = every_share(range(1, neighbours.shape[1] + 1))
    inside = []
    for number in np.unique(fold):
        own = fold == number
        sweep = VoteSweep.of_folds([neighbours[own]], [polarized[own]], candidates)
        chosen = candidates.rule(sweep.choose())
        cuts = choose_thresholds(rule, gold[own & polarized], probability[own & polarized])
        decided = gate(chosen.decide(vote_counts(neighbours[own], chosen.k)), probability[own] >= cuts)
        inside.append(label_macro_f1(gold[own], decided))
    oracle, tuned = _on_dev(outcome, predictions, thresholds)
    return _Values(float(np.mean(inside)), label_macro_f1(gold, pooled), outcome.score, oracle, tuned)


def _on_dev(
    outcome: Outcome,
    predictions: ConfigurationPredictions,
    thresholds: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> tuple[float | None, float | None]:
    """Chosen on dev itself, and carried over from the out-of-fold rows."""
    task, dev = predictions.configuration.recipe.task, predictions.gold.dev
    tables, parts = predictions.dev("dev_neighbour_labels"), predictions.dev("dev_probability")
    if dev is None or not tables or not parts or not {task.target, *task.labels} <= set(dev.labels):
        return None, None
    width = min(table.shape[1] for table in tables)
    tables = [table[:, :width] for table in tables]
    gold, polarized = dev.matrix(task.labels) == 1, dev.labels[task.target] == 1
    if not polarized.any():
        return None, None
    probability, votes = weighted_mean(parts), outcome.best.votes
    counts = ensemble_counts(tables, min(votes.k, width))
    tuned = gate(votes.decide(counts, models=len(tables)), probability >= thresholds)
    candidates = every_share(range(1, width + 1), models=len(tables))
    own = candidates.rule(VoteSweep.of_ensemble(tables, polarized, candidates).choose())
    cuts = choose_thresholds(outcome.best.rule, gold[polarized], probability[polarized])
    best = gate(own.decide(ensemble_counts(tables, own.k), models=len(tables)), probability >= cuts)
    return label_macro_f1(gold, best), label_macro_f1(gold, tuned)
