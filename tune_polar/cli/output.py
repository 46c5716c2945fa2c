"""What the commands print: results on standard output, progress, warnings and errors on standard error.

Ids, paths, host names and error texts come from elsewhere, so all that is printed goes through ``visible`` here.
"""

from __future__ import annotations

import codecs
import json
import logging
import sys
from collections.abc import Iterable
from typing import Any, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from tune_polar.visible import visible

# Into a pipe or file nothing says how wide a line may be; 80 would cut tables.
PIPE_WIDTH = 120
# What our own lines hold beyond ASCII, for an encoding that lacks it.
_PLAIN = {"−": "-", "–": "-", "—": "-", "±": "+-", "…": "...", "’": "'", "·": "|", "→": "->", "×": "x", "●": "*"}
_LACKING = "tune-polar-plain"


class VisibleConsole(Console):
    """A console whose text holds no control character but those that rich itself puts between."""

    def render_str(self, text: str, **about: Any) -> Text:
        """As rich does, which would leave out without a word what it knows to be no letter."""
        return super().render_str(visible(text), **about)

    def on_broken_pipe(self) -> None:
        """For ``main`` to say: rich would end with 1."""
        raise BrokenPipeError

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As rich does, the text of each segment made visible."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


def result_console() -> Console:
    """For what a command was asked to say."""
    console = VisibleConsole()
    return console if console.is_terminal else VisibleConsole(width=PIPE_WIDTH)


def progress_console() -> Console:
    """For what happens meanwhile, on standard error."""
    return VisibleConsole(stderr=True)


def say(text: str, *, to_error: bool = False) -> None:
    """One line, or several, as they are."""
    stream = sys.stderr if to_error else sys.stdout
    stream.write(f"{visible(text)}\n")
    stream.flush()


def say_json(about: Any) -> None:
    """For scripts."""
    say(json.dumps(about, ensure_ascii=False, indent=1))


def prepare_streams() -> None:
    """Whatever the encoding of the terminal or file, no character ends a command; logs are made visible."""
    codecs.register_error(_LACKING, _in_plain_letters)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_LACKING)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    for handler in logging.getLogger().handlers:
        if type(handler.formatter) is logging.Formatter:
            handler.setFormatter(_VisibleFormatter(handler.formatter._fmt))


class _VisibleFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def _in_plain_letters(error: UnicodeError) -> tuple[str, int]:
    problem = cast("UnicodeEncodeError", error)
    lacking = problem.object[problem.start : problem.end]
    words = (_PLAIN.get(each) or each.encode("ascii", "backslashreplace").decode() for each in lacking)
    return "".join(words), problem.end
