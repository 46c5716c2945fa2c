"""When a search shall stop: `--time 1h30m`, `--until converged`, `--trials N`, `--racing RULE`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from tune_polar.api.count_checks import is_number
from tune_polar.errors import SearchError, SpecError
from tune_polar.search.stopping.limits import Limits

CONVERGED = "converged"
RACING_RULES = ("none", "forgiving", "aggressive", "doubling", "wilcoxon", "model")
_DURATION = re.compile(r"(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?")


@dataclass(frozen=True)
class Extent:
    """How far a search shall go, as typed or as given in Python.

    Args:
        trials: configurations to train; None: the default, or as begun.
        time: after which no fold is begun, as ``1h30m`` or in seconds.
        until: ``converged``, or None.
        racing: name of a racing rule; None: the default, or as begun.
    """

    trials: int | None = None
    time: str | float | None = None
    until: str | None = None
    racing: str | None = None

    def limits(self) -> Limits:
        """The limits of a search that begins now.

        Raises:
            SpecError: ``time`` is no duration, or ``until`` names no state of a search.
        """
        if self.until not in (None, CONVERGED):
            raise SpecError(
                f"--until must be `{CONVERGED}`, got {self.until!r}",
                f"Write --until {CONVERGED}, or give --time or --trials.",
            )
        seconds = None if self.time is None else seconds_of(self.time)
        return Limits(seconds, self.until is not None, trials_given=self.trials is not None)

    def rule(self) -> str | None:
        """The racing rule.

        Raises:
            SpecError: there is none of that name.
        """
        if self.racing is not None and self.racing not in RACING_RULES:
            raise SpecError(
                f"--racing must be one of {', '.join(RACING_RULES)}, got {self.racing!r}",
                "Give one of these; `none` trains every configuration on all its folds.",
            )
        return self.racing

    def check_for_kind(self, kind: str) -> None:
        """Refuse what means nothing for this kind of search.

        Raises:
            SearchError: an ablation is to run until it has converged, with another number of recipes, or raced.
        """
        if kind != "ablation":
            return
        if self.trials is not None:
            raise SearchError(
                "--trials must go with a search of a space, got an ablation, whose list of recipes is fixed",
                "Leave --trials out: every recipe of the list is trained.",
            )
        if self.until is not None:
            raise SearchError(
                f"--until {CONVERGED} must go with a search of a space, got an ablation, whose list of recipes is "
                "fixed",
                "Leave --until out: every recipe of the list is trained.",
            )
        if self.racing not in (None, "none"):
            raise SearchError(
                f"--racing {self.racing} must go with a search of a space, got an ablation, which compares all folds",
                "Leave --racing out.",
            )


def seconds_of(text: str | float) -> float:
    """``1h30m`` → 5400; a number is of seconds.

    Raises:
        SpecError: it is no such duration, or none at all.
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    units = () if match is None else zip(match.groups(), (3600, 60, 1), strict=True)
    seconds = sum(int(n or 0) * unit for n, unit in units) if isinstance(text, str) else text
    if not (is_number(seconds) and 0 < seconds < math.inf):
        raise SpecError(
            f"--time must be hours, minutes and seconds above 0, such as 2h, 30m, 90s or 1h30m, got {text!r}",
            "Write whole numbers with their units, the largest first.",
        )
    return float(seconds)
