"""Which column of a predictions file means what."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from tune_polar.errors import DecisionError

SPLIT, FOLD, ID = "split", "fold", "id"
JUDGED = "judged"  # 0 or 1, where there is such a column: rows with 0 are predicted and not judged
GOLD, LOGIT, PROBABILITY, VALUE = "gold/", "logit/", "prob/", "value/"
SEEN, YES, NO = "start_has_seen", "yes", "no"  # whether a stage of the configuration started from weights that were
# trained on its out-of-fold rows
GROUP = "group/"  # a column that tells rows apart and no configurations
CLASS = "gold"  # the one column with a row's class, beside a score for each class
FORMAT = (
    "The columns are split, fold, id, then gold/<label> and either logit/<label> or prob/<label> for each "
    "label; or gold with the row's class and prob/<class> for each class; or gold/<name> and value/<name> for numbers. "
    "Columns group/<name> say of which group a row is; any other column tells configurations apart."
)
Kind: TypeAlias = Literal["labels", "class", "number"]
# What pandas calls an index that was written into a file, and a column without a name.
UNNAMED = re.compile(r"\s*|Unnamed: \d+|__index_level_\d+__")


@dataclass(frozen=True)
class Columns:
    """The columns of one file by meaning."""

    settings: tuple[str, ...]  # tell configurations apart
    labels: tuple[str, ...]  # labels, classes, or numbers
    scores: tuple[str, ...]  # one each: logit/…, prob/… or value/…
    logits: bool
    has_fold: bool
    has_judged: bool = False
    group: str | None = None  # a column that tells rows apart, not configurations
    kind: Kind = "labels"
    unnamed: tuple[str, ...] = ()  # columns without a name, which are not read

    @property
    def gold(self) -> tuple[str, ...]:
        """One column per label or number; of classes one for all."""
        return (CLASS,) if self.kind == "class" else tuple(GOLD + label for label in self.labels)

    @property
    def texts(self) -> tuple[str, ...]:
        """Columns that are read as they are written, never as numbers."""
        own = (CLASS,) if self.kind == "class" else ()
        return (*self.settings, SPLIT, ID, *own, *(() if self.group is None else (self.group,)))


def columns_of(header: Sequence[str], path: Path, group: str | None = None) -> Columns:
    """Sort the names of ``header`` by meaning; ``group`` names the column of the rows' groups, if there is one.

    Raises:
        DecisionError: a column occurs twice or is missing, or a label has no gold, no score, or two scores.
    """
    unnamed = tuple(name for name in header if UNNAMED.fullmatch(name))
    header = [name for name in header if name not in unnamed]
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise DecisionError(
            f"{path}: each column must occur once, got {', '.join(twice)} more than once",
            "Rename one of them.",
        )
    missing = [name for name in (SPLIT, ID) if name not in header]
    gold = [name.removeprefix(GOLD) for name in header if name.startswith(GOLD)]
    of_classes = CLASS in header and not gold
    if missing or not (gold or of_classes):
        wanted = missing + ([] if gold or of_classes else [f"{GOLD}<label>"])
        raise DecisionError(
            f"{path}: must have the columns {', '.join(wanted)}, got {', '.join(header) or 'none'}", FORMAT
        )
    prefix = _score_prefix(header, path)
    scored = [name.removeprefix(prefix) for name in header if name.startswith(prefix)]
    if of_classes:
        gold = _classes(scored, prefix, path)
    elif set(scored) != set(gold):
        raise DecisionError(
            f"{path}: every label must have both a {GOLD} and a {prefix} column, got gold only for "
            f"{sorted(set(gold) - set(scored))} and scores only for {sorted(set(scored) - set(gold))}",
            FORMAT,
        )
    known = (GOLD, LOGIT, PROBABILITY, VALUE)
    fixed = (SPLIT, FOLD, ID, JUDGED, *((CLASS,) if of_classes else ()))
    settings = [n for n in header if n not in fixed and not n.startswith((*known, GROUP))]
    of_recipe = [name for name in header if name.startswith(GROUP)]
    groups = {name.removeprefix(GROUP): name for name in of_recipe}
    groups |= {name: name for name in (*settings, *of_recipe)}  # as it is written goes before what it is short for
    if group is not None and group not in groups:
        raise DecisionError(
            f"{path}: the group must be a column beside those of the format, one of {list(groups)}, got {group!r}",
            "Name the column that holds each row's language or other group.",
        )
    return Columns(
        settings=tuple(name for name in settings if name != group),
        labels=tuple(gold),
        scores=tuple(prefix + label for label in gold),
        logits=prefix == LOGIT,
        has_fold=FOLD in header,
        has_judged=JUDGED in header,
        group=None if group is None else groups[group],
        kind="class" if of_classes else "number" if prefix == VALUE else "labels",
        unnamed=unnamed,
    )


def _classes(scored: Sequence[str], prefix: str, path: Path) -> list[str]:
    """A column a class, as `predict_proba` gives them."""
    if prefix == VALUE or len(scored) < 2:
        raise DecisionError(
            f"{path}: beside {CLASS} there must be a {PROBABILITY}<class> or {LOGIT}<class> column for each of two or "
            f"more classes, got {[prefix + name for name in scored]}",
            FORMAT,
        )
    return list(scored)


def _score_prefix(header: Sequence[str], path: Path) -> str:
    """Logits, probabilities or values, whichever the file has."""
    present = [prefix for prefix in (LOGIT, PROBABILITY, VALUE) if any(name.startswith(prefix) for name in header)]
    if len(present) != 1:
        kinds = "both" if present == [LOGIT, PROBABILITY] else ", ".join(present) or "neither"
        raise DecisionError(
            f"{path}: must have either {LOGIT}<label> or {PROBABILITY}<label> columns, got {kinds}",
            f"Keep the logits and drop the probabilities. {FORMAT}" if present else FORMAT,
        )
    return present[0]
