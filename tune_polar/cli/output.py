"""What the commands print as it is, whatever the encoding of the terminal; see also ``tune_polar.api.consoles``."""

from __future__ import annotations

import codecs
import json
import logging
import os
import sys
from collections.abc import Callable
from typing import Any, cast

from tune_polar.api.consoles import now_and_then
from tune_polar.control_characters import visible

# What our own lines hold beyond ASCII, for an encoding that lacks it.
_PLAIN = {"−": "-", "–": "-", "—": "-", "±": "+-", "…": "...", "’": "'", "·": "|", "→": "->", "×": "x", "●": "*"}
_LACKING = "tune-polar-plain"


def say(text: str, *, to_error: bool = False) -> None:
    """One line, or several, as they are."""
    stream = sys.stderr if to_error else sys.stdout
    stream.write(f"{visible(text)}\n")
    stream.flush()


def waiting() -> Callable[[str], None]:
    """For lines of progress of what is quick as a rule: on standard error, now and then."""
    return now_and_then(lambda line: say(line, to_error=True))


def say_json(about: Any) -> None:
    """For scripts."""
    say(json.dumps(about, ensure_ascii=False, indent=1))


def prepare_streams() -> None:
    """Whatever the encoding of the terminal or file, no character ends a command; logs are made visible."""
    _open_what_is_closed()
    codecs.register_error(_LACKING, _in_plain_letters)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_LACKING)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    for handler in logging.getLogger().handlers:
        if type(handler.formatter) is logging.Formatter:
            handler.setFormatter(_VisibleFormatter(handler.formatter._fmt))


def _open_what_is_closed() -> None:
    """Of a daemon: what it leaves closed says nothing and hears nothing, and no file opened later takes its number."""
    for name in ("stdin", "stdout", "stderr"):  # in order of their numbers, the lowest of which is given out first
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115


def is_same_file(one: str, other: str) -> bool:
    """Whether two paths lead to one file that is there."""
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return False


class _VisibleFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def _in_plain_letters(error: UnicodeError) -> tuple[str, int]:
    problem = cast("UnicodeEncodeError", error)
    lacking = problem.object[problem.start : problem.end]
    words = (_PLAIN.get(each) or each.encode("ascii", "backslashreplace").decode() for each in lacking)
    return "".join(words), problem.end
