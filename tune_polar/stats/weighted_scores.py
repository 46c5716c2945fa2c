"""Macro-F1 of many candidates under many row weights at once: three matrix products."""

from __future__ import annotations

import numpy as np

from tune_polar.decide.checks import BoolArray, FloatArray
from tune_polar.decide.scores import Confusion, Score, per_label_f1


def bootstrap_weights(rows: int, rounds: int, rng: np.random.Generator) -> FloatArray:
    """How often each row is drawn with replacement, (rounds, rows), as float32 for the matrix products."""
    picked = rng.integers(rows, size=(rounds, rows)) + np.arange(rounds)[:, None] * rows
    return np.bincount(picked.ravel(), minlength=rounds * rows).reshape(rounds, rows).astype(np.float32)


class WeightedScores:
    """Gold and decisions as matrices whose product with row weights gives confusion counts."""

    def __init__(self, gold: BoolArray, decided: BoolArray, score: Score) -> None:
        """``gold`` (rows, labels), ``decided`` (rows, candidates, labels)."""
        rows = len(gold)
        self._shape = decided.shape[1:]
        # float32 holds whole numbers up to 2^24 exactly, far above any number of rows here
        self._gold = gold.astype(np.float32)
        self._predicted = decided.reshape(rows, -1).astype(np.float32)
        self._hits = (decided & gold[:, None, :]).reshape(rows, -1).astype(np.float32)
        self._score = score

    def macro(self, weights: FloatArray) -> FloatArray:
        """Macro-F1 of every candidate; ``weights`` (rounds, rows) → (rounds, candidates)."""
        tp = (weights @ self._hits).reshape(-1, *self._shape).astype(np.int64)
        predicted = (weights @ self._predicted).reshape(-1, *self._shape).astype(np.int64)
        positive = (weights @ self._gold)[:, None, :].astype(np.int64)
        total = weights.sum(axis=1).astype(np.int64)[:, None, None]
        counts = Confusion(tp=tp, fp=predicted - tp, fn=positive - tp, tn=total - predicted - positive + tp)
        return np.asarray(per_label_f1(counts, self._score).mean(axis=2))
