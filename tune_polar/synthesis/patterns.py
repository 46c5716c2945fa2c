"""Patterns of the prompts' file, looked for in what a model wrote: for so long and no longer.

Python's own matching can take longer than a lifetime over ``(a+)+$`` and knows no end of its time; `regex` has one.
"""

from __future__ import annotations

from collections.abc import Sequence

import regex

from tune_polar.errors import SpecError

SECONDS = 1.0  # for one pattern in one text, of which any sensible one takes a thousandth


class Patterns:
    """Those of one key of the prompts.

    Example:
        >>> Patterns("leaks", [r"(?i)\\bas an ai\\b"]).match("As an AI I must not")
        True
    """

    def __init__(self, key: str, patterns: Sequence[str]) -> None:
        """The regular expressions ``patterns``, which the key ``key`` holds."""
        self._key = key
        self._compiled = [regex.compile(each) for each in patterns]

    def match(self, text: str) -> bool:
        """Whether one of them is found anywhere in ``text``.

        Raises:
            SpecError: one takes longer than ``SECONDS``.
        """
        return any(self._found(place, text) for place in range(len(self._compiled)))

    def _found(self, place: int, text: str) -> bool:
        pattern = self._compiled[place]
        try:
            return pattern.search(text, timeout=SECONDS) is not None
        except TimeoutError:
            raise SpecError(
                f"{self._key}.{place} of the prompts must be looked for in an answer within {SECONDS:g} s, "
                f"{pattern.pattern!r} is not through {len(text):,} characters by then",
                "Repeat nothing that repeats itself, as (a+)+ does. Answers so far are kept: they cost nothing again.",
            ) from None
