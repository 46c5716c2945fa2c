"""Rows that cannot be told apart, counted once: resampling rows becomes drawing counts.

Two rows with the same gold and the same decisions add the same to every confusion count. A bootstrap round
needs only how often each such kind of row is drawn: one multinomial draw a stratum instead of an index a row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tune_polar.decide.checks import BoolArray, FloatArray, IntArray
from tune_polar.decide.scores import Confusion, Score, per_label_f1


@dataclass(frozen=True, eq=False)
class Cells:
    """Distinct kinds of rows."""

    gold: BoolArray  # (cells, labels)
    decided: tuple[BoolArray, ...]  # one (cells, labels) per set of decisions
    count: IntArray  # (cells,) rows of that kind
    stratum: IntArray  # (cells,) 0, 1, … ; kinds with the same gold share a stratum

    def drawn(self, rounds: int, rng: np.random.Generator, stratified: bool) -> IntArray:
        """How often each kind is drawn per round, (rounds, cells); as many rows a stratum as it has."""
        strata = self.stratum if stratified else np.zeros_like(self.stratum)
        result = np.empty((rounds, len(self.count)), dtype=np.int64)
        for stratum in np.unique(strata):
            own = strata == stratum
            rows = self.count[own]
            result[:, own] = rng.multinomial(rows.sum(), rows / rows.sum(), size=rounds)
        return result

    def confusion(self, drawn: IntArray, which: int) -> Confusion:
        """Counts of decisions ``which`` per round; ``drawn`` (rounds, cells) → arrays (rounds, labels)."""
        gold, decided = self.gold.astype(np.float64), self.decided[which].astype(np.float64)
        # matrix products of floats are fast, and exact for counts below 2^53
        draws = drawn.astype(np.float64)
        tp = _counts(draws @ (gold * decided))
        predicted, positive = _counts(draws @ decided), _counts(draws @ gold)
        total = drawn.sum(axis=1, keepdims=True)
        return Confusion(tp=tp, fp=predicted - tp, fn=positive - tp, tn=total - predicted - positive + tp)

    def macro(self, drawn: IntArray, score: Score, which: int = 0) -> FloatArray:
        """Macro-F1 of decisions ``which`` per round; ``drawn`` (rounds, cells) → (rounds,)."""
        return np.asarray(per_label_f1(self.confusion(drawn, which), score).mean(axis=1))


def _counts(values: FloatArray) -> IntArray:
    return np.rint(values).astype(np.int64)


def cells_of(gold: BoolArray, *decided: BoolArray) -> Cells:
    """Kinds of rows of ``gold`` (rows, labels) under any number of decisions of the same shape."""
    labels = gold.shape[1]
    kinds, count = np.unique(np.concatenate([gold, *decided], axis=1), axis=0, return_counts=True)
    parts = [kinds[:, start : start + labels] for start in range(0, kinds.shape[1], labels)]
    stratum = np.unique(parts[0], axis=0, return_inverse=True)[1].reshape(-1)
    return Cells(parts[0], tuple(parts[1:]), count.astype(np.int64), stratum.astype(np.int64))
