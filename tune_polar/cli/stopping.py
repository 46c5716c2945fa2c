"""When a search shall stop, as typed: `--time 1h30m`, `--until converged`, `--trials N`."""

from __future__ import annotations

import re

from tune_polar.errors import SearchError, SpecError
from tune_polar.search.limits import Limits

CONVERGED = "converged"
RACING_RULES = ("none", "forgiving", "aggressive", "doubling", "wilcoxon", "model")
_DURATION = re.compile(r"(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?")


def limits(time: str | None, until: str | None, trials: int | None) -> Limits:
    """The limits of a search that begins now.

    Raises:
        SpecError: ``time`` is no duration, or ``until`` names no state of a search.
    """
    if until not in (None, CONVERGED):
        raise SpecError(
            f"--until must be `{CONVERGED}`, got {until!r}", f"Write --until {CONVERGED}, or give --time or --trials."
        )
    seconds = None if time is None else seconds_of(time)
    return Limits(seconds, until is not None, trials_given=trials is not None)


def check_for_kind(limits: Limits, kind: str) -> None:
    """Refuse a limit that means nothing for this kind of search.

    Raises:
        SearchError: an ablation is to run until it has converged, or with another number of recipes.
    """
    if limits.trials_given and kind == "ablation":
        raise SearchError(
            "--trials must go with a search of a space, got an ablation, whose list of recipes is fixed",
            "Leave --trials out: every recipe of the list is trained.",
        )
    if limits.until_converged and kind == "ablation":
        raise SearchError(
            f"--until {CONVERGED} must go with a search of a space, got an ablation, whose list of recipes is fixed",
            "Leave --until out: every recipe of the list is trained.",
        )


def check_racing(rule: str | None) -> str | None:
    """The racing rule as typed.

    Raises:
        SpecError: there is none of that name.
    """
    if rule is not None and rule not in RACING_RULES:
        raise SpecError(
            f"--racing must be one of {', '.join(RACING_RULES)}, got {rule!r}",
            "Give one of these; `none` trains every configuration on all its folds.",
        )
    return rule


def check_racing_for_kind(rule: str | None, kind: str) -> None:
    """Refuse to race ablations.

    Raises:
        SearchError: every recipe of an ablation is compared on all folds.
    """
    if rule not in (None, "none") and kind == "ablation":
        raise SearchError(
            f"--racing {rule} must go with a search of a space, got an ablation, which compares all folds",
            "Leave --racing out.",
        )


def seconds_of(text: str) -> float:
    """``1h30m`` → 5400.

    Raises:
        SpecError: it is no such duration, or none at all.
    """
    match = _DURATION.fullmatch(text)
    seconds = (
        0 if match is None else sum(int(n or 0) * unit for n, unit in zip(match.groups(), (3600, 60, 1), strict=True))
    )
    if seconds == 0:
        raise SpecError(
            f"--time must be hours, minutes and seconds above 0, such as 2h, 30m, 90s or 1h30m, got {text!r}",
            "Write whole numbers with their units, the largest first.",
        )
    return float(seconds)
