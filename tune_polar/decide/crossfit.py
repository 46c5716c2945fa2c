"""Scores of a threshold rule by where its thresholds were chosen: how honest a number is, side by side.

- oracle: chosen on the rows they are scored on (dev gold where there is dev; else inside each fold)
- inside_folds: chosen and scored in each fold alone, averaged over folds
- fold_tuned: chosen on the pooled out-of-fold rows; scored there, and on dev where there is dev
- cross_fitted: for each fold chosen on the other folds' rows; all decisions pooled and scored once
- fixed_half: 0.5 everywhere
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.checks import (
    BitArray,
    BoolArray,
    FloatArray,
    fold_numbers,
    gold_and_probability,
    label_names,
)
from tune_polar.decide.scores import Score, label_scores
from tune_polar.decide.thresholds import choose_thresholds
from tune_polar.errors import DecisionError

Protocol = Literal["oracle", "inside_folds", "fold_tuned", "cross_fitted", "fixed_half"]
Rows: TypeAlias = str  # name of a split: "oof", "dev", "test"


class CrossFitted(NamedTuple):
    """Decisions in which no row took part in choosing its own thresholds."""

    decided: BoolArray  # (rows, labels)
    thresholds: FloatArray  # (folds, labels), folds in rising order of their numbers


def cross_fitted_decisions(
    rule: str,
    gold: BitArray,
    probability: NDArray[Any],
    fold: NDArray[np.integer[Any]],
    labels: Sequence[str] | None = None,
) -> CrossFitted:
    """Choose each fold's thresholds on the pooled rows of the *other* folds, then decide this fold's rows.

    Raises:
        DecisionError: fewer than two folds, or anything ``choose_thresholds`` refuses.
    """
    truth, shares = gold_and_probability(gold, probability, labels)
    numbers, distinct = fold_numbers(fold, len(truth))
    decided = np.zeros(truth.shape, dtype=np.bool_)
    thresholds = np.empty((len(distinct), truth.shape[1]))
    for index, number in enumerate(distinct):
        own = numbers == number
        thresholds[index] = choose_thresholds(rule, truth[~own], shares[~own], folds=numbers[~own], labels=labels)
        decided[own] = shares[own] >= thresholds[index]
    return CrossFitted(decided, thresholds)


@dataclass(frozen=True, eq=False)
class ProtocolScore:
    """One way of choosing thresholds, and what it scores."""

    protocol: Protocol
    scored_on: Rows
    per_class: FloatArray  # (labels,) F1 of the positive class, or the mean of both classes' F1
    thresholds: FloatArray  # (labels,), or (folds, labels) where each fold has its own
    decided: BoolArray | None = None  # (rows, labels), of cross-fitted decisions

    @property
    def macro_f1(self) -> float:
        """Mean over labels."""
        return float(self.per_class.mean())


@dataclass(frozen=True, eq=False)
class ProtocolTable:
    """Every protocol's scores for one rule and one set of predictions."""

    rule: str
    labels: tuple[str, ...]
    rows: tuple[ProtocolScore, ...]

    def score(self, protocol: Protocol, scored_on: Rows | None = None) -> ProtocolScore:
        """The row of this protocol; without ``scored_on`` on dev where it has been scored there.

        Raises:
            DecisionError: it was not scored on those rows.
        """
        found = [row for row in self.rows if row.protocol == protocol and scored_on in (None, row.scored_on)]
        if not found:
            raise DecisionError(
                f"{protocol!r} must have been scored on {scored_on!r}, got "
                f"{[(row.protocol, row.scored_on) for row in self.rows]}",
                "Give dev gold and probabilities, or ask for the out-of-fold rows.",
            )
        return next((row for row in found if row.scored_on == "dev"), found[0])

    @property
    def comparison(self) -> tuple[ProtocolScore, ProtocolScore, ProtocolScore, ProtocolScore]:
        """A report's four columns: oracle, fold-tuned, cross-fitted, 0.5; each says where it was scored."""
        return (
            self.score("oracle"),
            self.score("fold_tuned"),
            self.score("cross_fitted"),
            self.score("fixed_half"),
        )


