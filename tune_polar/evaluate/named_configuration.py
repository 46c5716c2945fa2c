"""Which configuration of a search a person means: the same words for every command and in Python."""

from __future__ import annotations

from tune_polar.errors import SpecError, StoreError
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary
from tune_polar.recipe.message_words import did_you_mean

WINNER, PUBLISHED = "winner", "published"
_SHOWN = 8


def named_configuration(summary: SearchSummary, wanted: str) -> ConfigurationSummary | None:
    """The configuration that ``wanted`` names; None: the winner is meant, and nothing has a score.

    Args:
        summary: with scores.
        wanted: ``winner``, ``published`` (the recipe as it was given), or an id or number.

    Raises:
        SpecError: there is none of that name.
        StoreError: the search does not hold the recipe as it was given.

    Example:
        >>> named_configuration(summary, "0") is named_configuration(summary, "published")
        True
    """
    if wanted == WINNER:
        return summary.best
    if wanted == PUBLISHED:
        if summary.reference is None:
            raise StoreError(
                f"store {summary.url}: must hold the recipe as it was given, but it does not",
                "Leave --configuration out for the winner, or name one by its id or number.",
            )
        return summary.reference
    rows = {str(row.configuration.number): row for row in summary.configurations}
    rows |= {row.configuration.id: row for row in summary.configurations}
    if wanted not in rows:
        finished = [f"{row.configuration.id} (number {row.configuration.number})" for row in summary.finished]
        raise SpecError(
            f"--configuration must be {WINNER}, {PUBLISHED}, or the id or number of one of the "
            f"{len(summary.configurations)} configurations of {summary.url}, got {wanted!r}"
            f"{did_you_mean(wanted, [WINNER, PUBLISHED, *rows])}",
            f"Finished, best first, are {', '.join(finished[:_SHOWN])}{' …' if len(finished) > _SHOWN else ''}."
            if finished
            else "Finish the search first: `tune-polar resume STORE`.",
        )
    return rows[wanted]
