"""Scores of many ensembles at once: what they are chosen by, in single precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import BoolArray, FloatArray
from tune_polar.decide.confusion_scores import Confusion, f1_of_counts
from tune_polar.decide.metrics import Metric
from tune_polar.decide.rows import Gold

Real = np.float32  # half the bytes to move; nobody is shown what is computed with it
_LEVELS = 2**30  # that shares are told apart by: they sort as whole numbers, their gold in the last bit


@dataclass(frozen=True, eq=False)
class Cuts:
    """Every cut of every column of every ensemble, from the highest share down."""

    levels: NDArray[np.uint32]  # (ensembles, columns, all rows)
    ranked: NDArray[np.uint32]  # (ensembles, columns, judged rows), falling; the last bit says that gold is negative
    score: NDArray[
        np.float32
    ]  # of calling these and all above them positive; F1, of one yes-or-no column of both classes

    @classmethod
    def of(cls, shares: NDArray[Any], gold: Gold, mask: BoolArray) -> Cuts:
        """Of ``shares`` (ensembles, columns, rows), on the rows of ``mask``."""
        levels = (shares * Real(_LEVELS)).astype(np.uint32)
        truth = gold.values[mask].T  # (columns, judged rows)
        positives, count = truth.sum(axis=1, dtype=np.int32)[:, None], np.int32(truth.shape[1])
        # Of equal shares the negatives first: no cut between equals then beats the cuts around them.
        ranked = (levels if mask.all() else levels[:, :, mask]) << np.uint32(1)
        ranked |= ~truth
        ranked.sort(axis=2)
        ranked = ranked[:, :, ::-1]
        tp = np.cumsum(~ranked & np.uint32(1), axis=2, dtype=np.int32)
        called = np.arange(1, count + 1, dtype=np.int32)
        score = np.divide(2 * tp, called + positives, dtype=Real)
        if gold.kind == "binary":
            tn = (count - positives) - (called - tp)
            score += np.divide(2 * tn, np.maximum((count - called) + (count - positives), 1), dtype=Real)
            score /= 2
        return cls(levels, ranked, score * (positives > 0))

    def best(self) -> BoolArray:
        """Cut where the score is highest; nothing is called where no gold is positive."""
        place = self.score.argmax(axis=2)[:, :, None]
        cuts = np.take_along_axis(self.ranked, place, axis=2) >> np.uint32(1)
        return np.asarray((self.levels >= cuts) & (np.take_along_axis(self.score, place, axis=2) > 0))


def scores_of_many(metric: Metric, gold: Gold, decided: NDArray[Any]) -> FloatArray:
    """The score of each (rows, columns) of ``decided``, larger is better; (ensembles, rows, columns) → (ensembles,)."""
    if metric.name == "macro_f1" and gold.kind in ("binary", "labels"):
        truth = gold.values
        tp, called = np.count_nonzero(decided & truth, axis=1), np.count_nonzero(decided, axis=1)
        positives = truth.sum(axis=0)
        if gold.kind == "labels":
            return np.asarray(f1_of_counts(tp, called - tp, positives - tp).mean(axis=1))
        tn = len(truth) - called - positives + tp
        return np.asarray(Confusion(tp=tp, fp=called - tp, fn=positives - tp, tn=tn).macro_f1().mean(axis=1))
    return np.array([metric.gain(metric.score(gold, each), 0.0) for each in decided])
