"""Consoles: results on standard output, progress on standard error."""

from __future__ import annotations

from rich.console import Console

# Into a pipe or file nothing says how wide a line may be; 80 would cut tables.
PIPE_WIDTH = 120


def result_console() -> Console:
    """For what a command was asked to say."""
    console = Console()
    return console if console.is_terminal else Console(width=PIPE_WIDTH)
