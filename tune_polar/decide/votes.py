"""The decision settings of kNN voting: how many neighbours (k) vote, and which share (τ) decides.

τ is kept as an exact fraction and all comparisons are between integers: 98 of 5·49 votes meet τ = 0.4
exactly, which a mean of five rounded shares may miss.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from tune_polar.decide.array_checks import BoolArray, FloatArray, IntArray
from tune_polar.errors import DecisionError

TIE_TOLERANCE = 1e-12  # F1 values that are equal fractions may differ in their last bits


def tau_fraction(tau: float | Fraction) -> Fraction:
    """The decimal number a user wrote: 0.4 → 2/5, not the binary fraction nearest to it.

    Raises:
        DecisionError: τ is not between 0 and 1.
    """
    if not 0 <= tau <= 1:
        raise DecisionError(f"tau must be between 0 and 1, got {tau}", "Give a share of the votes, such as 0.4.")
    return tau if isinstance(tau, Fraction) else Fraction(repr(float(tau)))


@dataclass(frozen=True)
class VoteRule:
    """A row is positive when at least the share ``tau`` of its ``k`` nearest training rows is."""

    k: int
    tau: Fraction

    @classmethod
    def of(cls, k: int, tau: float | Fraction) -> VoteRule:
        """From numbers as a recipe gives them: ``VoteRule.of(49, 0.4)``."""
        if k < 1:
            raise DecisionError(f"k must be at least 1, got {k}", "Let at least one neighbour vote.")
        return cls(k, tau_fraction(tau))

    def decide(self, counts: IntArray, models: int = 1) -> BoolArray:
        """Decisions for ``counts`` (rows,): positive votes among ``models``·k neighbours."""
        return np.asarray(counts * self.tau.denominator >= self.k * models * self.tau.numerator)

    def written(self) -> dict[str, Any]:
        """As a recipe writes them; six digits of τ decide as the exact fraction does for every k up to 200."""
        return {"k": self.k, "tau": round(float(self.tau), 6)}

    def __str__(self) -> str:
        return f"k={self.k}, τ={float(self.tau):.3g}"


@dataclass(frozen=True, eq=False)
class VoteCandidates:
    """The (k, τ) pairs a sweep looks at, one per position; all arrays have shape (candidates,)."""

    k: IntArray
    tau_numerator: IntArray
    tau_denominator: IntArray

    def __len__(self) -> int:
        return len(self.k)

    def rule(self, index: int) -> VoteRule:
        """The pair at ``index``."""
        return VoteRule(int(self.k[index]), Fraction(int(self.tau_numerator[index]), int(self.tau_denominator[index])))

    def needed_votes(self, models: int = 1) -> IntArray:
        """Fewest positive votes among ``models``·k that reach τ: ⌈models·k·τ⌉, in integers."""
        return np.asarray(-(-models * self.k * self.tau_numerator // self.tau_denominator), dtype=np.int64)

    def best(self, score: FloatArray) -> int:
        """Index of the highest ``score``; ties to the τ nearest to ½, then the larger k, then the lower τ.

        A middling τ and many voters move least when rows change, so ties go to the steadier setting.
        """
        ties = np.flatnonzero(score >= score.max() - TIE_TOLERANCE)
        tau = self.tau_numerator[ties] / self.tau_denominator[ties]
        order = np.lexsort((tau, -self.k[ties], np.round(np.abs(tau - 0.5), 12)))
        return int(ties[order[0]])


def _checked_ks(ks: Iterable[int]) -> IntArray:
    values = np.asarray(list(ks), dtype=np.int64)
    if len(values) == 0 or values.min() < 1:
        raise DecisionError(
            f"ks must hold at least one k and none below 1, got {values.tolist()}",
            "Sweep for example k from 1 to 200.",
        )
    return values


def grid_candidates(ks: Iterable[int], taus: Sequence[Fraction]) -> VoteCandidates:
    """Every k with every τ, k by k: ``score.reshape(len(ks), len(taus))`` is the grid."""
    values = _checked_ks(ks)
    if not taus:
        raise DecisionError("taus must hold at least one share, got none", "Sweep for example 1 to 99 percent.")
    numerators = np.asarray([tau_fraction(tau).numerator for tau in taus], dtype=np.int64)
    denominators = np.asarray([tau_fraction(tau).denominator for tau in taus], dtype=np.int64)
    return VoteCandidates(
        np.repeat(values, len(taus)), np.tile(numerators, len(values)), np.tile(denominators, len(values))
    )


def percent_taus(percents: Iterable[int] = range(1, 100)) -> tuple[Fraction, ...]:
    """Whole percents as shares: 40 → 2/5."""
    return tuple(tau_fraction(Fraction(int(percent), 100)) for percent in percents)


def every_share(ks: Iterable[int], models: int = 1) -> VoteCandidates:
    """For each k every τ that decides differently when ``models``·k neighbours vote.

    "At least n votes" for n = 0 … models·k; τ lies midway between the shares (n−1) and n, and is 0 for n = 0.
    """
    values = _checked_ks(ks)
    needed = np.concatenate([np.arange(models * k + 1) for k in values])
    repeated = np.repeat(values, models * values + 1)
    return VoteCandidates(repeated, np.maximum(2 * needed - 1, 0), 2 * models * repeated)
