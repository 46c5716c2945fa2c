"""Intervals of macro and per-class F1 by resampling rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tune_polar.decide.array_checks import BitArray, FloatArray, IntArray, as_bool
from tune_polar.decide.rows import Gold
from tune_polar.stats.intervals import Interval, check_level, check_rounds, percentile_interval
from tune_polar.stats.row_kinds import RowKinds, row_kinds
from tune_polar.stats.weighted_scores import bootstrap_weights, portions


@dataclass(frozen=True, eq=False)
class BootstrapScores:
    """Scores with percentile intervals."""

    macro_f1: float
    macro_interval: Interval
    per_class: FloatArray  # (labels,)
    per_class_intervals: tuple[Interval, ...]
    rounds: int


def bootstrap_scores(
    gold: Gold,
    decided: BitArray,
    rng: np.random.Generator,
    *,
    rounds: int = 1000,
    level: float = 0.95,
    texts: IntArray | None = None,
) -> BootstrapScores:
    """Resample rows and score again; ``gold`` is binary or of labels, ``decided`` has shape (rows, labels).

    ``texts`` (rows,): rows of one number are one text, and are drawn together.

    Raises:
        DecisionError: shapes that differ, no rows, fewer than 100 rounds, a level outside 0–1.
    """
    check_rounds(rounds)
    check_level(level)
    kinds = row_kinds(gold, decided)
    if texts is None or len(np.unique(texts)) == len(texts):
        draws = kinds.per_column(kinds.drawn(rounds, rng))
    else:
        draws = _whole_texts(gold, decided, texts, rounds, rng)
    per_class = kinds.per_column(kinds.count[None, :])[0]
    return BootstrapScores(
        macro_f1=float(per_class.mean()),
        macro_interval=percentile_interval(draws.mean(axis=1), level),
        per_class=per_class,
        per_class_intervals=tuple(percentile_interval(column, level) for column in draws.T),
        rounds=rounds,
    )


def _whole_texts(gold: Gold, decided: BitArray, texts: IntArray, rounds: int, rng: np.random.Generator) -> FloatArray:
    """Scores of each round, (rounds, labels)."""
    truth, guess = as_bool(gold.values, "gold", 2), as_bool(decided, "decisions", 2)
    names, text = np.unique(texts, return_inverse=True)
    each = RowKinds(truth, (guess,), np.ones(len(truth), dtype=np.int64), gold.kind)
    found = []
    for count in portions(rounds, len(texts)):
        often = bootstrap_weights(len(names), count, rng).astype(np.int64)
        found.append(each.per_column(often[:, text.reshape(-1)]))
    return np.concatenate(found)
