"""Rows that cannot be told apart, counted once: resampling rows becomes drawing counts.

Two rows with the same gold and the same decisions add the same to every confusion count. A bootstrap round
needs only how often each such kind of row is drawn: one multinomial draw instead of an index a row. Rows are drawn
without strata: within each pattern of gold labels, a row alone in its pattern would be in every round, and of a dozen
labels half of the rows are. Equal models would then be told apart far too often.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tune_polar.decide.array_checks import BitArray, BoolArray, FloatArray, IntArray, as_bool, same_shape
from tune_polar.decide.confusion_scores import Confusion
from tune_polar.decide.rows import Gold, GoldKind
from tune_polar.errors import DecisionError
from tune_polar.stats.weighted_scores import column_f1


@dataclass(frozen=True, eq=False)
class RowKinds:
    """Distinct kinds of rows."""

    gold: BoolArray  # (kinds, labels)
    decided: tuple[BoolArray, ...]  # one (kinds, labels) per set of decisions
    count: IntArray  # (kinds,) rows of that kind
    kind: GoldKind  # "binary" or "labels"

    def drawn(self, rounds: int, rng: np.random.Generator) -> IntArray:
        """How often each kind is drawn per round, (rounds, kinds); as many rows in all as there are."""
        rows = self.count.sum()
        return rng.multinomial(rows, self.count / rows, size=rounds)

    def confusion(self, drawn: IntArray, which: int) -> Confusion:
        """Counts of decisions ``which`` per round; ``drawn`` (rounds, kinds) → arrays (rounds, labels)."""
        gold, decided = self.gold.astype(np.float64), self.decided[which].astype(np.float64)
        # matrix products of floats are fast, and exact for counts below 2^53
        draws = drawn.astype(np.float64)
        tp = _counts(draws @ (gold * decided))
        predicted, positive = _counts(draws @ decided), _counts(draws @ gold)
        total = drawn.sum(axis=1, keepdims=True)
        return Confusion(tp=tp, fp=predicted - tp, fn=positive - tp, tn=total - predicted - positive + tp)

    def per_column(self, drawn: IntArray, which: int = 0) -> FloatArray:
        """Macro-F1's parts by decisions ``which``; ``drawn`` (rounds, kinds) → (rounds, columns)."""
        return column_f1(self.kind)(self.confusion(drawn, which))

    def macro(self, drawn: IntArray, which: int = 0) -> FloatArray:
        """Macro-F1 of decisions ``which`` per round; ``drawn`` (rounds, kinds) → (rounds,)."""
        return np.asarray(self.per_column(drawn, which).mean(axis=1))


def _counts(values: FloatArray) -> IntArray:
    return np.rint(values).astype(np.int64)


def row_kinds(gold: Gold, *decided: BitArray) -> RowKinds:
    """Kinds of rows of ``gold``, a yes-or-no column or labels, under any number of decisions (rows, columns).

    Raises:
        DecisionError: other rows or columns than gold has, or no row.
    """
    truth = as_bool(gold.values, "gold", 2)
    guesses = [as_bool(each, "decisions", 2) for each in decided]
    for guess in guesses:
        same_shape(truth, guess, "gold and decisions")
    if truth.size == 0:
        raise DecisionError(
            f"a bootstrap needs at least one row and one label, got shape {truth.shape}",
            "Give the rows of a finished fold.",
        )
    columns = truth.shape[1]
    kinds, count = np.unique(np.concatenate([truth, *guesses], axis=1), axis=0, return_counts=True)
    parts = [kinds[:, start : start + columns] for start in range(0, kinds.shape[1], columns)]
    return RowKinds(parts[0], tuple(parts[1:]), count.astype(np.int64), gold.kind)
