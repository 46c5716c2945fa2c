"""The scores' definitions, one plain loop each, as an oracle for the fast code."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

LABELS = ("x", "y/z")
FOLDS = range(3)


def f1(gold: Sequence[int], decided: Sequence[int], positive: int = 1) -> Fraction:
    tp = sum(g == positive and d == positive for g, d in zip(gold, decided, strict=True))
    fp = sum(g != positive and d == positive for g, d in zip(gold, decided, strict=True))
    fn = sum(g == positive and d != positive for g, d in zip(gold, decided, strict=True))
    return Fraction(2 * tp, 2 * tp + fp + fn) if tp + fp + fn else Fraction(0)


def both_classes(gold: Sequence[int], decided: Sequence[int]) -> Fraction:
    return (f1(gold, decided, 1) + f1(gold, decided, 0)) / 2


def vote(neighbours: Sequence[int], k: int, tau: Fraction) -> int:
    return int(Fraction(int(sum(neighbours[:k])), k) >= tau)


def all_votes(width: int) -> list[tuple[int, Fraction]]:
    """Every (k, τ) that decides differently; τ lies midway between two shares that can occur."""
    return [(k, Fraction(max(2 * n - 1, 0), 2 * k)) for k in range(1, width + 1) for n in range(k + 1)]


def best_votes(rows: list[tuple[Sequence[int], int]], width: int) -> tuple[int, Fraction]:
    """Highest macro-F1; ties to the τ nearest to ½, then the larger k, then the lower τ."""

    def merit(candidate: tuple[int, Fraction]) -> tuple[object, ...]:
        k, tau = candidate
        score = both_classes([gold for _, gold in rows], [vote(n, k, tau) for n, _ in rows])
        return score, -abs(tau - Fraction(1, 2)), k, -tau

    return max(all_votes(width), key=merit)


def best_threshold(rows: list[tuple[float, int]]) -> float:
    """Highest F1 midway between neighbouring probabilities; ties to the one nearest to 0.5, then the lower."""
    if not any(gold for _, gold in rows):
        return 2.0
    values = sorted({p for p, _ in rows})
    cuts = [low + (high - low) / 2 for low, high in zip([0.0, *values], values, strict=False)]

    def merit(cut: float) -> tuple[object, ...]:
        score = f1([gold for _, gold in rows], [int(p >= cut) for p, _ in rows])
        return score, -round(abs(cut - 0.5), 12), -cut

    return max(cuts, key=merit)


class Loops:
    """The stored rows of a configuration as plain lists."""

    def __init__(self, gold, predictions) -> None:
        train = gold.train
        self.gold = gold
        self.finder = [  # (fold, neighbours, gold)
            (cell.fold, neighbours.tolist(), int(train.values("hurt")[row]))
            for cell in predictions.cells
            for row, neighbours in zip(
                cell.stages["finder"].rows("validation"), cell.stages["finder"].table("validation"), strict=True
            )
        ]
        self.sorter = [  # (fold, train row, probability per label, gold per label, whether the row is learned on)
            (
                cell.fold,
                int(row),
                [float(p) for p in probability],
                train.matrix(LABELS)[row].tolist(),
                int(train.values("hurt")[row]),
            )
            for cell in predictions.cells
            if "sorter" in cell.stages
            for row, probability in zip(
                cell.stages["sorter"].rows("validation"), cell.stages["sorter"].table("validation"), strict=True
            )
        ]

    def detected(self, votes: tuple[int, Fraction] | None) -> list[int]:
        """Decisions on out-of-fold rows by given votes, or by those chosen on the other folds."""
        decided = []
        for fold, neighbours, _ in self.finder:
            decided.append(vote(neighbours, *(votes or self.votes_without(fold))))
        return decided

    def votes_without(self, fold: int | None) -> tuple[int, Fraction]:
        if not hasattr(self, "_votes"):
            width = len(self.finder[0][1])
            self._votes = {
                f: best_votes([(n, g) for other, n, g in self.finder if other != f], width) for f in (None, *FOLDS)
            }
        return self._votes[fold]

    def thresholds_without(self, fold: int | None, rule=best_threshold) -> list[float]:
        """Chosen on the rows it learns on of the other folds."""
        rows = [(p, g) for other, _, p, g, learned in self.sorter if other != fold and learned]
        return [rule([(p[label], g[label]) for p, g in rows]) for label in range(len(LABELS))]

    def decided(self, rule=best_threshold) -> list[list[int]]:
        chosen = {fold: self.thresholds_without(fold, rule) for fold in FOLDS}
        return [
            [int(p[label] >= chosen[fold][label]) for label in range(len(LABELS))] for fold, _, p, _, _ in self.sorter
        ]


def label_mean(gold: list[list[int]], decided: list[list[int]]) -> float:
    per_label = [f1([g[n] for g in gold], [d[n] for d in decided]) for n in range(len(LABELS))]
    return float(sum(per_label) / len(per_label))


def half(rows: list[tuple[float, int]]) -> float:
    return 0.5
