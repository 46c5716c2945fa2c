"""Runs a search from the command line while a person watches, then says what came of it."""

from __future__ import annotations

import contextlib
import shlex
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from tune_polar.api.consoles import result_console
from tune_polar.api.display import Shown
from tune_polar.cli.exit_codes import DONE, of_search
from tune_polar.cli.option_groups import ShownGroup
from tune_polar.cli.output import say_json

if TYPE_CHECKING:
    from tune_polar.api.run_search import Ended


def run_and_tell(run: Callable[[Shown], Ended], as_shown: ShownGroup) -> None:
    """Run a search, print what came of it, and end with the exit code that says so.

    Args:
        run: the search, told how it is to be shown.
        as_shown: whether the result is printed as JSON, how much is told meanwhile, and whom else.
    """
    results = result_console()
    results.file = sys.stdout  # the one of now

    def farewell(received: signal.Signals, goes_on: str) -> None:
        results.print(_interrupted(received))
        results.print(f"go on     {goes_on}", soft_wrap=True)

    # Ray tells on standard output of each worker that is lost, in the middle of what was asked for.
    with contextlib.redirect_stdout(sys.stderr):
        ended = run(
            Shown(
                "none" if as_shown.quiet else "auto",
                as_shown.verbose,
                farewell=farewell,
                track=as_shown.track or (),
            )
        )
    # Imported here: what prints a result needs libraries that a mistyped word need not wait for.
    from tune_polar.cli.ending import print_ending
    from tune_polar.cli.result_json import result_json

    stopped = ended.stopped
    if as_shown.json:
        about = result_json(ended.summary, ended.page, ended.winner)
        say_json(about | {"stopped": None if stopped is None else stopped.kind})
    else:
        if ended.ended_by is not None:
            results.print(_interrupted(ended.ended_by))
        if stopped is not None:
            results.print(f"\n{stopped.message}.", soft_wrap=True)
        print_ending(results, ended.summary, ended.page, ended.winner)
    code = of_search(ended)
    if code != DONE:
        raise typer.Exit(code)


def command_line() -> str:
    """The command as typed, for the manifest."""
    return shlex.join(["tune-polar", *sys.argv[1:]])


def _interrupted(received: signal.Signals) -> str:
    return f"\nInterrupted by {received.name}: every finished fold is recorded."
