"""Errors in the words of whoever called: what the command line calls ``--slot-gb 6`` is ``slot_gb=6`` in Python."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from tune_polar.api.utf8_words import check_utf8
from tune_polar.errors import SpecError, TunePolarError

# A command in backticks is to be typed as it stands, and `--option=value` is another program's. Words that may follow
# an option as its value are few.
_OPTION = re.compile(
    r"""(?P<command>`(?:tune-polar|ray)\b[^`]*`)
    | (?<![\w-])--(?P<name>[a-z][a-z-]*)(?![\w=-])
      (?:[ ](?P<value>
        '[^'=]+=[^']*' | [^\s`'=]+=\[[^]]*] | [^\s`'=]+=[^\s`]*[^\s`.,;:)]
        | [A-Z][A-Z/:]*\b | \d+(?:,\d+)+ | \d+,(?=`) | \d+(?:\.\d+)?
        | (?:cpu|sample|converged|tiny|wandb|mlflow|tensorboard)\b | [a-z]+/[a-z-]+
      ))?""",
    re.VERBOSE,
)
# What is repeated there is a mapping or a list here.
_CALLED = {"column": "columns", "try": "tries", "rule": "rules", "ensemble-file": "ensemble"}
_MAPPINGS = {"columns", "set"}
_LONGEST_SHOWN = 200  # characters of a value in the manifest's command


@contextlib.contextmanager
def told_in_python(names: Iterable[str], called: Mapping[str, str] | None = None) -> Iterator[None]:
    """Inside, errors name the arguments ``names`` as Python does; other options are those of commands and stay.

    Args:
        names: of the function's arguments.
        called: options that are called otherwise here than elsewhere.

    Raises:
        TunePolarError: as inside.
    """
    known, called = set(names), _CALLED | dict(called or {})
    try:
        yield
    except TunePolarError as error:
        error.problem = in_python(error.problem, known, called)
        error.remedy = in_python(error.remedy, known, called)
        raise


def in_python(said: str, known: Collection[str], called: Mapping[str, str] = _CALLED) -> str:
    """What an error says, with the arguments ``known`` in place of options; commands in backticks stay.

    Example:
        >>> in_python("Give --column NAME=COLUMN, or run `tune-polar fit STORE --device cpu`.", {"columns", "device"})
        "Give columns={'NAME': 'COLUMN'}, or run `tune-polar fit STORE --device cpu`."
    """

    def written(match: re.Match[str]) -> str:
        option = match["name"]
        name = called.get(option, option.replace("-", "_")) if option else ""
        return f"{name}={_argument(name, match['value'] or '')}" if name in known else match[0]

    return _OPTION.sub(written, said)


def _argument(name: str, value: str) -> str:
    """A value as typed behind an option; what stands for one, in capitals, stays."""
    if name in _MAPPINGS and "=" in value:
        key, _, told = value.strip("'").partition("=")
        return f"{{{key!r}: {told if told == '…' else repr(_read(told) if name == 'set' else told)}}}"
    if "," in value:
        return str([int(each) for each in value.split(",") if each])
    return repr(value) if value[:1].islower() else value


def _read(value: str) -> object:
    with contextlib.suppress(ValueError):
        return json.loads(value)
    return value


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
        SpecError: it is something else, or not UTF-8.
    """
    return None if value is None else needed_text(name, value, f"Give text for {name}, or leave it out.")


def needed_text(name: str, value: object, remedy: str) -> str:
    """As ``text_of``, of an argument that cannot be left out.

    Raises:
        SpecError: as there.
    """
    if not isinstance(value, str | Path):
        raise SpecError(f"{name} must be text, got {value!r:.80}", remedy)
    check_utf8(str(value), name)
    return str(value)


def columns_of(given: object) -> Mapping[str, str]:
    """What the data call columns.

    Raises:
        SpecError: it is no mapping of names.
    """
    columns = {} if given is None else given
    words = (*columns, *columns.values()) if isinstance(columns, Mapping) else (None,)
    if not isinstance(columns, Mapping) or not all(isinstance(each, str) and each for each in words):
        raise SpecError(
            f"columns must map the recipe's names to the data's, got {given!r:.80}",
            "For example columns={'text': 'tweet'}.",
        )
    for each in words:
        check_utf8(str(each), "columns")
    return columns


def texts_of(name: str, value: object) -> tuple[str, ...]:
    """An argument that is one text or several.

    Raises:
        SpecError: it is something else, or not UTF-8.
    """
    if value is None:
        return ()
    each = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list | tuple) else None
    if each is None or not all(isinstance(one, str) for one in each):
        raise SpecError(f"{name} must be text or a list of texts, got {value!r:.80}", f"For example {name}='label'.")
    for one in each:
        check_utf8(one, name)
    return each
