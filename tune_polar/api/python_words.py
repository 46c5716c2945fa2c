"""Errors in the words of whoever called: what the command line calls ``--slot-gb 6`` is ``slot_gb=6`` in Python."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tune_polar.errors import SpecError, TunePolarError

_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*)(?: ([A-Z][A-Z=]*\b))?")
_CALLED = {"column": "columns", "try": "tries"}  # what is repeated there is a mapping here
_LONGEST_SHOWN = 200  # characters of a value in the manifest's command


@contextlib.contextmanager
def told_in_python(names: Iterable[str]) -> Iterator[None]:
    """Inside, errors name the arguments ``names`` as Python does; other options are those of commands and stay.

    Raises:
        TunePolarError: as inside.
    """
    known = set(names)

    def written(match: re.Match[str]) -> str:
        name = _CALLED.get(match[1], match[1].replace("-", "_"))
        return f"{name}={match[2] or ''}" if name in known else match[0]

    try:
        yield
    except TunePolarError as error:
        error.problem, error.remedy = _OPTION.sub(written, error.problem), _OPTION.sub(written, error.remedy)
        raise


def call_of(function: str, given: Mapping[str, object]) -> str:
    """The call as it could be typed, for the manifest; no values of a DataFrame.

    Example:
        >>> call_of("search", {"recipe": "st3", "trials": 2})
        "tune_polar.search(recipe='st3', trials=2)"
    """
    told = ", ".join(f"{name}={_shown(value)}" for name, value in given.items())
    return f"tune_polar.{function}({told})"


def _shown(value: object) -> str:
    if isinstance(value, Path):
        value = str(value)
    if not isinstance(value, str | int | float | list | tuple | Mapping | None):
        return type(value).__name__
    said = repr(value)
    return said if len(said) <= _LONGEST_SHOWN else f"{said[:_LONGEST_SHOWN]}…"


def text_of(name: str, value: object) -> str | None:
    """An argument that is text or a path.

    Raises:
        SpecError: it is something else.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Path):
        return str(value)
    raise SpecError(f"{name} must be text, got {value!r:.80}", f"Give text for {name}, or leave it out.")


def texts_of(name: str, value: object) -> tuple[str, ...]:
    """An argument that is one text or several.

    Raises:
        SpecError: it is something else.
    """
    if value is None:
        return ()
    each = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list | tuple) else None
    if each is None or not all(isinstance(one, str) for one in each):
        raise SpecError(f"{name} must be text or a list of texts, got {value!r:.80}", f"For example {name}='label'.")
    return each
