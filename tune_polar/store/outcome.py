"""What a configuration scores, honestly: decision settings are chosen on the other folds (DESIGN, definitions).

Three objectives, each pooled over out-of-fold rows and scored once:

- ``detector``: macro-F1 of polarized or not, over all rows
- ``gold_gated``: mean F1 of the labels over the gold-polarized rows
- ``end_to_end``: mean F1 of the labels over all rows; rows the detector rejects get no label
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from tune_polar.decide.checks import BoolArray, FloatArray
from tune_polar.decide.crossfit import ProtocolTable, cross_fitted_decisions, threshold_protocols
from tune_polar.decide.ensemble import weighted_mean
from tune_polar.decide.gating import EndToEndRows, cross_fitted_end_to_end
from tune_polar.decide.knn import cross_fit_votes, ensemble_counts
from tune_polar.decide.scores import binary_macro_f1, label_macro_f1, positive_f1
from tune_polar.decide.thresholds import choose_thresholds
from tune_polar.decide.vote_sweep import VoteSweep, vote_counts
from tune_polar.decide.votes import VoteCandidates, VoteRule, every_share
from tune_polar.store.predictions_of import ConfigurationPredictions
from tune_polar.store.record import Array

Objective = Literal["detector", "gold_gated", "end_to_end"]


@dataclass(frozen=True, eq=False)
class Decided:
    """Decisions on out-of-fold rows by one set of decision settings, and their scores."""

    rule: str  # threshold rule; "" for a detector alone
    votes: VoteRule  # (k, τ) as chosen on all rows, or as given
    votes_chosen: bool  # True: (k, τ) was chosen, fold by fold, on the other folds
    score: float  # the objective
    fold_scores: tuple[float, ...]  # the objective on each fold's rows, in fold order
    per_class: Mapping[str, float]  # F1
    decided: BoolArray  # (rows, labels or 1), row order of ``gold``
    gold: BoolArray  # (rows, labels or 1)


@dataclass(frozen=True, eq=False)
class DetectorScores:
    """The detector's macro-F1 by where (k, τ) was chosen."""

    cross_fitted: float
    fold_tuned: float  # chosen and scored on the pooled out-of-fold rows
    inside_folds: float  # chosen and scored in each fold, averaged
    published: float  # the recipe's own (k, τ)
    chosen: VoteRule  # on all out-of-fold rows: what a final system would use
    dev_fold_tuned: float | None
    dev_oracle: float | None


@dataclass(frozen=True, eq=False)
class Outcome:
    """Everything the stored predictions of one configuration with all its folds say."""

    objective: Objective
    detector: DetectorScores
    thresholds: ProtocolTable | None  # on gold-polarized rows, by the best decision's rule
    decisions: tuple[Decided, ...]  # by the recipe's rule first, (k, τ) cross-fitted
    proposed: Decided  # the very (k, τ) and rule of the recipe
    gold_gated: float | None  # the same rule, cross-fitted

    @property
    def best(self) -> Decided:
        """The best cross-fitted decision; a tie goes to the recipe's own rule, which stands first."""
        return max(self.decisions, key=lambda decided: decided.score)

    @property
    def score(self) -> float:
        """The objective of the best cross-fitted decision."""
        return self.best.score


