"""A metric's score of many candidates under many row weights at once: by a few matrix products, or draw by draw."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import BoolArray, FloatArray, IntArray
from tune_polar.decide.confusion_scores import Confusion, f1_of_counts
from tune_polar.decide.metrics import Metric
from tune_polar.decide.rows import Gold, GoldKind, Rows

Weighted: TypeAlias = Callable[[FloatArray], FloatArray]  # (rounds, rows) → (rounds, candidates)
# float32 holds whole numbers up to 2^24 exactly, far above any number of rows here.
Exact = np.float32
_AT_ONCE = {"macro_f1", "positive_f1", "micro_f1", "accuracy", "pearson", "spearman", "mae", "rmse"}
ROUNDING = 1e-28  # squares of what ought to be 0, of values around 1


AT_ONCE = 4_000_000  # weights that lie in memory, where rounds can be taken in portions


def portions(rounds: int, rows: int) -> Iterator[int]:
    """Rounds at once, so that the weights of all ``rows`` stay few; they sum to ``rounds``."""
    most = max(1, AT_ONCE // rows)
    yield from (min(most, rounds - start) for start in range(0, rounds, most))


def bootstrap_weights(rows: int, rounds: int, rng: np.random.Generator, drawn: int | None = None) -> FloatArray:
    """How often each row is drawn with replacement, (rounds, rows), as float32 for the matrix products.

    ``drawn``: rows of a round; None: as many as there are.
    """
    size = rows if drawn is None else drawn
    if size > 2 * rows:  # a count a row costs less than an index a draw
        return rng.multinomial(size, np.full(rows, 1 / rows), size=rounds).astype(Exact)
    picked = rng.integers(rows, size=(rounds, size)) + np.arange(rounds)[:, None] * rows
    return np.bincount(picked.ravel(), minlength=rounds * rows).reshape(rounds, rows).astype(Exact)


def column_f1(kind: GoldKind) -> Callable[[Confusion], FloatArray]:
    """Macro-F1's parts from counts: of a yes-or-no column the mean of both classes' F1, else each positive class's."""
    return Confusion.macro_f1 if kind == "binary" else Confusion.positive_f1


class WeightedScores:
    """Candidates' scores when rows count more than once or not at all.

    A text that stands in several rows is drawn with all of them, and with the texts that it is bound to. Several seeds
    are scored each by itself and averaged, as their scores are.
    """

    def __init__(self, rows: Rows, decided: Sequence[NDArray[Any]], metric: Metric) -> None:
        """``decided``: one a candidate, each of shape (rows, columns)."""
        metric.check(rows.gold.kind)
        self._unit = _in_order_of_appearance(rows.bonds)  # (rows,)
        self.units = int(self._unit.max()) + 1  # that are drawn: texts, or texts that are bound to one another
        self.bonds: IntArray = np.empty(self.units, dtype=np.int64)  # (units,) whose weights the columns are
        self.bonds[self._unit] = rows.bonds
        self._seeds = []
        for seed in np.unique(rows.seed).tolist():
            own = rows.seed == seed
            scores = _weighted(metric, rows.gold.take(own), np.stack([each[own] for each in decided], axis=1))
            self._seeds.append((self._unit[own], scores))

    def scores(self, weights: FloatArray) -> FloatArray:
        """(rounds, candidates) for how often each unit counts, (rounds, units)."""
        found = [scores(weights[:, unit]) for unit, scores in self._seeds]
        return found[0] if len(found) == 1 else np.asarray(np.mean(found, axis=0))

    def drawn(self, rounds: int, rng: np.random.Generator) -> FloatArray:
        """Scores of as many units drawn with replacement, (rounds, candidates)."""
        found = [self.scores(bootstrap_weights(self.units, each, rng)) for each in portions(rounds, self.units)]
        return np.concatenate(found)


def _in_order_of_appearance(ids: IntArray) -> IntArray:
    _, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse.reshape(-1)]


def _weighted(metric: Metric, gold: Gold, decided: NDArray[Any]) -> Weighted:
    """Of one seed; ``decided`` (rows, candidates, columns)."""
    if metric.name not in _AT_ONCE:
        return _draw_by_draw(metric, gold, decided)
    if gold.kind == "number":
        return _of_numbers(metric, gold.values, decided.astype(np.float64))
    if metric.name == "accuracy" or (metric.name == "micro_f1" and gold.kind != "labels"):
        right = (decided == gold.values[:, None, :]).all(axis=2).astype(Exact)
        return lambda weights: np.asarray(
            (weights @ right).astype(np.int64) / np.maximum(weights.sum(axis=1).astype(np.int64)[:, None], 1)
        )
    if gold.kind == "class":
        codes = np.arange(len(gold.names))
        return _of_counts(metric, gold.kind, gold.values == codes, decided == codes)
    return _of_counts(metric, gold.kind, gold.values, decided.astype(np.bool_))


