"""Where things are shown: results on standard output, what happens meanwhile on standard error.

Ids, paths, host names and error texts come from elsewhere, so all that is printed goes through ``visible`` here.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from tune_polar.control_characters import visible

# Into a pipe or file nothing says how wide a line may be; 80 would cut tables.
PIPE_WIDTH = 120
TOLD_SECONDS = 30.0  # between two lines of progress where there is no terminal
TOLD_TO_A_TERMINAL_SECONDS = 2.0


class VisibleConsole(Console):
    """A console whose text holds no control character but those that rich itself puts between.

    Words are shown as they are: ``[red]`` and ``:dog:`` may be names of columns, here and in tables.
    """

    def __init__(self, **about: Any) -> None:
        """As rich's."""
        super().__init__(markup=False, emoji=False, highlight=False, **about)

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
    """For what happens meanwhile: on standard error; in a notebook, which paints that red, on standard output."""
    console = VisibleConsole(stderr=True)
    if not console.is_jupyter:
        return console
    return VisibleConsole(file=sys.stdout, width=PIPE_WIDTH, force_jupyter=False, force_terminal=False)


def now_and_then(say: Callable[[str], None]) -> Callable[[str], None]:
    """Passes on a line of progress if the last one, or this call, was long ago; in a terminal sooner.

    Example:
        >>> told = now_and_then(print)
        >>> for row in range(1_000_000):
        ...     told(f"row {row}")
    """
    every = TOLD_TO_A_TERMINAL_SECONDS if progress_console().is_terminal else TOLD_SECONDS
    last = time.monotonic()

    def told(line: str) -> None:
        nonlocal last
        if time.monotonic() - last >= every:
            last = time.monotonic()
            say(line)

    return told
