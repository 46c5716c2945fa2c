"""What a person may have meant by a name that is not there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(wanted: str, names: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` when one of ``names`` looks like ``wanted``, else nothing."""
    by_lower_case = {name.strip().lower(): name for name in names}
    close = difflib.get_close_matches(wanted.strip().lower(), by_lower_case, n=1, cutoff=0.6)
    return f"; did you mean {by_lower_case[close[0]]!r}?" if close else ""
