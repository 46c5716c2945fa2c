"""What the best score of a search is worth once the luck of choosing it is taken off (BBC-CV)."""

from __future__ import annotations

import numpy as np

from tune_polar.decide.rows import Rows
from tune_polar.errors import DecisionError
from tune_polar.evaluate.summary import SearchSummary
from tune_polar.stats.bbc_cv import BbcCv, Candidate, bbc_cv

SEED = 0  # of the bootstrap: equal records give equal numbers
ROUNDS = 1000
LEVEL = 0.90


def corrected_best(summary: SearchSummary) -> BbcCv | str:
    """BBC-CV over every finished configuration with each of its alternatives, or why there is none.

    Configurations with missing cells do not enter, nor do those whose outcome has not been read.
    """
    outcomes = [(row.configuration.id, row.outcome) for row in summary.configurations if row.outcome is not None]
    if len(outcomes) < 2:
        return "needs two configurations that have finished all their folds"
    rows = outcomes[0][1].judged.scored.rows
    candidates = []
    for name, outcome in outcomes:
        if not _same(rows, outcome.judged.scored.rows):
            return "needs configurations scored on the same rows"
        for one in outcome.alternatives:
            said = ", ".join(f"{key}={value}" for key, value in one.changes.items()) or "as in the recipe"
            candidates.append(Candidate(name, said, one.scored.decided))
    try:
        rng = np.random.default_rng(SEED)
        return bbc_cv(rows, candidates, rng, metric=summary.metric, rounds=ROUNDS, level=LEVEL)
    except DecisionError as error:
        return error.problem


def _same(one: Rows, other: Rows) -> bool:
    pairs = ((one.ids, other.ids), (one.seed, other.seed), (one.gold.values, other.gold.values))
    return one.gold.names == other.gold.names and all(np.array_equal(first, second) for first, second in pairs)
