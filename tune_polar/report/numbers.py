"""Numbers as a reader should meet them: no more digits than their error allows, true minus signs, time in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

MINUS = "−"
FEWEST_DECIMALS, MOST_DECIMALS = 2, 4
DECIMALS_WITHOUT_ERROR = 3
LONGEST_TICK = 6  # letters


def spread(scores: Sequence[float]) -> float | None:
    """Standard deviation between folds; None where there is only one, which says nothing of it."""
    return float(np.std(scores, ddof=1)) if len(scores) > 1 else None


def decimals_for(error: float | None) -> int:
    """Decimals of a score beside its ``error``; below 0 where tens or more are rounded.

    The error keeps two significant digits while they are at most 35, else one (Particle Data Group, Review of
    Particle Physics, section 5.3): 0.013 → 3, 0.009 → 3, 0.04 → 2, 17,677 → −3. An error of 0, or one that is not
    known, says nothing about digits. An error below 1, as of scores in 0–1, leaves at least two.
    """
    if error is None or not (error > 0 and math.isfinite(error)):
        return DECIMALS_WITHOUT_ERROR
    exponent = math.floor(math.log10(error))
    significant = 2 if error / 10**exponent < 3.55 else 1
    decimals = significant - 1 - exponent
    return decimals if error >= 1 else min(max(decimals, FEWEST_DECIMALS), MOST_DECIMALS)


def fixed(value: float, decimals: int) -> str:
    """``value`` with ``decimals`` digits after the point; what rounds to zero has no sign."""
    text = f"{value:.{decimals}f}" if decimals >= 0 else f"{round(value, decimals):.0f}"
    if text.startswith("-"):
        text = text[1:] if float(text) == 0 else MINUS + text[1:]
    return text


def with_error(value: float, error: float | None) -> str:
    """``0.698 ± 0.009``: both with the decimals that the error allows; where it is not known the value alone."""
    decimals = decimals_for(error)
    return fixed(value, decimals) if error is None else f"{fixed(value, decimals)} ± {fixed(error, decimals)}"


def duration(seconds: float) -> str:
    """Wall time by its two largest units: ``42 s``, ``3 min 5 s``, ``2 h 10 min``, ``3 d 4 h``."""
    if seconds < 10:
        return f"{fixed(seconds, 1)} s"
    whole = round(seconds)
    for size, unit, smaller_size, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller_size
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def setting(value: object) -> str:
    """A setting's value as a recipe writes it, a long float at four significant digits."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(setting(item) for item in value) or "none"
    return str(value)


def plain_number(value: float) -> str:
    """Three digits of what has no unit: ``2.91``, ``−0.014``."""
    return setting(float(f"{value:.3g}")).replace("-", MINUS)


def count(number: int, one: str, many: str | None = None) -> str:
    """``1 fold``, ``5 folds``, ``1,000 configurations``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def axis_ticks(low: float, high: float, most: int = 5) -> tuple[float, ...]:
    """Round numbers within ``low`` to ``high``, at most ``most`` of them, spaced by 1, 2 or 5 times a power of ten."""
    if not high > low:
        return (low,)
    exponent = math.floor(math.log10((high - low) / most))
    for step in (factor * 10**power for power in (exponent, exponent + 1) for factor in (1, 2, 5)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            return tuple(round(tick * step, max(12, 2 - exponent)) for tick in range(first, last + 1))
    return (low,)


def tick_words(ticks: Sequence[float], fewest: int = 0) -> tuple[str, ...]:
    """As many decimals as tell what each tick is, ``fewest`` at least; long ones with a power of ten: ``1e-06``."""
    step = min((abs(b - a) for a, b in pairwise(ticks)), default=abs(ticks[0]))
    for decimals in range(fewest if max(map(abs, ticks)) < 10 else 0, LONGEST_TICK - 1):
        words = [fixed(tick, decimals) for tick in ticks]
        if max(map(len, words)) > LONGEST_TICK:
            break
        if all(abs(tick - round(tick, decimals)) <= 1e-6 * step for tick in ticks):
            return tuple(words)
    return tuple(f"{tick:.3g}".replace("-", MINUS, 1) if tick < 0 else f"{tick:.3g}" for tick in ticks)