def outcome_of(predictions: ConfigurationPredictions, rules: Sequence[str] = ()) -> Outcome:
    """Score a configuration all of whose folds have finished.

    Args:
        predictions: with no missing folds.
        rules: further threshold rules to decide by; the recipe's own always is.
    """
    recipe = predictions.configuration.recipe
    tables, gold = predictions.detector_tables()
    candidates = every_share(range(1, tables[0].shape[1] + 1))
    proposed_votes = VoteRule.of(min(recipe.decision.k, tables[0].shape[1]), recipe.decision.tau)
    detector = _detector_scores(predictions, tables, gold, proposed_votes)
    if recipe.classifier is None:
        swept = _detector_decision(predictions, tables, gold, candidates)
        return Outcome(
            objective="detector",
            detector=detector,
            thresholds=None,
            decisions=(swept,),
            proposed=_detector_decision(predictions, tables, gold, proposed_votes),
            gold_gated=None,
        )
    own = recipe.decision.threshold_rule
    ordered = list(dict.fromkeys([own, *rules]))
    objective = recipe.decision.objective
    if objective == "detector":
        decisions = [_detector_decision(predictions, tables, gold, candidates)]
        proposed = _detector_decision(predictions, tables, gold, proposed_votes)
    elif objective == "gold_gated":
        decisions = [_gold_gated(predictions, rule, detector.chosen) for rule in ordered]
        proposed = decisions[0]
    else:
        decisions = [_end_to_end(predictions, rule, candidates, detector.chosen) for rule in ordered]
        proposed = _end_to_end(predictions, own, proposed_votes, proposed_votes)
    best = max(decisions, key=lambda decided: decided.score)
    protocols = _protocols(predictions, best.rule or own)
    return Outcome(
        objective=objective,
        detector=detector,
        thresholds=protocols,
        decisions=tuple(decisions),
        proposed=proposed,
        gold_gated=protocols.score("cross_fitted", "oof").macro_f1,
    )


def _detector_scores(
    predictions: ConfigurationPredictions, tables: list[Array], gold: list[Array], proposed: VoteRule
) -> DetectorScores:
    candidates = every_share(range(1, tables[0].shape[1] + 1))
    fitted = cross_fit_votes(tables, gold, range(1, tables[0].shape[1] + 1))
    inside = [
        float(VoteSweep.of_folds([t], [g], candidates).macro_f1().max()) for t, g in zip(tables, gold, strict=True)
    ]
    decided = np.concatenate([proposed.decide(vote_counts(t, proposed.k)) for t in tables])
    dev_tables = predictions.dev("dev_neighbour_labels")
    dev_fold_tuned = dev_oracle = None
    if dev_tables and predictions.gold.dev is not None:
        dev_gold = predictions.gold.dev.labels.get(predictions.configuration.recipe.task.target)
        if dev_gold is not None:
            width = min(table.shape[1] for table in dev_tables)
            dev_tables = [table[:, :width] for table in dev_tables]
            chosen = fitted.pooled_choice
            counts = ensemble_counts(dev_tables, chosen.k)
            dev_fold_tuned = binary_macro_f1(dev_gold, chosen.decide(counts, models=len(dev_tables)))
            ensemble = VoteSweep.of_ensemble(
                dev_tables, dev_gold, every_share(range(1, width + 1), models=len(dev_tables))
            )
            dev_oracle = float(ensemble.macro_f1().max())
    return DetectorScores(
        cross_fitted=fitted.score,
        fold_tuned=fitted.pooled_score,
        inside_folds=float(np.mean(inside)),
        published=binary_macro_f1(np.concatenate(gold), decided),
        chosen=fitted.pooled_choice,
        dev_fold_tuned=dev_fold_tuned,
        dev_oracle=dev_oracle,
    )


def _detector_decision(
    predictions: ConfigurationPredictions,
    tables: list[Array],
    gold: list[Array],
    votes: VoteCandidates | VoteRule,
) -> Decided:
    if isinstance(votes, VoteRule):
        parts = [votes.decide(vote_counts(table, votes.k)) for table in tables]
        chosen = votes
    else:
        fitted = cross_fit_votes(tables, gold, range(1, tables[0].shape[1] + 1))
        parts, chosen = list(fitted.decided), fitted.pooled_choice
    truth, decided = np.concatenate(gold) == 1, np.concatenate(parts)
    return Decided(
        rule="",
        votes=chosen,
        votes_chosen=not isinstance(votes, VoteRule),
        score=binary_macro_f1(truth, decided),
        fold_scores=tuple(binary_macro_f1(g, d) for g, d in zip(gold, parts, strict=True)),
        per_class={
            predictions.configuration.recipe.task.target: float(positive_f1(truth[:, None], decided[:, None])[0])
        },
        decided=decided[:, None],
        gold=truth[:, None],
    )


