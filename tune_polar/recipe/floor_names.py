"""Floors: what costs seconds and no fine-tuning, to be seen beside a search. By name, and as it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from tune_polar.errors import SpecError

Floor = Literal["tfidf", "encoder"]
FLOORS: tuple[Floor, ...] = get_args(Floor)
FloorWord = Literal["none", "tfidf", "all"]
DEFAULT_FLOORS: FloorWord = "all"
_CHOICES: Mapping[str, tuple[Floor, ...]] = {"none": (), "tfidf": ("tfidf",), "all": FLOORS}


def floors_named(word: str) -> tuple[Floor, ...]:
    """What ``--floors`` asks for.

    Raises:
        SpecError: there is no such choice.

    Example:
        >>> floors_named("all")
        ('tfidf', 'encoder')
    """
    if word not in _CHOICES:
        raise SpecError(f"--floors must be one of {', '.join(_CHOICES)}, got {word!r}", "Leave it out for all of them.")
    return _CHOICES[word]
