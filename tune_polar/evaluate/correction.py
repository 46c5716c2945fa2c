"""What the best score of a search is worth once the luck of choosing it is taken off (BBC-CV)."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from tune_polar.decide.rows import Rows
from tune_polar.errors import DecisionError
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary
from tune_polar.recipe.seen_starts import CODE as SEEN
from tune_polar.recipe.seen_starts import seen_words
from tune_polar.stats.bbc_cv import BbcCv, Candidate, bbc_cv

SEED = 0  # of the bootstrap: equal records give equal numbers
ROUNDS = 1000
LEVEL = 0.90
NONE_FINISHED = "needs a configuration that has finished all its folds"
TWO_FINISHED = "needs two configurations that have finished all their folds"
TWO_HONEST = f"needs two configurations whose starts have not seen texts that are scored here ({SEEN})"


@dataclass(frozen=True, eq=False)
class Choice:
    """The best candidate among all, and what it is worth."""

    rows: Rows  # that all were decided on
    winner: Candidate
    corrected: BbcCv
    configurations: int  # finished, whose outcomes have been read


_FOUND: WeakKeyDictionary[SearchSummary, Choice | str] = WeakKeyDictionary()


def corrected_best(summary: SearchSummary) -> BbcCv | str:
    """BBC-CV over every finished configuration with each of its alternatives, or why there is none.

    Configurations with missing cells do not enter, nor do those whose outcome has not been read, nor those whose start
    has seen validated texts; there is none where the best is one of these.
    """
    best, choice = summary.best, choice_of(summary)
    if best is not None and best.seen_starts():
        return seen_words(best.seen_starts())
    if isinstance(choice, str):
        return TWO_FINISHED if choice == NONE_FINISHED else choice
    if choice.configurations < 2:
        return TWO_FINISHED if sum(row.outcome is not None for row in summary.configurations) < 2 else TWO_HONEST
    return choice.corrected


def choice_of(summary: SearchSummary) -> Choice | str:
    """The same of one configuration too, whose alternatives alone are then chosen among; computed once a summary."""
    if summary not in _FOUND:
        try:
            _FOUND[summary] = _choice(summary)
        except DecisionError as error:
            _FOUND[summary] = error.problem
    return _FOUND[summary]


def _choice(summary: SearchSummary) -> Choice | str:
    outcomes = [(row.configuration.id, row.outcome) for row in _compared(summary) if row.outcome is not None]
    if not outcomes:
        return NONE_FINISHED
    rows = outcomes[0][1].judged.scored.rows
    candidates = []
    for name, outcome in outcomes:
        if not _same(rows, outcome.judged.scored.rows):
            return "needs configurations scored on the same rows"
        for one in outcome.alternatives:
            said = ", ".join(f"{key}={value}" for key, value in one.changes.items()) or "as in the recipe"
            candidates.append(Candidate(name, said, one.scored.decided))
    rng = np.random.default_rng(SEED)
    corrected = bbc_cv(rows, candidates, rng, metric=summary.metric, rounds=ROUNDS, level=LEVEL)
    return Choice(rows, candidates[corrected.winner], corrected, len(outcomes))


def _compared(summary: SearchSummary) -> list[ConfigurationSummary]:
    """All, but beside an honest best only those whose scores are honest too: theirs, too high, would win rounds."""
    is_honest = summary.best is not None and not summary.best.seen_starts()
    return [row for row in summary.configurations if not (is_honest and row.seen_starts())]


def _same(one: Rows, other: Rows) -> bool:
    pairs = ((one.ids, other.ids), (one.seed, other.seed), (one.gold.values, other.gold.values))
    return one.gold.names == other.gold.names and all(np.array_equal(first, second) for first, second in pairs)
