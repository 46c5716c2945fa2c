"""What words of statistics on a page mean, for readers without it: those that the page uses, folded away at its end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass

from tune_polar.report.document import Details, Fact, Facts, Figures

TITLE = "What do these words mean?"
# By term as it is explained: what it is found by, and what it means.
_TERMS: Mapping[str, tuple[str, str]] = {
    "out-of-fold rows (oof)": (
        r"out-of-fold|out of fold|\boof\b",
        "Labelled rows, cut into folds; each is predicted by a model that was trained on the other folds only.",
    ),
    "cross-fitted": (
        "cross-fitted",
        "Settings such as thresholds are chosen on the other folds and applied to the fold that is scored: nothing is "
        "scored by settings that have seen its gold. The score to compare configurations by.",
    ),
    "inside folds": ("inside folds", "Settings are chosen on the very fold that is scored, which flatters."),
    "fold-tuned": (
        "fold-tuned",
        "Settings are chosen on all out-of-fold rows together. On these rows that flatters a little; on dev and test "
        "it is honest, and it is what a final system does.",
    ),
    "oracle": ("oracle", "Settings are chosen on the gold of the rows that are scored: hindsight, which flatters."),
    "pooled": ("pooled", "The rows of all folds are put together and scored once, which is not the mean over folds."),
    "prediction interval": (
        "prediction interval",
        "Where the score on the next rows will lie (90%: in nine cases of ten), if they are like these. It is wide "
        "because it holds the luck of the measured rows, of the choice among configurations, of one more training run "
        "(where runs could be compared) and of the new rows.",
    ),
    "interval of the expectation": (
        "interval of the expectation",
        "Where the mean over many such sets of new rows lies: narrower, and no single set need lie in it.",
    ),
    "standard deviation, standard error": (
        "standard (deviation|error)",
        "How far single values (of folds, of runs) typically lie from their mean; and how far the mean itself "
        "typically lies from what it would be with endlessly many.",
    ),
    "BBC-CV": (
        r"BBC-CV",
        "The best of many noisy scores is too good by its luck. The choice is made anew, many times over, on "
        "resampled rows, and scored on the rows left out (Tsamardinos, Greasidou and Borboudakis, 2018).",
    ),
    "bootstrap, resampled": (
        "bootstrap|resampl",
        "Rows are drawn anew from those at hand, with repetition, many times over: how much a score varies between the "
        "draws tells how much it owes to these very rows.",
    ),
    "paired": (
        r"\bpaired\b",
        "Two configurations are compared fold by fold (or row by row): what is hard for both cancels out.",
    ),
    "Nadeau and Bengio": (
        "Nadeau and Bengio",
        "A test whether paired differences of folds may be chance, stricter than usual because folds share training "
        "rows (2003).",
    ),
    "Holm, p": (
        r"Holm|\bp ?= ?\d",
        "p: how often a difference as large as this would come by chance alone. Of many pairs some look different by "
        "chance; Holm’s rule (1979) makes each p larger, so that of twenty such reports one at most claims a "
        "difference that is none.",
    ),
    "cannot be told apart": (
        "cannot be told",
        "The difference may be chance: neither is shown to be better. It does not say that both are equal.",
    ),
    "floor": (
        r"\bfloor\b",
        "A simple model without fine-tuning, trained on the same folds in seconds. What is not better than it does not "
        "earn its GPU hours.",
    ),
    "racing": (
        r"\bracing\b",
        "Configurations that promise little after some folds are stopped, and have no score of their own.",
    ),
    "ensemble": (
        "ensemble of",
        "Several configurations predict, and the mean of their probabilities decides; uniform: all alike; greedy: by "
        "weights chosen on the other folds.",
    ),
    "surrogate": ("surrogate", "A model of how settings make scores, fitted to the configurations measured so far."),
    "hindsight": ("hindsight", "What choosing on the scored rows promises, and no new rows keep."),
    "regret": ("regret", "What is lost by taking this pick in place of the best one."),
    "Kendall’s τ": ("Kendall", "1: both rank all configurations alike; 0: one ranking says nothing of the other."),
    "max_f1": (r"(?<![a-z]_)\bmax_f1\b", "Takes the threshold with the highest F1 on the rows it sees."),
    "smoothed_max_f1": (
        "smoothed_max_f1",
        "The same on smoothed probabilities, so that single rows decide less.",
    ),
    "shrunk_max_f1": (
        "shrunk_max_f1",
        "The same, drawn towards one threshold common to all labels, the more, the fewer positive rows a label has.",
    ),
    "prevalence_match": ("prevalence_match", "Takes the threshold that calls as many rows as are positive."),
    "min_abs_p_minus_r": ("min_abs_p_minus_r", "Takes the threshold at which precision and recall are nearest."),
    "k and τ": (
        r"k=\d",
        "A row is called positive where at least the share τ of its k nearest training rows is.",
    ),
}


def glossary(content: Iterable[object]) -> Facts | None:
    """The terms that occur in blocks or documents, each explained; None where there is none.

    Example:
        >>> glossary([prose("Paired by fold, Holm-adjusted.")]).rows[0].term
        'paired'
    """
    texts: list[str] = []
    _collect(content, texts)
    text = "\n".join(texts)
    found = tuple(Fact(term, means) for term, (pattern, means) in _TERMS.items() if re.search(pattern, text))
    return Facts(found) if found else None


def folded(found: Facts | None) -> tuple[Details, ...]:
    """Terms folded away for a page; () where there are none."""
    return () if found is None else (Details(TITLE, (found,)),)


def _collect(content: object, texts: list[str]) -> None:
    """Every string of nested blocks, but for drawings."""
    if isinstance(content, str):
        texts.append(content)
    elif isinstance(content, Figures):
        texts.append(content.note)
    elif is_dataclass(content):
        for each in fields(content):
            _collect(getattr(content, each.name), texts)
    elif isinstance(content, Iterable):
        for each in content:
            _collect(each, texts)
