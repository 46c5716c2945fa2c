"""Whether a split's labels occur as often as out of fold, and what such a difference alone does to a score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, stdtr

from tune_polar.decide.array_checks import FloatArray, IntArray
from tune_polar.decide.metrics import Metric
from tune_polar.decide.rows import Gold, Rows
from tune_polar.stats.weighted_scores import Exact, WeightedScores, portions

SIGNIFICANT = 0.01
_BINS = 10  # of numbers
_ROUNDS = 300


@dataclass(frozen=True, eq=False)
class LabelShift:
    """Shares of a split beside those out of fold."""

    names: tuple[str, ...]  # of columns, or of classes
    shares: FloatArray  # (2, names) out of fold and in the split; of numbers their means
    p: FloatArray  # (names,) of no difference, adjusted for their number (Bonferroni)
    reweighted: FloatArray  # (rounds,) scores on out-of-fold rows drawn with the split's labels, as many as it has

    @property
    def worst(self) -> int:
        """Place of the name that differs most surely."""
        return int(self.p.argmin())

    @property
    def is_found(self) -> bool:
        """Whether some share differs by more than chance."""
        return bool(self.p.min() < SIGNIFICANT)


def label_shift(
    measured: Rows, decided: NDArray[Any], split: Gold, metric: Metric, rng: np.random.Generator
) -> LabelShift:
    """Compare shares by χ² (of numbers means by t), and score out-of-fold rows drawn so that they occur as there.

    Args:
        measured: the out-of-fold rows.
        decided: decisions of them, (rows, columns).
        split: gold of the split's rows.
        metric: of the score.
        rng: of the draws.
    """
    gold = measured.gold
    names, ours, theirs = gold.names, _columns(gold), _columns(split)
    shares = np.stack([ours.mean(axis=0), theirs.mean(axis=0)])
    if gold.kind == "number":
        errors = ours.var(axis=0) / len(ours) + theirs.var(axis=0) / len(theirs)
        away = np.abs(shares[1] - shares[0]) / np.sqrt(np.where(errors > 0, errors, 1.0))
        p = 2 * stdtr(max(len(ours) + len(theirs) - 2, 1), -away)
    else:
        pooled = np.concatenate([ours, theirs]).mean(axis=0)
        variance = pooled * (1 - pooled) * (1 / len(ours) + 1 / len(theirs))
        square = (shares[1] - shares[0]) ** 2 / np.where(variance > 0, variance, 1.0)
        p = np.where(variance > 0, chdtrc(1, square), 1.0)
    weights = _ratio(*_patterns(gold, split))
    prepared = WeightedScores(Rows.of(gold), [decided], metric)
    chance = weights / weights.sum()
    drawn = (rng.multinomial(len(split), chance, size=rounds) for rounds in portions(_ROUNDS, len(gold)))
    reweighted = np.concatenate([prepared.scores(each.astype(Exact))[:, 0] for each in drawn])
    return LabelShift(names, shares, np.minimum(p * len(p), 1.0), reweighted)


def _columns(gold: Gold) -> FloatArray:
    """What has a share: columns, or one a class."""
    values = gold.values == np.arange(len(gold.names)) if gold.kind == "class" else gold.values
    return np.asarray(values, dtype=np.float64)


def _patterns(gold: Gold, split: Gold) -> tuple[IntArray, IntArray]:
    """Which labels each row has together, of numbers which tenth it lies in; equal numbers are equal patterns."""
    ours, theirs = gold.values, split.values
    if gold.kind == "number":
        cuts = [np.quantile(column, np.arange(1, _BINS) / _BINS) for column in ours.T]
        ours, theirs = (
            np.stack([np.searchsorted(cut, column) for cut, column in zip(cuts, each.T, strict=True)], axis=1)
            for each in (ours, theirs)
        )
    codes = np.unique(np.concatenate([ours, theirs]).astype(np.int64), axis=0, return_inverse=True)[1].reshape(-1)
    return codes[: len(ours)], codes[len(ours) :]


def _ratio(ours: IntArray, theirs: IntArray) -> FloatArray:
    """How much more often each of our rows' pattern occurs among theirs, (rows,)."""
    length = int(max(ours.max(), theirs.max())) + 1
    own, other = (np.bincount(each, minlength=length) for each in (ours, theirs))
    found = other[ours] / own[ours]
    return np.asarray(found if found.sum() > 0 else np.ones(len(ours)), dtype=np.float64)
