"""End to end: rows the detector rejects get all-zero labels, and every row is scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.checks import (
    BitArray,
    BoolArray,
    FloatArray,
    as_bool,
    fold_numbers,
    gold_and_probability,
)
from tune_polar.decide.scores import binary_macro_f1, positive_f1
from tune_polar.decide.thresholds import choose_thresholds
from tune_polar.decide.vote_sweep import VoteSweep, vote_counts
from tune_polar.decide.votes import VoteCandidates, VoteRule
from tune_polar.errors import DecisionError


def gate(detected: BitArray, decided: BitArray) -> BoolArray:
    """``decided`` (rows, labels) with all labels 0 where ``detected`` (rows,) is 0."""
    accepted, labels = as_bool(detected, "detected", 1), as_bool(decided, "decided", 2)
    if len(accepted) != len(labels):
        raise DecisionError(
            f"detected must hold one value per decided row ({len(labels)}), got {len(accepted)}",
            "Give both for the same rows in the same order.",
        )
    return labels & accepted[:, None]


@dataclass(frozen=True, eq=False)
class EndToEndRows:
    """Out-of-fold predictions of detector and classifier for all rows, on shared folds."""

    fold: NDArray[np.integer[Any]]  # (rows,)
    gold_polarized: BitArray  # (rows,)
    gold_labels: BitArray  # (rows, labels)
    neighbour_labels: BitArray  # (rows, K) of the detector that did not train on the row
    probability: NDArray[Any]  # (rows, labels) of the classifier that did not train on the row


@dataclass(frozen=True, eq=False)
class EndToEnd:
    """Cross-fitted decisions of the whole system, and their scores over all rows."""

    detected: BoolArray  # (rows,)
    decided: BoolArray  # (rows, labels), after the gate
    vote_rules: tuple[VoteRule, ...]  # per fold, in rising order of fold numbers
    thresholds: FloatArray  # (folds, labels)
    detector_macro_f1: float
    per_class: FloatArray  # (labels,)
    classifier_per_class: FloatArray  # (labels,) on the gold-polarized rows alone, without the gate

    @property
    def macro_f1(self) -> float:
        """Mean over labels, all rows, after the gate."""
        return float(self.per_class.mean())


def cross_fitted_end_to_end(rows: EndToEndRows, rule: str, votes: VoteCandidates | VoteRule) -> EndToEnd:
    """For each fold choose on the other folds, decide and gate this fold's rows; pool all rows, score once.

    (k, τ) is chosen by ST1's macro-F1 over all rows of the other folds, or is ``votes`` itself where that is
    one rule. Thresholds are chosen by ``rule`` on the other folds' gold-polarized rows, which is what a
    classifier trained on polarized rows alone would have to choose on.

    Raises:
        DecisionError: fewer than two folds, arrays of different rows, or other folds without a polarized row.
    """
    gold, probability = gold_and_probability(rows.gold_labels, rows.probability, None)
    fold, distinct = fold_numbers(rows.fold, len(gold))
    polarized = as_bool(rows.gold_polarized, "gold_polarized", 1)
    table = as_bool(rows.neighbour_labels, "neighbour_labels", 2)
    for what, length in (("gold_polarized", len(polarized)), ("neighbour_labels", len(table))):
        if length != len(gold):
            raise DecisionError(
                f"{what} must hold the same {len(gold)} rows as gold_labels, got {length}",
                "Give detector and classifier predictions of the same rows in the same order.",
            )
    chosen_votes = _choose_votes(table, polarized, [fold == number for number in distinct], votes)
    detected = np.zeros(len(gold), dtype=np.bool_)
    decided = np.zeros(gold.shape, dtype=np.bool_)
    thresholds = np.empty((len(distinct), gold.shape[1]))
    for index, (number, vote_rule) in enumerate(zip(distinct, chosen_votes, strict=True)):
        own = fold == number
        others = ~own & polarized
        thresholds[index] = choose_thresholds(rule, gold[others], probability[others], folds=fold[others])
        detected[own] = vote_rule.decide(vote_counts(table[own], vote_rule.k))
        decided[own] = probability[own] >= thresholds[index]
    gated = gate(detected, decided)
    return EndToEnd(
        detected=detected,
        decided=gated,
        vote_rules=chosen_votes,
        thresholds=thresholds,
        detector_macro_f1=binary_macro_f1(polarized, detected),
        per_class=positive_f1(gold, gated),
        classifier_per_class=positive_f1(gold[polarized], decided[polarized]),
    )


def _choose_votes(
    table: BoolArray, polarized: BoolArray, folds: list[BoolArray], votes: VoteCandidates | VoteRule
) -> tuple[VoteRule, ...]:
    """One rule per fold."""
    if isinstance(votes, VoteRule):
        return (votes,) * len(folds)
    sweep = VoteSweep.of_folds([table[own] for own in folds], [polarized[own] for own in folds], votes)
    return tuple(votes.rule(sweep.choose(without=index)) for index in range(len(folds)))
