"""The page's second answer: what the best score is worth, and what speaks against the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tune_polar.report.numbers import decimals_for, fixed
from tune_polar.stats.bbc_cv import BbcCv
from tune_polar.store.correction import corrected_best
from tune_polar.store.flags import Check, checks_of
from tune_polar.store.summary import SearchSummary

# What each check is for, in plain words.
EXPLANATIONS: Mapping[str, str] = MappingProxyType(
    {
        "TP001": "A best value at the end of its range suggests better ones beyond: the range decided, not the data.",
        "TP002": "A gain that noise between folds would produce by itself is no reason to prefer the winner.",
        "TP003": "A threshold that calls a label on nearly all rows or hardly any, or gives up F1, says more about the "
        "rule that chose it than about the label.",
        "TP004": "A configuration without all its folds has no score and enters no comparison.",
        "TP005": "A text on both sides of a split is judged by a model that has seen it: scores come out too high.",
        "TP006": "With few configurations chance alone makes some parameter look important.",
    }
)
DEVIATIONS = 1.645  # standard deviations to either side that hold 90 % of a normal distribution


@dataclass(frozen=True)
class HonestySection:
    """The correction in a sentence, and every coded check."""

    correction: str
    checks: tuple[Check, ...]
    explanations: Mapping[str, str] = field(default_factory=lambda: EXPLANATIONS)  # by code

    @property
    def firing(self) -> tuple[Check, ...]:
        """Checks that found something."""
        return tuple(check for check in self.checks if check.verdict == "fires")


def honesty_section(summary: SearchSummary, corrected: BbcCv | str | None = None) -> HonestySection:
    """Correction and checks of a search; ``corrected`` where it has been computed already."""
    sentence = correction_sentence(corrected_best(summary) if corrected is None else corrected)
    read = sum(row.outcome is not None for row in summary.finished)
    if read < len(summary.finished) and not isinstance(corrected, str):
        sentence += (
            f" Entered are the {read} configurations read in full, the best of {len(summary.finished):,}: the others "
            "score too low to win a round often, and leaving them out corrects a little less."
        )
    return HonestySection(sentence, checks_of(summary))


def correction_sentence(corrected: BbcCv | str) -> str:
    """What choosing the best of many was worth, or why that cannot be said."""
    if isinstance(corrected, str):
        return f"Correction for having chosen the best of many: not applicable, {corrected}."
    interval = corrected.interval
    left_out = (
        f" {len(corrected.left_out)} configurations with missing folds did not enter." if corrected.left_out else ""
    )
    decimals = decimals_for((interval.high - interval.low) / (2 * DEVIATIONS))
    raw, sober, low, high = (
        fixed(value, decimals) for value in (corrected.raw_best, corrected.corrected, interval.low, interval.high)
    )
    return (
        f"The best score as measured is {raw}. Corrected for having chosen it among {corrected.entered} candidates "
        f"(configurations × threshold rules; BBC-CV) it is {sober}, {interval.level:.0%} interval {low} to "
        f"{high}.{left_out}"
    )
