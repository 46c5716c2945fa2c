"""Greedy ensemble selection with replacement (Caruana, Niculescu-Mizil, Crew and Ksikes, 2004)."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from tune_polar.decide.array_checks import BoolArray, FloatArray, IntArray

TIE = 1e-9  # scores nearer to each other are equal; the candidate given first is then taken
PATIENCE = 8  # rounds without a gain
START, ROUNDS, STEADY = 3, 20, 9  # docs/decisions/0029: what won


class Objective(Protocol):
    """What an ensemble is worth on the rows that its members are chosen on; larger is better."""

    def added(self, counts: IntArray) -> FloatArray:
        """The score of the ensemble with one more of each candidate; (candidates,) → (candidates,)."""


def best_alone(objective: Objective, complete: BoolArray, count: int) -> IntArray:
    """Places of the best ``count`` by their own score, best first; of ``complete`` ones (candidates,) alone."""
    alone = np.where(complete, objective.added(np.zeros(len(complete), dtype=np.int64)), -np.inf)
    order = np.argsort(-np.round(alone / TIE), kind="stable")
    return np.asarray(order[: min(count, int(np.count_nonzero(complete)))])


def greedy_selection(objective: Objective, complete: BoolArray, *, start: int, rounds: int) -> IntArray:
    """How often each candidate is taken, (candidates,).

    Begins with the best few by their own score together, then adds in each round the candidate that leaves the ensemble
    with the best score, one taken before included. After all rounds the ensemble of the best round stands. The same
    objective gives the same members: ties go to the candidate given first, and to the earlier round.

    Args:
        objective: scores of ensembles.
        complete: candidates that have answered for every row, (candidates,): others cannot be begun with.
        start: how many of the best it begins with.
        rounds: how many are added; it ends sooner where ``PATIENCE`` rounds gain nothing.
    """
    counts = np.zeros(len(complete), dtype=np.int64)
    counts[best_alone(objective, complete, start)] = 1
    best, best_score, since = counts.copy(), -np.inf, 0
    for _ in range(rounds):
        scores = objective.added(counts)
        place = int(np.flatnonzero(scores >= scores.max() - TIE)[0])
        counts[place] += 1
        since += 1
        if scores[place] > best_score + TIE:
            best, best_score, since = counts.copy(), float(scores[place]), 0
        if since == PATIENCE:
            break
    return best


def steadied_weights(objective: Objective, complete: BoolArray) -> FloatArray:
    """Half as often as greedy selection takes each, half the best few alike; (candidates,), adding up to 1.

    Selection alone loses to the plain mean where rows are few; the mean of all has many members, and bad ones.
    """
    counts = greedy_selection(objective, complete, start=START, rounds=ROUNDS)
    steady = np.zeros(len(counts))
    steady[best_alone(objective, complete, STEADY)] = 1.0
    return np.asarray((counts / counts.sum() + steady / steady.sum()) / 2)
