"""Every score of a configuration with the protocol that it was computed under, as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tune_polar.decide.judgement import Judgement, Rung
from tune_polar.evaluate.outcome import Outcome

OUT_OF_FOLD = "out-of-fold rows"
PROTOCOLS: Mapping[Rung, str] = {
    "cross_fitted": "settings of each fold's rows chosen on the other folds",
    "fold_tuned": "settings chosen on all out-of-fold rows",
    "inside_folds": "settings chosen on the rows of each fold that are scored: flatters",
    "oracle": "settings chosen on the very rows that are scored: flatters",
    "as_written": "settings as the recipe writes them",
    "plain": "settings that need no choice, such as 0.5",
}


def scores_of_outcome(outcome: Outcome) -> list[dict[str, object]]:
    """A score an entry: decision, metric, protocol, rows and value; those of the score's decision first.

    Example:
        >>> scores_of_outcome(outcome)[0]
        {'decision': 'kinds', 'metric': 'macro_f1', 'protocol': 'cross_fitted', 'settings': 'settings of each …',
         'rows': 'out-of-fold rows', 'value': 0.71}
    """
    decisions = sorted(outcome.decisions.values(), key=lambda each: each.name != outcome.judged.score_of)
    return [entry for judgement in decisions for entry in _entries(judgement)]


def _entries(judgement: Judgement) -> Iterator[dict[str, object]]:
    ladders = {OUT_OF_FOLD: judgement.ladder, **{f"{name} rows": each for name, each in judgement.splits.items()}}
    for rows, ladder in ladders.items():
        for rung, words in PROTOCOLS.items():
            if rung in ladder:
                yield {
                    "decision": judgement.name,
                    "metric": judgement.metric.name,
                    "protocol": rung,
                    "settings": words,
                    "rows": rows,
                    "value": float(ladder[rung].score),
                }
