"""TP008: labels with so few positive rows that their F1 says little, and how far chance alone moves it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.checks import BoolArray, same_shape
from tune_polar.decide.rows import Rows
from tune_polar.decide.scores import f1_of_counts

CODE = "TP008"
FEWEST, FEWEST_IN_FOLD = 30, 3  # positive rows; with fewer a label is rare
ROUNDS, SEED = 4000, 0


@dataclass(frozen=True)
class RareLabel:
    """One label, or one class, with few rows of it."""

    label: str
    positives: int  # texts
    in_smallest_fold: int
    folds: int
    f1: float
    wobble: float  # mean absolute difference of F1 between two sets of as many rows like these

    @property
    def sentence(self) -> str:
        """What is few, and what it does."""
        fold = f", {self.in_smallest_fold} in the smallest fold" if self.folds > 1 else ""
        return (
            f"{self.label} has {self.positives} positive rows{fold}: by chance alone its F1, {self.f1:.2f} here, moves "
            f"by {100 * self.wobble:.0f} points from one such set of rows to the next"
        )


def rare_labels(rows: Rows, decided: NDArray[Any]) -> tuple[RareLabel, ...]:
    """Labels with fewer than 30 positive rows, or fewer than 3 in a fold.

    The expected wobble follows from the rows at hand: two sets of as many rows are drawn with replacement and the label
    is scored on both, under decisions that stay as they are. One threshold a label is then as lucky on both; chosen
    anew it moves too, which adds to that. Of several seeds the first is looked at.

    Args:
        rows: that are judged; of binary gold the negative class is a label too, since it is scored.
        decided: (rows, columns), of class gold codes (rows, 1).

    Raises:
        DecisionError: shapes that differ.

    Example:
        >>> [each.label for each in rare_labels(judgement.rows, judgement.cross_fitted.decided)]
        ['religious']
    """
    same_shape(rows.gold.values, np.asarray(decided), "gold and decisions")
    own = rows.seed == rows.seeds[0] if len(rows) else np.zeros(0, dtype=np.bool_)
    first = rows.take(own)
    folds = np.unique(first.part)
    found = []
    for name, gold, called in _columns(first, np.asarray(decided)[own]):
        positives = len(np.unique(first.ids[gold]))
        smallest = min((int(np.count_nonzero(gold[first.part == fold])) for fold in folds), default=0)
        if positives < FEWEST or smallest < FEWEST_IN_FOLD:
            found.append(RareLabel(name, positives, smallest, len(folds), *_scored(gold, called)))
    return tuple(found)


def _columns(rows: Rows, decided: NDArray[Any]) -> Iterator[tuple[str, BoolArray, BoolArray]]:
    """What is scored by itself: name, gold and decisions (rows,)."""
    kind, names, values = rows.gold.kind, rows.gold.names, rows.gold.values
    if kind == "class":
        for code, name in enumerate(names):
            yield name, values[:, 0] == code, decided[:, 0] == code
    elif kind in ("binary", "labels"):
        for place, name in enumerate(names):
            yield name, values[:, place], decided[:, place].astype(np.bool_)
    if kind == "binary":
        yield f"not {names[0]}", ~values[:, 0], ~decided[:, 0].astype(np.bool_)


def _scored(gold: BoolArray, called: BoolArray) -> tuple[float, float]:
    """F1 and its wobble. Rows drawn with replacement come down to the four counts of a confusion matrix."""
    counts = np.array([np.count_nonzero(each) for each in (gold & called, ~gold & called, gold & ~called)])
    share = np.append(counts, len(gold) - counts.sum()) / max(len(gold), 1)
    drawn = np.random.default_rng(SEED).multinomial(len(gold), share, size=(2, ROUNDS))
    one, other = f1_of_counts(drawn[..., 0], drawn[..., 1], drawn[..., 2])
    return float(f1_of_counts(*counts[:, None])[0]), float(np.abs(one - other).mean())
