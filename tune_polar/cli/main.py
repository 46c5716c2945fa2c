"""`tune-polar`: the commands, and the one place where errors become exit codes.

0: done. 1: done, but nothing could be scored or a check found errors. 2: something the user can mend.
130, 143, 129: ended by SIGINT, SIGTERM, SIGHUP with everything recorded.
"""

from __future__ import annotations

import errno
import logging
import os
import sys

import typer
from rich.console import Console
from typer.exceptions import TyperException

from tune_polar import __version__
from tune_polar.cli.commands import Commands
from tune_polar.errors import TunePolarError

app = typer.Typer(
    name="tune-polar",
    cls=Commands,
    help=(
        "Hyperparameter search for cross-validated fine-tuning of text classifiers: Ray Tune runs one fold of one "
        "configuration at a time, Optuna proposes configurations, and every score says where its thresholds were "
        "chosen.\n\nBegin with:  tune-polar search st3"
    ),
    epilog="Exit codes: 0 done, 1 nothing scored or a check found errors, 2 bad input, 130/143/129 interrupted.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tune-polar {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Options before the command."""


def main() -> None:
    """Run the command line; errors that a user can mend end with exit code 2 and their remedy."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    try:
        code = app(prog_name="tune-polar", standalone_mode=False)
    except TunePolarError as error:
        _print_error(str(error))
        sys.exit(2)
    except TyperException as error:
        _print_usage_error(error)
        sys.exit(2)
    except typer.Abort:
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nothing is left to say, not even at interpreter exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        # The terminal was closed under us: as far as anybody can tell, by its hang-up.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(129)
    except KeyboardInterrupt:
        sys.exit(130)
    if code:  # of a command that ended by `typer.Exit`
        sys.exit(code)


def _print_usage_error(error: TyperException) -> None:
    """What the parser of the command line says, with a remedy as our own errors have."""
    message = getattr(error, "format_message", lambda: str(error))()
    if message.startswith("Usage:"):  # a group without a command: its help
        typer.echo(message, err=True)
        return
    context = getattr(error, "ctx", None)
    command = "tune-polar" if context is None else context.command_path
    _print_error(f"{message}\n  Remedy: `{command} --help` shows options, arguments and an example.")


def _print_error(text: str) -> None:
    Console(stderr=True, soft_wrap=True).print(f"error: {text}", markup=False, highlight=False)
