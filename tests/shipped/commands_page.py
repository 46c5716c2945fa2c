"""Writes docs/commands.md from the command line itself: `python -m tests.shipped.commands_page > docs/commands.md`."""

from __future__ import annotations

import sys

import typer
from typer.cli import get_docs_for_click

from tune_polar.cli.main import app


def commands_page() -> str:
    """Every command with its arguments and options, as their help says."""
    group = typer.main.get_command(app)
    page = get_docs_for_click(obj=group, ctx=typer.Context(group), name="tune-polar", title="Commands")
    return "\n".join(line.rstrip() for line in page.strip().splitlines()) + "\n"


if __name__ == "__main__":
    sys.stdout.write(commands_page())