def _draw_by_draw(metric: Metric, gold: Gold, decided: NDArray[Any]) -> Weighted:
    """As the metric itself scores the drawn rows; 0 where there are none."""

    def scores(weights: FloatArray) -> FloatArray:
        found = np.zeros((len(weights), decided.shape[1]))
        for place, often in enumerate(weights):
            rows = np.repeat(np.arange(len(gold)), often.astype(np.int64))
            if len(rows):
                drawn = gold.take(rows)
                found[place] = [metric.score(drawn, each) for each in decided[rows].swapaxes(0, 1)]
        return found

    return scores


def _of_counts(metric: Metric, kind: GoldKind, gold: BoolArray, decided: BoolArray) -> Weighted:
    rows, *shape = decided.shape
    truth = gold.astype(Exact)
    predicted = decided.reshape(rows, -1).astype(Exact)
    hits = (decided & gold[:, None, :]).reshape(rows, -1).astype(Exact)
    if metric.name == "micro_f1":
        return lambda weights: _micro_f1(_counts(weights, truth, predicted, hits, shape))
    of_column = column_f1(kind) if metric.name == "macro_f1" else Confusion.positive_f1
    return lambda weights: np.asarray(of_column(_counts(weights, truth, predicted, hits, shape)).mean(axis=2))


def _counts(
    weights: FloatArray, truth: NDArray[Any], predicted: NDArray[Any], hits: NDArray[Any], shape: Sequence[int]
) -> Confusion:
    """(rounds, candidates, columns)."""
    tp = (weights @ hits).reshape(-1, *shape).astype(np.int64)
    called = (weights @ predicted).reshape(-1, *shape).astype(np.int64)
    positive = (weights @ truth)[:, None, :].astype(np.int64)
    total = weights.sum(axis=1).astype(np.int64)[:, None, None]
    return Confusion(tp=tp, fp=called - tp, fn=positive - tp, tn=total - called - positive + tp)


def _micro_f1(counts: Confusion) -> FloatArray:
    return f1_of_counts(counts.tp.sum(axis=2), counts.fp.sum(axis=2), counts.fn.sum(axis=2))


def _of_numbers(metric: Metric, gold: FloatArray, decided: FloatArray) -> Weighted:
    """Mean over columns; ``gold`` (rows, columns), ``decided`` (rows, candidates, columns)."""
    errors = {"mae": np.abs, "rmse": np.square}.get(metric.name)
    if errors is not None:
        wrong = errors(decided - gold[:, None, :]).reshape(len(gold), -1)
        finish = np.sqrt if metric.name == "rmse" else np.asarray

        def mean_error(weights: FloatArray) -> FloatArray:
            total = np.maximum(weights.sum(axis=1, dtype=np.float64), 1)[:, None]
            per_column = finish((weights.astype(np.float64) @ wrong) / total)
            return np.asarray(per_column.reshape(-1, *decided.shape[1:]).mean(axis=2))

        return mean_error
    ranks = metric.name == "spearman"

    def correlation(weights: FloatArray) -> FloatArray:
        drawn = weights.astype(np.float64)
        found = np.empty((len(drawn), *decided.shape[1:]))
        for column in range(gold.shape[1]):
            truth = _ranked(gold[:, column], drawn) if ranks else _scaled(gold[:, column])
            for candidate in range(decided.shape[1]):
                guess = decided[:, candidate, column]
                values = _ranked(guess, drawn) if ranks else _scaled(guess)
                found[:, candidate, column] = _pearson(truth, values, drawn)
        return np.asarray(found.mean(axis=2))

    return correlation


def _scaled(values: FloatArray) -> FloatArray:
    """Around 0, at most 1 away from it, so that no square is lost below the smallest float."""
    centred = values - values.mean()
    return np.asarray(centred / max(float(np.abs(centred).max()), 1e-300))


def _ranked(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Rank of each row among the rows drawn, ties at their mean; (rounds, rows)."""
    order = np.argsort(values, kind="stable")
    distinct, place = np.unique(values, return_inverse=True)
    starts = np.searchsorted(values[order], distinct)
    count = np.add.reduceat(weights[:, order], starts, axis=1)
    return np.asarray((np.cumsum(count, axis=1) - (count - 1) / 2)[:, place.reshape(-1)])


def _pearson(x: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray:
    """r of each round, 0 where either is constant; ``x`` and ``y`` (rows,) or (rounds, rows) → (rounds,)."""
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1)
    dx, dy = (each - (weights * each).sum(axis=1, keepdims=True) / total for each in (x, y))
    squares = (weights * dx * dx).sum(axis=1), (weights * dy * dy).sum(axis=1)
    varies = np.minimum(*squares) > ROUNDING * len(weights[0])
    product = (weights * dx * dy).sum(axis=1)
    r: FloatArray = np.divide(product, np.sqrt(squares[0] * squares[1]), out=np.zeros(len(weights)), where=varies)
    return r
