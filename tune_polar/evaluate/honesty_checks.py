"""Scores that cannot be honest: on texts that a start has seen (TP010), on sets that values were chosen on (TP011)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary
from tune_polar.recipe.chosen_on import chosen_by
from tune_polar.recipe.fill import value_at
from tune_polar.recipe.message_words import shown
from tune_polar.recipe.seen_starts import SeenStart

CHOSEN = "TP011"
EXAMPLES_SHOWN = 3


def seen_start_messages(summary: SearchSummary) -> Iterator[str]:
    """What TP010 says, once for each way from a decision to such a start."""
    found: dict[tuple[SeenStart, ...], dict[str, list[ConfigurationSummary]]] = {}
    for row in summary.finished:
        for decision in row.configuration.recipe.decide:
            if seen := row.seen_starts(decision):
                found.setdefault(seen, {}).setdefault(decision, []).append(row)
    for seen, decisions in found.items():
        rows = list({row.configuration.id: row for each in decisions.values() for row in each}.values())
        yield (
            f"{'; '.join(each.words for each in seen)}, which was trained on texts that other folds validate on: "
            f"scores of {', '.join(decisions)} are too high, by how much is not known ({_which(rows, summary)}"
            f"{_best_honest(rows, summary)}). For honest ones set {'; '.join(each.remedy for each in seen)}"
        )


def chosen_on_messages(summary: SearchSummary) -> Iterator[str]:
    """What TP011 says, once for each scored set and value."""
    for split in _scored_sets(summary):
        for (name, said), rows in values_chosen_on(summary, split, summary.finished).items():
            yield (
                f"{said} was chosen by scores on {name}, as the recipe says ({_which(rows, summary)}): where {split} "
                "here is of these rows, scores on it are too high. Choose the value on validation rows, by a search "
                "space with its key"
            )


def values_chosen_on(
    summary: SearchSummary, split: str, rows: Iterable[ConfigurationSummary]
) -> dict[tuple[str, str], list[ConfigurationSummary]]:
    """Sets of ``chosen_on`` that ``split`` may be, each with a value chosen by scores on it, and which rows have it.

    Args:
        summary: of their search.
        split: whose rows are scored; of the embedded sample nothing but evaluation sets.
        rows: configurations that are scored on them.

    Example:
        >>> list(values_chosen_on(summary, "sbic", summary.finished))
        [('sbic', 'hate.losses.triplet.margin = 0.5')]
    """
    found: dict[tuple[str, str], list[ConfigurationSummary]] = defaultdict(list)
    for row in rows if split in _scored_sets(summary) else ():
        recipe = row.configuration.recipe
        for name, keys in chosen_by(recipe, split).items():
            for key in keys:
                found[name, f"{key} = {shown(value_at(recipe, key))}"].append(row)
    return found


def sets_chosen_on(summary: SearchSummary, row: ConfigurationSummary) -> set[str]:
    """Scored sets of which TP011 speaks in ``row``."""
    return {split for split in _scored_sets(summary) if chosen_by(row.configuration.recipe, split)}


def _scored_sets(summary: SearchSummary) -> list[str]:
    """Names of what is scored: of the embedded sample, on which nobody chose anything, only what stands beside it."""
    facts, best = summary.facts, summary.best
    own = [] if best is None or best.outcome is None else list(best.outcome.judged.scored.splits)
    if facts.data_path is None:
        return [name for name in own if name in summary.recipe.data.evaluate]
    return [*own, facts.data_name]


def _best_honest(rows: Sequence[ConfigurationSummary], summary: SearchSummary) -> str:
    """The best configuration with an honest score, where the winner is one of ``rows`` and has none."""
    if summary.best is None or summary.best not in rows or not summary.best.seen_starts():
        return ""
    honest = next((row for row in summary.finished if not row.seen_starts()), None)
    if honest is None or honest.scores is None:
        return ""
    score = f"{honest.scores.score:.3f}".replace("-", "−")
    return f"; the best honest one is {honest.configuration.id} with {score}"


def _which(rows: Sequence[ConfigurationSummary], summary: SearchSummary) -> str:
    """Which ``rows`` of all that have a score."""
    if len(rows) == len(summary.finished):
        return "in every configuration with a score"
    ids = ", ".join(row.configuration.id for row in rows[:EXAMPLES_SHOWN])
    more = f" and {len(rows) - EXAMPLES_SHOWN:,} more" if len(rows) > EXAMPLES_SHOWN else ""
    said = f"in {len(rows):,} of {len(summary.finished):,} configurations with a score: {ids}{more}"
    return f"{said}, the winner among them" if summary.best in rows else said
