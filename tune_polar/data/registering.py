"""Parts by the names that recipes give them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

P = TypeVar("P")


def registering(known: dict[str, P], word: str, name: str) -> Callable[[P], P]:
    """A decorator that puts a function or class into ``known`` under ``name``; ``word`` is what a person calls one.

    Raises:
        ValueError: there is one of that name already.
    """

    def add(part: P) -> P:
        if name in known:
            raise ValueError(f"{word} {name!r} must be registered once")
        known[name] = part
        return part

    return add
