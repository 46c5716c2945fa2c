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
    stratified: bool = True,
    texts: IntArray | None = None,
) -> BootstrapScores:
    """Resample rows and score again; ``gold`` is binary or of labels, ``decided`` has shape (rows, labels).

    Stratified by label pattern (the row's gold labels together), so that every round has each label as often
    as the data do; a row whose pattern occurs once then stays in every round. ``stratified=False`` resamples
    all rows alike. ``texts`` (rows,): rows of one number are one text, and are drawn together.

    Raises:
        DecisionError: shapes that differ, no rows, fewer than 100 rounds, a level outside 0–1.
    """
    check_rounds(rounds)
    check_level(level)
    kinds = row_kinds(gold, decided)
    if texts is None or len(np.unique(texts)) == len(texts):
        draws = kinds.per_column(kinds.drawn(rounds, rng, stratified))
    else:
        draws = _whole_texts(gold, decided, texts, rounds, rng, stratified)
    per_class = kinds.per_column(kinds.count[None, :])[0]
    return BootstrapScores(
        macro_f1=float(per_class.mean()),
        macro_interval=percentile_interval(draws.mean(axis=1), level),
        per_class=per_class,
        per_class_intervals=tuple(percentile_interval(column, level) for column in draws.T),
        rounds=rounds,
    )


def _whole_texts(
    gold: Gold, decided: BitArray, texts: IntArray, rounds: int, rng: np.random.Generator, stratified: bool
) -> FloatArray:
    """Scores of each round, (rounds, labels); a text's rows have its gold, so that it lies in one stratum."""
    truth, guess = as_bool(gold.values, "gold", 2), as_bool(decided, "decisions", 2)
    _, first, text = np.unique(texts, return_index=True, return_inverse=True)
    text = text.reshape(-1)
    patterns = truth[first] if stratified else np.zeros_like(truth[first])
    stratum = np.unique(patterns, axis=0, return_inverse=True)[1].reshape(-1)
    each = RowKinds(truth, (guess,), np.ones(len(truth), dtype=np.int64), np.zeros(len(truth), np.int64), gold.kind)
    found = []
    for count in portions(rounds, len(texts)):
        often = np.zeros((count, len(first)), dtype=np.int64)
        for own in (np.flatnonzero(stratum == place) for place in range(int(stratum.max()) + 1)):
            often[:, own] = bootstrap_weights(len(own), count, rng)
        found.append(each.per_column(often[:, text]))
    return np.concatenate(found)
