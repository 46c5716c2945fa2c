"""`tune-polar`: the commands, and the one place where errors become exit codes (``exit_codes``)."""

from __future__ import annotations

import errno
import os
import signal
import sys
from typing import NoReturn

import typer
from typer._click.utils import PacifyFlushWrapper
from typer.exceptions import TyperException

from tune_polar import __version__
from tune_polar.api.consoles import progress_console
from tune_polar.api.utf8_words import check_utf8, check_working_folder
from tune_polar.cli.commands import Commands
from tune_polar.cli.exit_codes import NOBODY_READS, NOTHING_FOUND, TO_MEND, by_signal
from tune_polar.cli.output import prepare_streams, say
from tune_polar.errors import TunePolarError

app = typer.Typer(
    name="tune-polar",
    cls=Commands,
    help=(
        "Hyperparameter search for cross-validated fine-tuning on text: Ray Tune runs one fold of one "
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
        say(f"tune-polar {__version__}")
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
    prepare_streams()
    _heed_signals()
    try:
        _check_words()
        code = app(prog_name="tune-polar", standalone_mode=False)
        sys.stdout.flush()
    except TunePolarError as error:
        _print_error(str(error))
        sys.exit(TO_MEND)
    except TyperException as error:
        _print_usage_error(error)
        sys.exit(TO_MEND)
    except typer.Abort:
        sys.exit(NOTHING_FOUND)
    except BrokenPipeError:
        _leave(NOBODY_READS)
    except SystemExit as ended:
        # typer takes the broken pipe for itself, and says 1.
        if ended.code == 1 and isinstance(sys.stdout, PacifyFlushWrapper):
            _leave(NOBODY_READS)
        if ended.code == signal.SIGTERM:  # so Ray's own handler ends, which it sets while it starts
            sys.exit(by_signal(signal.SIGTERM))
        raise
    except OSError as error:
        if error.errno == errno.EIO:  # the terminal was closed under us: as far as anybody can tell, by its hang-up
            _leave(by_signal(signal.SIGHUP))
        if error.errno not in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT) or error.filename is not None:
            raise
        _print_error(f"standard output must take what is said, but: {error.strerror}\n  Remedy: Free space there.")
        _leave(TO_MEND)
    except KeyboardInterrupt:
        sys.exit(by_signal(signal.SIGINT))
    if code:  # of a command that ended by `typer.Exit`
        sys.exit(code)


def _heed_signals() -> None:
    """SIGTERM and SIGHUP end a command as an interrupt does: leases are given back, and half a file is removed."""

    def leave(number: int, frame: object) -> None:  # noqa: ARG001 (signal's interface)
        signal.signal(number, signal.SIG_IGN)  # a second one would cut the end short
        sys.exit(by_signal(number))

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # what the user ignores (nohup) stays so
            signal.signal(number, leave)


def _leave(code: int) -> NoReturn:
    """Nothing can be said on standard output any more, not even what is left in its buffer."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(code)


def _check_words() -> None:
    for word in sys.argv[1:]:
        check_utf8(word, "a word of a command")
    check_working_folder()


def _print_usage_error(error: TyperException) -> None:
    """What the parser of the command line says, with a remedy as our own errors have."""
    message = getattr(error, "format_message", lambda: str(error))()
    if message.startswith("Usage:"):  # a group without a command: its help
        say(message, to_error=True)
        return
    context = getattr(error, "ctx", None)
    command = "tune-polar" if context is None else context.command_path
    _print_error(f"{message}\n  Remedy: `{command} --help` shows options, arguments and an example.")


def _print_error(text: str) -> None:
    progress_console().print(f"error: {text}", soft_wrap=True)
