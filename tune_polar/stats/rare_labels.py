"""TP008: labels with so few positive rows that their F1 says little, and how far chance alone moves it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import BoolArray, same_shape
from tune_polar.decide.confusion_scores import f1_of_counts
from tune_polar.decide.rows import Rows

CODE = "TP008"
FEWEST, FEWEST_IN_FOLD = 30, 3  # positive rows; with fewer a label is rare
ROUNDS, SEED = 4000, 0
JEFFREYS = 0.5  # of each of the four counts


@dataclass(frozen=True)
class RareLabel:
    """One label, or one class, with few rows of it."""

    label: str
    positives: int  # texts
    in_smallest_fold: int
    folds: int
    f1: float
    wobble: float  # mean absolute difference of F1 between these rows and the next set of ``rows`` like them
    rows: int

    @property
    def sentence(self) -> str:
        """What is few, and what it does."""
        fold = f", {self.in_smallest_fold} in the smallest fold" if self.folds > 1 else ""
        return (
            f"{self.label} has {self.positives} positive rows{fold}: on the next {self.rows:,} rows like these its F1, "
            f"{self.f1:.2f} here, moves by {100 * self.wobble:.0f} points on average, and by more with another training"
        )


def rare_labels(rows: Rows, decided: NDArray[Any], size: int | None = None) -> tuple[RareLabel, ...]:
    """Labels with fewer than 30 positive rows, or fewer than 3 in a fold.

    The expected wobble follows from the rows at hand. How often a row is a hit, a false alarm, a miss or rightly left
    alone is known only as far as so many rows tell (Dirichlet with Jeffreys' prior: of a label that was never hit a
    bootstrap would say that it never is); the next rows are drawn from that. On released predictions of six tables it
    says 5.2 points for labels with 30 to 99 positive rows, where F1 moved by 5.2 from out-of-fold rows to test, and 2.9
    with more, where it moved by 2.9; with fewer 6, where it moved by 11 about its mean: the final models are others.

    Args:
        rows: that are judged; of binary gold the negative class is a label too, since it is scored. Of several seeds
            F1 and what it moves by are means.
        decided: (rows, columns), of class gold codes (rows, 1).
        size: of the next set; None: as many texts.

    Raises:
        DecisionError: shapes that differ.

    Example:
        >>> [each.label for each in rare_labels(judgement.rows, judgement.cross_fitted.decided)]
        ['religious']
    """
    same_shape(rows.gold.values, np.asarray(decided), "gold and decisions")
    owns = [rows.seed == seed for seed in (rows.seeds if len(rows) else ())]
    by_seed = [(rows.take(own), list(_columns(rows.take(own), np.asarray(decided)[own]))) for own in owns]
    folds, texts = np.unique(rows.part), len(np.unique(rows.ids))
    found = []
    for place, (name, _, _) in enumerate(by_seed[0][1] if by_seed else ()):
        each = [(of, *columns[place][1:]) for of, columns in by_seed]  # rows of a seed, gold and decisions
        positives = len(np.unique(np.concatenate([of.ids[gold] for of, gold, _ in each])))
        smallest = min(int(np.count_nonzero(gold[of.part == fold])) for of, gold, _ in each for fold in folds)
        if positives < FEWEST or smallest < FEWEST_IN_FOLD:
            m = texts if size is None else size
            f1, wobble = np.mean([_scored(gold, called, texts, m) for _, gold, called in each], axis=0).tolist()
            found.append(RareLabel(name, positives, smallest, len(folds), f1, wobble, m))
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


def _scored(gold: BoolArray, called: BoolArray, texts: int, size: int) -> tuple[float, float]:
    """F1 and its wobble, from the four counts of the confusion matrix: as many as there are texts, not rows."""
    counts = np.array([np.count_nonzero(each) for each in (gold & called, ~gold & called, gold & ~called)])
    f1 = float(f1_of_counts(*counts[:, None])[0])
    rng = np.random.default_rng(SEED)
    every = np.append(counts, len(gold) - counts.sum()) * (texts / len(gold))
    shares = rng.dirichlet(every + JEFFREYS, ROUNDS)
    drawn = rng.multinomial(size, shares)
    return f1, float(np.abs(f1_of_counts(drawn[:, 0], drawn[:, 1], drawn[:, 2]) - f1).mean())
