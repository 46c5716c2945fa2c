"""What a person may have meant by a name that is not there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from tune_polar.data.texts import seen

CHARACTERS_SHOWN = 3


def code_points(name: str) -> str:
    """The characters of a name that are not ASCII or that are not seen, by number: what tells two like names apart."""
    odd = [f"U+{ord(each):04X}" for each in name if not each.isascii() or not each.isprintable()]
    return " ".join(odd[:CHARACTERS_SHOWN]) + (" …" if len(odd) > CHARACTERS_SHOWN else "") or "in ASCII alone"


def did_you_mean(wanted: str, names: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` when one of ``names`` looks like ``wanted``, else nothing."""
    names = list(names)
    by_lower_case = {name.strip().lower(): name for name in names}
    twin = next((name for name in names if name.strip() != wanted.strip() and seen(name) == seen(wanted)), None)
    if twin is not None:
        return f"; did you mean {twin!r}, which is written {code_points(twin)} and not {code_points(wanted)}?"
    close = difflib.get_close_matches(wanted.strip().lower(), by_lower_case, n=1, cutoff=0.6)
    return f"; did you mean {by_lower_case[close[0]]!r}?" if close else ""
