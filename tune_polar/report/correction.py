"""What choosing the best of many was worth, in a sentence."""

from __future__ import annotations

from tune_polar.report.context import PageContext
from tune_polar.report.numbers import decimals_for, fixed

DEVIATIONS = 1.645  # standard deviations to either side that hold 90 % of a normal distribution


def correction_sentence(page: PageContext) -> str:
    """The corrected score, or why there is none; and which configurations entered."""
    corrected, finished = page.corrected, page.summary.finished
    if isinstance(corrected, str):
        return f"Correction for having chosen the best of many: not applicable, {corrected}."
    interval, left_out, read = corrected.interval, len(corrected.left_out), len(page.in_full)
    decimals = decimals_for((interval.high - interval.low) / (2 * DEVIATIONS))
    raw, sober, low, high = (
        fixed(value, decimals) for value in (corrected.raw_best, corrected.corrected, interval.low, interval.high)
    )
    return (
        f"The best score as measured is {raw}. Corrected for having chosen it among {corrected.entered} candidates "
        f"(configurations, each with every setting that costs no training; BBC-CV) it is {sober}, "
        f"{interval.level:.0%} interval {low} to {high}."
        + (f" {left_out} configurations with missing folds did not enter." if left_out else "")
        + (
            f" Entered are the {read} configurations read in full, the best of {len(finished):,}: the others do too "
            "badly to win a round often, and leaving them out corrects a little less."
            if read < len(finished)
            else ""
        )
    )