def threshold_protocols(
    rule: str,
    gold: BitArray,
    probability: NDArray[Any],
    fold: NDArray[np.integer[Any]],
    dev_gold: BitArray | None = None,
    dev_probability: NDArray[Any] | None = None,
    *,
    labels: Sequence[str] | None = None,
    score: Score = "positive",
) -> ProtocolTable:
    """Score ``rule`` by every protocol.

    Args:
        rule: a key of ``THRESHOLD_RULES``.
        gold: 0/1 of the out-of-fold rows, (rows, labels).
        probability: same shape; each row predicted by the model that did not train on it.
        fold: fold number per row, (rows,).
        dev_gold: 0/1 of the dev rows, (dev rows, labels), if there are any.
        dev_probability: same shape; usually the fold models' mean.
        labels: names of the columns.
        score: which F1 is meant; ``both_classes`` for ST1.

    Raises:
        DecisionError: anything ``cross_fitted_decisions`` refuses, or only one of the two dev arrays.
    """
    truth, shares = gold_and_probability(gold, probability, labels)
    numbers, distinct = fold_numbers(fold, len(truth))
    half = np.full(truth.shape[1], 0.5)
    pooled = choose_thresholds(rule, truth, shares, folds=numbers, labels=labels)
    crossed = cross_fitted_decisions(rule, truth, shares, numbers, labels)
    inside = _inside_folds(rule, truth, shares, [numbers == number for number in distinct], score)
    rows = [
        ProtocolScore("inside_folds", "oof", *inside),
        ProtocolScore("fold_tuned", "oof", label_scores(truth, shares >= pooled, score), pooled),
        ProtocolScore(
            "cross_fitted", "oof", label_scores(truth, crossed.decided, score), crossed.thresholds, crossed.decided
        ),
        ProtocolScore("fixed_half", "oof", label_scores(truth, shares >= half, score), half),
    ]
    if (dev_gold is None) != (dev_probability is None):
        raise DecisionError(
            "dev_gold and dev_probability must be given together, got one of them",
            "Give both, or neither where there is no dev split.",
        )
    names = label_names(labels, truth.shape[1])
    if dev_gold is None or dev_probability is None:
        return ProtocolTable(rule, names, (ProtocolScore("oracle", "oof", *inside), *rows))
    return with_split(ProtocolTable(rule, names, tuple(rows)), "dev", dev_gold, dev_probability, score)


def with_split(
    table: ProtocolTable, split: str, gold: BitArray, probability: NDArray[Any], score: Score = "positive"
) -> ProtocolTable:
    """``table`` with a further labelled split: its oracle, and the fold-tuned thresholds and 0.5 applied to it.

    Raises:
        DecisionError: the split has no rows, or gold and probability do not fit each other or the table.
    """
    truth, shares = gold_and_probability(gold, probability, table.labels)
    own = choose_thresholds(table.rule, truth, shares, labels=table.labels)
    applied = [
        ProtocolScore(protocol, split, label_scores(truth, shares >= thresholds, score), thresholds)
        for protocol, thresholds in _on_all_rows(table)
    ]
    oracle = ProtocolScore("oracle", split, label_scores(truth, shares >= own, score), own)
    return replace(table, rows=(oracle, *table.rows, *applied))


def _on_all_rows(table: ProtocolTable) -> tuple[tuple[Protocol, FloatArray], ...]:
    """The protocols whose thresholds can be carried to other rows."""
    return (
        ("fold_tuned", table.score("fold_tuned", "oof").thresholds),
        ("fixed_half", table.score("fixed_half", "oof").thresholds),
    )


def _inside_folds(
    rule: str, gold: BoolArray, probability: FloatArray, folds: Sequence[BoolArray], score: Score
) -> tuple[FloatArray, FloatArray]:
    """F1 per label tuned and scored in each fold, averaged over folds; and each fold's thresholds."""
    thresholds = np.stack([choose_thresholds(rule, gold[own], probability[own]) for own in folds])
    scores = [
        label_scores(gold[own], probability[own] >= chosen, score)
        for own, chosen in zip(folds, thresholds, strict=True)
    ]
    return np.mean(scores, axis=0), thresholds
