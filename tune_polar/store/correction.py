"""What the best score of a search is worth once the luck of choosing it is taken off (BBC-CV)."""

from __future__ import annotations

import numpy as np

from tune_polar.errors import DecisionError
from tune_polar.stats.bbc_cv import BbcCv, Candidate, bbc_cv
from tune_polar.stats.bootstrap import Score
from tune_polar.store.summary import SearchSummary

SEED = 0  # of the bootstrap: equal records give equal numbers
ROUNDS = 1000
LEVEL = 0.90


def corrected_best(summary: SearchSummary) -> BbcCv | str:
    """BBC-CV over every finished configuration under every swept threshold rule, or why there is none.

    Configurations with missing folds do not enter.
    """
    finished = [row for row in summary.configurations if row.outcome is not None]
    if len(finished) < 2:
        return "needs two configurations that have finished all their folds"
    candidates, gold = [], None
    for row in finished:
        for decided in row.outcome.decisions if row.outcome is not None else ():
            if gold is None:
                gold = decided.gold
            if not np.array_equal(gold, decided.gold):
                return "needs configurations scored on the same rows"
            candidates.append(Candidate(row.configuration.id, decided.rule or "votes", decided.decided))
    if gold is None:
        return "needs two configurations that have finished all their folds"
    score: Score = "both_classes" if summary.objective == "detector" else "positive"
    try:
        return bbc_cv(gold, candidates, np.random.default_rng(SEED), rounds=ROUNDS, level=LEVEL, score=score)
    except DecisionError as error:
        return error.problem
