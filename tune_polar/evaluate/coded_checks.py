"""Coded checks of a search: reasons to distrust its numbers, each with an explicit "not applicable".

TP001 best value at the edge of its range · TP002 gain below fold noise · TP003 degenerate threshold · TP004 missing or
failed folds · TP005 a text on both sides of a split · TP006 too few finished configurations for importances · TP007 a
labelled split far from what was expected · TP008 too few positive rows of a label · TP009 a text nearly on both sides
of a split · TP010 a start that has seen validated texts · TP011 a set that published values were chosen on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tune_polar.data.table import TRAIN
from tune_polar.evaluate.cell_words import cells_word
from tune_polar.evaluate.correction import LEVEL, choice_of
from tune_polar.evaluate.expected_score import ahead_of
from tune_polar.evaluate.honesty_checks import CHOSEN, chosen_on_messages, seen_start_messages
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary
from tune_polar.evaluate.threshold_checks import degenerate_thresholds
from tune_polar.recipe.configuration import PUBLISHED
from tune_polar.recipe.keys import least_and_most, place_of
from tune_polar.recipe.loaded_space import is_free
from tune_polar.recipe.seen_starts import CODE as SEEN
from tune_polar.recipe.space import CategoricalParameter
from tune_polar.recipe.widened import widened
from tune_polar.stats.importance import FEWEST
from tune_polar.stats.intervals import signed, unit_of
from tune_polar.stats.paired import fold_paired
from tune_polar.stats.rare_labels import CODE as RARE
from tune_polar.stats.rare_labels import rare_labels
from tune_polar.stats.split_alarm import ALARM, ALARM_TITLE
from tune_polar.store.gold import Gold

Verdict = Literal["fires", "silent", "not applicable"]

EDGE_SHARE = 0.02  # of the range: nearer to its end than this is at its edge
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
        raise NotApplicableError(f"no configuration has finished all its {cells_word(summary.cells)}")
    return summary.best


def _edge_of_range(summary: SearchSummary) -> Iterator[str]:
    best, space = _best(summary), summary.facts.searched
    if space is None:
        raise NotApplicableError("nothing was searched")
    for key, value in best.configuration.point.items():
        single = space.singles.get(key)
        if single is None or isinstance(single, CategoricalParameter) or is_free(key, space.recipe):
            continue  # what costs no training was swept: the winner's value is not the proposed one
        low, high = single.low, single.high
        if isinstance(value, bool) or not isinstance(value, int | float) or low >= high:
            continue
        place = _place_in_range(float(value), float(low), float(high), single.log)
        if min(place, 1 - place) <= EDGE_SHARE:
            least, most = least_and_most(place_of(key, space.recipe))
            if (least == low) if place < 0.5 else (most == high):  # there is nothing beyond it
                continue
            end = "lower" if place < 0.5 else "upper"
            line = widened(key, space, upward=place > 0.5)
            at = f"{key} = {value:g} lies at the {end} end of its range {low:g} to {high:g}"
            yield f"{at}; widen it in the search space: `{line}`"


def _place_in_range(value: float, low: float, high: float, log: bool) -> float:
    if log:
        value, low, high = np.log(value), np.log(low), np.log(high)
    return (value - low) / (high - low)


def _gain_below_noise(summary: SearchSummary) -> Iterator[str]:
    best, reference = _best(summary), summary.reference
    if reference is None or reference.scores is None or best.scores is None:
        word = cells_word(summary.cells)
        raise NotApplicableError(f"the configuration to compare with has not finished all its {word}")
    name = "published configuration" if reference.configuration.origin == PUBLISHED else "recipe as given"
    if best is reference:
        raise NotApplicableError(f"the {name} has the highest score")
    ours, theirs = (each.by_cell(summary.cells) for each in (best.scores, reference.scores))
    if np.count_nonzero(~np.isnan(ours - theirs)) < 2:
        raise NotApplicableError("one cell alone says nothing of noise")
    folds, seeds = {cell.fold for cell in summary.cells}, {cell.seed for cell in summary.cells}
    metric, held_out = summary.metric, summary.gold.held_out
    paired = fold_paired(ours, theirs, planned_folds=len(folds), seeds=len(seeds), held_out=held_out, metric=metric)
    gain = min(metric.gain(end, 0.0) for end in (paired.interval.low, paired.interval.high))
    choice = choice_of(summary)
    is_of_many = not isinstance(choice, str) and choice.configurations > 1
    luck = max(choice.corrected.optimism, 0.0) if not isinstance(choice, str) and is_of_many else 0.0
    if gain <= luck:
        low, high = (signed(end, metric) for end in (paired.interval.low, paired.interval.high))
        without = ""
        if gain > 0:
            worth = signed(luck, metric).removeprefix("+")
            without = f", of which {worth}{unit_of(metric)} are owed to having been chosen as the best"
        yield (
            f"the best configuration and the {name} cannot be told apart with these {cells_word(summary.cells)}: "
            f"difference {signed(paired.difference, metric)}{unit_of(metric)}{without}, 95% interval {low} to {high}"
        )


def _degenerate_thresholds(summary: SearchSummary) -> Iterator[str]:
    best = _best(summary)
    if best.outcome is None:
        raise NotApplicableError("the predictions of the best configuration have not been read")
    if not any(node.kind == "threshold" for node in best.outcome.graph.nodes.values()):
        raise NotApplicableError("no decision has thresholds")
    yield from degenerate_thresholds(best.outcome, summary.gold)


def _missing_cells(summary: SearchSummary) -> Iterator[str]:
    if not summary.configurations:
        raise NotApplicableError("no configuration has been proposed")
    planned = f"{len(summary.cells)} {cells_word(summary.cells)}"
    # Given up on purpose: said elsewhere.
    rows = [row for row in summary.configurations if row.state not in ("finished", "abandoned")]
    waiting = [row for row in rows if _only_waits(row)]
    if len(waiting) > EXAMPLES_SHOWN:  # a search that was stopped, by its time or by hand
        yield (
            f"{len(waiting)} configurations lack some of their {planned} and none has failed: the search was "
            f"stopped before; `tune-polar resume` trains them"
        )
        rows = [row for row in rows if not _only_waits(row)]
    for row in rows:
        reason = f": {row.failures[-1].first_line}" if row.failures else ""
        yield f"configuration {row.configuration.id} has {len(row.folds)} of {planned}{reason}"


def _only_waits(row: ConfigurationSummary) -> bool:
    return row.state == "incomplete" and not row.failures


def _repeated_texts(summary: SearchSummary) -> Iterator[str]:
    gold = summary.gold
    for split in (name for name in gold.splits if name in gold.repeated):
        pairs = gold.repeated[split].tolist()
        stand = "text stands" if len(pairs) == 1 else "texts stand"
        where = "in two folds" if split == TRAIN else f"in {split} and train"
        yield f"{len(pairs):,} {stand} {where}: {_ids(gold, split, pairs, '=')}"


def _near_texts(summary: SearchSummary) -> Iterator[str]:
    gold = summary.gold
    if not gold.near.is_complete and not gold.near.pairs:
        raise NotApplicableError("there are too many rows to compare them all")
    for split in (name for name in gold.splits if name in gold.near.pairs):
        pairs = gold.near.pairs[split].tolist()
        least = "" if gold.near.is_complete else "at least "
        have = f"{least}{len(pairs):,} {'text has' if len(pairs) == 1 else 'texts have'} a near twin"
        where = "in another fold" if split == TRAIN else f"in train, of {len(gold.splits[split]):,} of {split}"
        yield f"{have} {where}: {_ids(gold, split, pairs, '≈')}"


def _ids(gold: Gold, split: str, pairs: Sequence[Sequence[int]], sign: str) -> str:
    """Some of ``pairs`` of a row of ``split`` and one of train."""
    ids = ((gold.splits[split].ids[one], gold.train.ids[other]) for one, other in pairs[:EXAMPLES_SHOWN])
    more = f" and {len(pairs) - EXAMPLES_SHOWN:,} more" if len(pairs) > EXAMPLES_SHOWN else ""
    return ", ".join(f"{one} {sign} {other}" for one, other in ids) + more


def _few_configurations(summary: SearchSummary) -> Iterator[str]:
    if summary.facts.searched is None:
        raise NotApplicableError("nothing was searched")
    finished = len(summary.finished) + sum(row.scores is None for row, _ in summary.abandoned)
    if finished < FEWEST:
        are = "is" if finished == 1 else "are"
        yield f"{finished} {are} finished or stopped early, {FEWEST} are needed to say which settings matter"


def _rare_labels(summary: SearchSummary) -> Iterator[str]:
    best = _best(summary)
    if best.outcome is None:
        raise NotApplicableError("the predictions of the best configuration have not been read")
    judged = best.outcome.judged.scored
    if judged.rows.gold.kind == "number":
        raise NotApplicableError("numbers have no positive rows")
    ahead = ahead_of(summary)
    size = summary.next_rows if isinstance(ahead, str) else ahead.new_rows.rows  # those that the score is foretold of
    found = rare_labels(judged.rows, judged.cross_fitted.decided, size)
    yield from (each.sentence for each in found)


def _far_splits(summary: SearchSummary) -> Iterator[str]:
    _best(summary)
    ahead = ahead_of(summary)
    if isinstance(ahead, str):
        raise NotApplicableError(ahead)
    if not ahead.splits:
        raise NotApplicableError("no other split has gold for what is scored")
    for split in ahead.alarms:
        interval = split.ahead.interval(LEVEL)
        likely = [each.sentence for each in split.causes if each.verdict == "found"]
        yield (
            f"{split.name} scores {_three(split.score)}, {LEVEL:.0%} prediction interval {_three(interval.low)} to "
            f"{_three(interval.high)}; {likely[0] if likely else 'no cause that can be tested here explains it'}"
        )


def _seen_starts(summary: SearchSummary) -> Iterator[str]:
    _best(summary)
    yield from seen_start_messages(summary)


def _chosen_on(summary: SearchSummary) -> Iterator[str]:
    if _best(summary).outcome is None:
        raise NotApplicableError("the predictions of the best configuration have not been read")
    if not any(row.configuration.recipe.chosen_on for row in summary.finished):
        raise NotApplicableError("the recipe lists no value as chosen on an evaluation set (chosen_on)")
    yield from chosen_on_messages(summary)


def _three(score: float) -> str:
    return f"{score:.3f}".replace("-", "−")


_CHECKS: tuple[tuple[str, str, Callable[[SearchSummary], Iterator[str]]], ...] = (
    ("TP001", "best value at the edge of its range", _edge_of_range),
    ("TP002", "gain below fold noise", _gain_below_noise),
    ("TP003", "degenerate threshold", _degenerate_thresholds),
    ("TP004", "missing or failed folds", _missing_cells),
    ("TP005", "text in two folds, or in train and another split", _repeated_texts),
    ("TP006", "too few finished configurations for importances", _few_configurations),
    (ALARM, ALARM_TITLE, _far_splits),
    (RARE, "too few positive rows", _rare_labels),
    ("TP009", "text nearly in two folds, or in train and another split", _near_texts),
    (SEEN, "start that has seen validated texts", _seen_starts),
    (CHOSEN, "scored on what published values were chosen on", _chosen_on),
)
