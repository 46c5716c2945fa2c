"""How keys and values are written in messages, and what somebody may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

KeyPath = tuple[str | int, ...]


def did_you_mean(word: str, known: Iterable[str], prefix: str = "") -> str:
    """``"; did you mean 'x'?"``, with ``prefix`` before x, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {prefix + close[0]!r}?" if close else ""


def dotted(path: KeyPath) -> str:
    """``("detector", "lr")`` → ``detector.lr``."""
    return ".".join(map(str, path))


def shown(value: object) -> str:
    """``value`` as a YAML file would have it, shortened."""
    word = {None: "null", True: "true", False: "false"}.get(value) if isinstance(value, bool | None) else None
    text = word or repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