def _gold_gated(predictions: ConfigurationPredictions, rule: str, votes: VoteRule) -> Decided:
    fold, row, probability = predictions.classifier_rows()
    labels = predictions.configuration.recipe.task.labels
    keep = predictions.target[row] == 1
    fold, row, probability = fold[keep], row[keep], probability[keep]
    gold = predictions.gold.train.matrix(labels)[row] == 1
    decided = cross_fitted_decisions(rule, gold, probability, fold, labels).decided
    return Decided(
        rule=rule,
        votes=votes,
        votes_chosen=True,
        score=label_macro_f1(gold, decided),
        fold_scores=_fold_scores(gold, decided, fold),
        per_class=dict(zip(labels, positive_f1(gold, decided).tolist(), strict=True)),
        decided=decided,
        gold=gold,
    )


def _end_to_end(
    predictions: ConfigurationPredictions, rule: str, votes: VoteCandidates | VoteRule, chosen: VoteRule
) -> Decided:
    labels = predictions.configuration.recipe.task.labels
    fold, row, probability = predictions.classifier_rows()
    tables, _ = predictions.detector_tables()
    gold = predictions.gold.train.matrix(labels)[row] == 1
    rows = EndToEndRows(
        fold=fold,
        gold_polarized=predictions.target[row],
        gold_labels=gold,
        neighbour_labels=np.concatenate(tables),
        probability=probability,
    )
    result = cross_fitted_end_to_end(rows, rule, votes)
    return Decided(
        rule=rule,
        votes=chosen,
        votes_chosen=not isinstance(votes, VoteRule),
        score=result.macro_f1,
        fold_scores=_fold_scores(gold, result.decided, fold),
        per_class=dict(zip(labels, result.per_class.tolist(), strict=True)),
        decided=result.decided,
        gold=gold,
    )


def _protocols(predictions: ConfigurationPredictions, rule: str) -> ProtocolTable:
    fold, row, probability = predictions.classifier_rows()
    recipe = predictions.configuration.recipe
    labels, target = recipe.task.labels, recipe.task.target
    keep = predictions.target[row] == 1
    gold = predictions.gold.train.matrix(labels)[row[keep]]
    dev_gold = dev_probability = None
    dev, dev_parts = predictions.gold.dev, predictions.dev("dev_probability")
    if dev is not None and dev_parts and {target, *labels} <= set(dev.labels):
        dev_rows = dev.labels[target] == 1
        if dev_rows.any():
            dev_gold, dev_probability = dev.matrix(labels)[dev_rows], weighted_mean(dev_parts)[dev_rows]
    return threshold_protocols(rule, gold, probability[keep], fold[keep], dev_gold, dev_probability, labels=labels)


def deployed_thresholds(predictions: ConfigurationPredictions, rule: str) -> dict[str, float]:
    """Thresholds chosen on all out-of-fold gold-polarized rows: what a final system would use."""
    fold, row, probability = predictions.classifier_rows()
    labels = predictions.configuration.recipe.task.labels
    keep = predictions.target[row] == 1
    gold = predictions.gold.train.matrix(labels)[row[keep]]
    chosen: FloatArray = choose_thresholds(rule, gold, probability[keep], folds=fold[keep], labels=labels)
    return dict(zip(labels, chosen.tolist(), strict=True))


def _fold_scores(gold: BoolArray, decided: BoolArray, fold: Array) -> tuple[float, ...]:
    return tuple(label_macro_f1(gold[fold == f], decided[fold == f]) for f in np.unique(fold))


def rounded_tau(tau: Fraction) -> float:
    """τ as a recipe writes it."""
    return round(float(tau), 6)
