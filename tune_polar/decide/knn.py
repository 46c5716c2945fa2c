"""Decisions by kNN voting: the exact k × τ sweep, its cross-fitted choice, and one given (k, τ)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from tune_polar.decide.checks import BitArray, BoolArray, FloatArray
from tune_polar.decide.scores import binary_macro_f1
from tune_polar.decide.vote_sweep import VoteSweep, ensemble_counts, vote_counts, vote_shares
from tune_polar.decide.votes import VoteRule, every_share, grid_candidates, percent_taus

__all__ = [
    "CrossFittedVotes",
    "SweepResult",
    "VoteRule",
    "VoteSweep",
    "cross_fit_votes",
    "ensemble_counts",
    "every_share",
    "fixed_votes_score",
    "grid_candidates",
    "percent_taus",
    "sweep_ensemble",
    "sweep_votes",
    "vote_counts",
    "vote_shares",
]


@dataclass(frozen=True, eq=False)
class SweepResult:
    """The k × τ grid of macro-F1 on pooled rows, and the setting that is best on these very rows (oracle)."""

    ks: tuple[int, ...]
    taus: tuple[Fraction, ...]
    macro_f1: FloatArray  # (len(ks), len(taus))
    best: VoteRule
    best_macro_f1: float


def sweep_votes(
    tables: Sequence[BitArray],
    gold: Sequence[BitArray],
    ks: Iterable[int],
    taus_percent: Iterable[int] = range(1, 100),
) -> SweepResult:
    """Macro-F1 of every k and τ over the pooled held-out rows of all folds."""
    sizes, taus = tuple(ks), percent_taus(taus_percent)
    return _grid(VoteSweep.of_folds(tables, gold, grid_candidates(sizes, taus)), sizes, taus)


def sweep_ensemble(
    tables: Sequence[BitArray], gold: BitArray, ks: Iterable[int], taus_percent: Iterable[int] = range(1, 100)
) -> SweepResult:
    """Macro-F1 of every k and τ where all models vote on the same rows (dev, test)."""
    sizes, taus = tuple(ks), percent_taus(taus_percent)
    return _grid(VoteSweep.of_ensemble(tables, gold, grid_candidates(sizes, taus)), sizes, taus)


def _grid(sweep: VoteSweep, ks: tuple[int, ...], taus: tuple[Fraction, ...]) -> SweepResult:
    score = sweep.macro_f1()
    best = sweep.candidates.best(score)
    return SweepResult(ks, taus, score.reshape(len(ks), len(taus)), sweep.candidates.rule(best), float(score[best]))


@dataclass(frozen=True, eq=False)
class CrossFittedVotes:
    """(k, τ) chosen for each fold on the other folds, its decisions, and their pooled score."""

    score: float
    chosen: tuple[VoteRule, ...]  # per fold
    decided: tuple[BoolArray, ...]  # per fold, its rows
    pooled_choice: VoteRule  # chosen on all rows: what a final system would use
    pooled_score: float  # of that choice on the rows it was chosen on, hence optimistic


def cross_fit_votes(
    tables: Sequence[BitArray],
    gold: Sequence[BitArray],
    ks: Iterable[int],
    taus: Sequence[Fraction] | None = None,
) -> CrossFittedVotes:
    """Cross-fitted kNN decisions; ``taus=None`` looks at every vote share that can occur.

    Raises:
        DecisionError: fewer than two folds, k outside the tables, or tables and gold that do not match.
    """
    candidates = every_share(ks) if taus is None else grid_candidates(ks, taus)
    sweep = VoteSweep.of_folds(tables, gold, candidates)
    score = sweep.cross_fitted_score()
    chosen = tuple(candidates.rule(sweep.choose(without=fold)) for fold in range(sweep.folds))
    decided = tuple(rule.decide(vote_counts(table, rule.k)) for rule, table in zip(chosen, tables, strict=True))
    best = sweep.choose()
    return CrossFittedVotes(score, chosen, decided, candidates.rule(best), float(sweep.macro_f1()[best]))


def fixed_votes_score(tables: Sequence[BitArray], gold: Sequence[BitArray], rule: VoteRule) -> float:
    """Pooled macro-F1 of one given (k, τ) over all folds."""
    decided = [rule.decide(vote_counts(table, rule.k)) for table in tables]
    return binary_macro_f1(np.concatenate([np.asarray(truth) for truth in gold]), np.concatenate(decided))
