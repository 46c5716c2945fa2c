"""Coded checks of a search: reasons to distrust its numbers, each with an explicit "not applicable".

TP001 best value at the edge of its range · TP002 gain below fold noise · TP003 degenerate threshold · TP004 missing or
failed folds · TP005 a text in two folds, or in dev and train · TP006 too few finished configurations for importances.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tune_polar.decide.degenerate import threshold_findings
from tune_polar.spec.draft import least_and_most
from tune_polar.spec.space import DECISION_KEYS
from tune_polar.stats.paired import fold_paired
from tune_polar.store.outcome import deployed_thresholds
from tune_polar.store.summary import ConfigurationSummary, SearchSummary

Verdict = Literal["fires", "silent", "not applicable"]

EDGE_SHARE = 0.02  # of the range: nearer to its end than this is at its edge
ENOUGH_FOR_IMPORTANCES = 20
EXAMPLES_SHOWN = 3


@dataclass(frozen=True)
class Check:
    """What one coded check found. ``messages`` say what where it fires, and why where it does not apply."""

    code: str
    title: str
    verdict: Verdict
    messages: tuple[str, ...] = ()


class NotApplicableError(Exception):
    """A check cannot be made of these records; its text says why."""


def checks_of(summary: SearchSummary) -> tuple[Check, ...]:
    """Every check, in order of code."""
    return tuple(_run(code, title, check, summary) for code, title, check in _CHECKS)


def _run(code: str, title: str, check: Callable[[SearchSummary], Iterator[str]], summary: SearchSummary) -> Check:
    try:
        messages = tuple(check(summary))
    except NotApplicableError as reason:
        return Check(code, title, "not applicable", (str(reason),))
    return Check(code, title, "fires" if messages else "silent", messages)


def _best(summary: SearchSummary) -> ConfigurationSummary:
    if summary.best is None:
        raise NotApplicableError("no configuration has finished all its folds")
    return summary.best


def _edge_of_range(summary: SearchSummary) -> Iterator[str]:
    best = _best(summary)
    if not summary.facts.parameters:
        raise NotApplicableError("nothing was searched")
    for key, value in best.configuration.point.items():
        if key in DECISION_KEYS:  # swept: the winner's are not the proposed ones
            continue
        about = summary.facts.parameters.get(key) or summary.facts.parameters.get(key.rpartition(".")[0], {})
        about = about.get("element", about)
        low, high = about.get("low"), about.get("high")
        if isinstance(value, bool) or not isinstance(value, int | float) or low is None or high is None or low >= high:
            continue
        place = _place_in_range(float(value), float(low), float(high), bool(about.get("log")))
        if min(place, 1 - place) <= EDGE_SHARE:
            least, most = least_and_most(key)
            if (least == low) if place < 0.5 else (most == high):  # there is nothing beyond it
                continue
            end = "lower" if place < 0.5 else "upper"
            yield f"{key} = {value:g} lies at the {end} end of its range {low:g} to {high:g}: widen it"


def _place_in_range(value: float, low: float, high: float, log: bool) -> float:
    if log:
        value, low, high = np.log(value), np.log(low), np.log(high)
    return (value - low) / (high - low)


def _gain_below_noise(summary: SearchSummary) -> Iterator[str]:
    best, published = _best(summary), summary.published
    if published is None or published.outcome is None or best.outcome is None:
        raise NotApplicableError("the published configuration has not finished all its folds")
    if best is published:
        raise NotApplicableError("the published configuration is the best")
    paired = fold_paired(np.array(best.outcome.best.fold_scores), np.array(published.outcome.best.fold_scores))
    if paired.interval.low <= 0:
        yield (
            f"the best configuration and the published one cannot be told apart with these folds: difference "
            f"{100 * paired.difference:+.1f} points, 95% interval {100 * paired.interval.low:+.1f} to "
            f"{100 * paired.interval.high:+.1f}"
        )


def _degenerate_thresholds(summary: SearchSummary) -> Iterator[str]:
    best = _best(summary)
    if best.outcome is None or best.predictions is None or not best.outcome.best.rule:
        raise NotApplicableError("a detector alone has no thresholds")
    fold, row, probability = best.predictions.classifier_rows()
    del fold
    keep = best.predictions.target[row] == 1
    labels = best.configuration.recipe.task.labels
    gold = summary.gold.train.matrix(labels)[row[keep]]
    chosen = deployed_thresholds(best.predictions, best.outcome.best.rule)
    values = np.array([chosen[label] for label in labels])
    for finding in threshold_findings(values, gold, probability[keep], labels=labels):
        yield finding.message


def _missing_folds(summary: SearchSummary) -> Iterator[str]:
    if not summary.configurations:
        raise NotApplicableError("no configuration has been proposed")
    planned = summary.gold.detector_plan.count
    # Given up on purpose: said elsewhere.
    rows = [row for row in summary.configurations if row.state not in ("finished", "abandoned")]
    waiting = [row for row in rows if _only_waits(row)]
    if len(waiting) > EXAMPLES_SHOWN:  # a search that was stopped, by its time or by hand
        yield (
            f"{len(waiting)} configurations lack some of their {planned} folds and none has failed: the search was "
            f"stopped before; `tune-polar resume` trains them"
        )
        rows = [row for row in rows if not _only_waits(row)]
    for row in rows:
        reason = f": {row.failures[-1].first_line}" if row.failures else ""
        yield f"configuration {row.configuration.id} has {len(row.folds)} of {planned} folds{reason}"


def _only_waits(row: ConfigurationSummary) -> bool:
    return row.state == "incomplete" and not row.failures


def _repeated_texts(summary: SearchSummary) -> Iterator[str]:
    for kind, pairs in (
        ("in two folds", summary.gold.repeated_in_folds),
        ("in dev and train", summary.gold.repeated_in_dev),
    ):
        if pairs:
            shown = ", ".join(f"{first} = {second}" for first, second in pairs[:EXAMPLES_SHOWN])
            more = f" and {len(pairs) - EXAMPLES_SHOWN} more" if len(pairs) > EXAMPLES_SHOWN else ""
            yield f"{len(pairs)} {'text stands' if len(pairs) == 1 else 'texts stand'} {kind}: {shown}{more}"


def _few_configurations(summary: SearchSummary) -> Iterator[str]:
    if not summary.facts.parameters:
        raise NotApplicableError("nothing was searched")
    finished = len(summary.finished)
    if finished < ENOUGH_FOR_IMPORTANCES:
        yield f"{finished} are finished, {ENOUGH_FOR_IMPORTANCES} are needed to say which settings matter"


_CHECKS: tuple[tuple[str, str, Callable[[SearchSummary], Iterator[str]]], ...] = (
    ("TP001", "best value at the edge of its range", _edge_of_range),
    ("TP002", "gain below fold noise", _gain_below_noise),
    ("TP003", "degenerate threshold", _degenerate_thresholds),
    ("TP004", "missing or failed folds", _missing_folds),
    ("TP005", "text in two folds, or in dev and train", _repeated_texts),
    ("TP006", "too few finished configurations for importances", _few_configurations),
)
