"""Which column of a predictions file means what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tune_polar.errors import DecisionError

SPLIT, FOLD, ID = "split", "fold", "id"
JUDGED = "judged"  # 0 or 1, where there is such a column: rows with 0 are predicted and not judged
GOLD, LOGIT, PROBABILITY = "gold/", "logit/", "prob/"
FORMAT = (
    "The columns are split, fold, id, then gold/<label> and either logit/<label> or prob/<label> for each "
    "label; any other column tells configurations apart."
)


@dataclass(frozen=True)
class Columns:
    """The columns of one file by meaning."""

    settings: tuple[str, ...]  # tell configurations apart
    labels: tuple[str, ...]
    scores: tuple[str, ...]  # one per label: logit/… or prob/…
    logits: bool
    has_fold: bool
    has_judged: bool = False
    group: str | None = None  # a column that tells rows apart, not configurations

    @property
    def gold(self) -> tuple[str, ...]:
        """One column per label."""
        return tuple(GOLD + label for label in self.labels)

    @property
    def texts(self) -> tuple[str, ...]:
        """Columns that are read as they are written, never as numbers."""
        return (*self.settings, SPLIT, ID, *(() if self.group is None else (self.group,)))


def columns_of(header: Sequence[str], path: Path, group: str | None = None) -> Columns:
    """Sort the names of ``header`` by meaning; ``group`` names the column of the rows' groups, if there is one.

    Raises:
        DecisionError: a column occurs twice or is missing, or a label has no gold, no score, or two scores.
    """
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise DecisionError(
            f"{path}: each column must occur once, got {', '.join(twice)} more than once",
            "Rename one of them.",
        )
    missing = [name for name in (SPLIT, ID) if name not in header]
    gold = [name.removeprefix(GOLD) for name in header if name.startswith(GOLD)]
    if missing or not gold:
        wanted = missing + ([] if gold else [f"{GOLD}<label>"])
        raise DecisionError(
            f"{path}: must have the columns {', '.join(wanted)}, got {', '.join(header) or 'none'}", FORMAT
        )
    prefix = _score_prefix(header, path)
    scored = [name.removeprefix(prefix) for name in header if name.startswith(prefix)]
    if set(scored) != set(gold):
        raise DecisionError(
            f"{path}: every label must have both a {GOLD} and a {prefix} column, got gold only for "
            f"{sorted(set(gold) - set(scored))} and scores only for {sorted(set(scored) - set(gold))}",
            FORMAT,
        )
    if any(not name.strip() for name in header):
        raise DecisionError(
            f"{path}: every column must have a name, got none for column {1 + [n.strip() for n in header].index('')}",
            "Leave that column out: pandas writes none of its own with `to_csv(…, index=False)`.",
        )
    known = (GOLD, LOGIT, PROBABILITY)
    settings = [n for n in header if n not in (SPLIT, FOLD, ID, JUDGED) and not n.startswith(known)]
    if group is not None and group not in settings:
        raise DecisionError(
            f"{path}: the group must be a column beside those of the format, one of {settings}, got {group!r}",
            "Name the column that holds each row's language or other group.",
        )
    return Columns(
        settings=tuple(name for name in settings if name != group),
        labels=tuple(gold),
        scores=tuple(prefix + label for label in gold),
        logits=prefix == LOGIT,
        has_fold=FOLD in header,
        has_judged=JUDGED in header,
        group=group,
    )


def _score_prefix(header: Sequence[str], path: Path) -> str:
    """Logits or probabilities, whichever the file has."""
    present = [prefix for prefix in (LOGIT, PROBABILITY) if any(name.startswith(prefix) for name in header)]
    if len(present) != 1:
        kinds = "both" if present else "neither"
        raise DecisionError(
            f"{path}: must have either {LOGIT}<label> or {PROBABILITY}<label> columns, got {kinds}",
            f"Keep the logits and drop the probabilities. {FORMAT}" if present else FORMAT,
        )
    return present[0]
