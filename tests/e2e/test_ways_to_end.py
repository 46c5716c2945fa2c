"""One search, ended early in every way a person or a batch system has, and resumed until it is whole."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest
from endings import Ended, Way, heeding_signals, table

from tests.e2e.conftest import QUICK, Command, environment, result, script

pytestmark = pytest.mark.e2e
SEARCH = ("search", "st3", *QUICK, "--trials", "6", "--racing", "none", "--set", "detector.optimizer.max_steps=40")


def of_a_terminal() -> None:
    """In the child: standard input becomes the terminal that controls it."""
    heeding_signals()
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def folds(folder: Path) -> set[str]:
    """Names of the finished folds."""
    return {path.name for path in (folder / "store/folds").glob("*.json")}


# Each signal, moment and target at least once; `python benchmarks/endings.py` goes through all of them.
WAYS = (
    Way(signal.SIGTERM, "start", "group"),
    Way(signal.SIGINT, "ray starts", "process"),
    Way(signal.SIGTERM, "training", "group"),
    Way(signal.SIGHUP, "evaluation", "process"),
    Way(signal.SIGINT, "writing", "group"),
    Way(signal.SIGTERM, "ending", "process"),
)


@pytest.fixture(scope="module")
def interrupted() -> dict[Way, Ended]:
    """What came of each way, in one store as far as it goes."""
    return {result.way: result for result in table(WAYS)}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_way_of_ending_is_orderly(interrupted: dict[Way, Ended], way: Way) -> None:
    assert interrupted[way].faults == []


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler of its own, beside the one that Python itself has of SIGINT."""
    caught = int(Path(f"/proc/{pid}/status").read_text().partition("SigCgt:")[2].split()[0], 16)
    return all(caught >> (each - 1) & 1 for each in (number, signal.SIGTERM))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks /proc for handlers")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_while_the_command_is_being_loaded_there_is_no_traceback(tmp_path: Path, sent: signal.Signals) -> None:
    for seconds in (0.0, 0.1, 0.2):
        loading = subprocess.Popen(
            [script(), "list", "st1"],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=heeding_signals,
        )
        until = time.monotonic() + 60
        while not catches(loading.pid, sent) and time.monotonic() < until:  # Python's own start is not ours
            time.sleep(0.001)
        time.sleep(seconds)
        loading.send_signal(sent)
        _, err = loading.communicate(timeout=60)
        assert loading.returncode in (128 + sent, 0), err
        assert "Traceback" not in err


class Terminal:
    """The command in a terminal of its own of 110 columns."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 110, 0, 0))
        self.driver = subprocess.Popen(
            [script(), *words],
            cwd=folder,
            env=environment() | {"TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            text=True,
            preexec_fn=of_a_terminal,
        )
        os.close(theirs)
        self.shown = b""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.driver.kill()
        self.close()

    def read(self, seconds: float) -> None:
        """Take what is shown within ``seconds``; a terminal that nobody reads stops whoever writes to it."""
        if select.select([self._ours], [], [], seconds)[0]:
            with contextlib.suppress(OSError):  # EIO: the other end is closed
                self.shown += os.read(self._ours, 65536)

    def close(self) -> None:
        """Hang up: SIGHUP to the whole foreground process group."""
        with contextlib.suppress(OSError):  # closed before
            os.close(self._ours)
        self._ours = -1


def closed_terminal(folder: Path, *words: str) -> None:
    before, released = folds(folder), ended_in_order(folder)
    with Terminal(folder, *words) as terminal:
        until = time.monotonic() + 120
        while not folds(folder) - before and terminal.driver.poll() is None and time.monotonic() < until:
            terminal.read(0.05)
        finished = folds(folder)
        assert finished - before, terminal.shown.decode(errors="replace")
        terminal.close()
        assert terminal.driver.wait(timeout=60) == 128 + signal.SIGHUP
    assert ended_in_order(folder) - released
    assert finished <= folds(folder)


def ended_in_order(folder: Path) -> set[str]:
    """Leases given back: a driver that just died would have left its own."""
    return {path.name for path in (folder / "store/lease").glob("*-released.json")}


def watched_to_the_end(folder: Path, *words: str) -> str:
    """What a terminal has shown; the live table is drawn only where standard error is one."""
    with Terminal(folder, *words) as terminal:
        until = time.monotonic() + 240
        while terminal.driver.poll() is None and time.monotonic() < until:
            terminal.read(0.1)
        terminal.read(0.1)
        text = terminal.shown.decode(errors="replace")
        assert terminal.driver.poll() == 0, text
    return text


@pytest.mark.timeout(900)
def test_a_search_whose_terminal_was_closed_goes_on_until_it_is_whole(command: Command, tmp_path: Path) -> None:
    closed_terminal(tmp_path, *SEARCH, "--store", "store")
    assert result(command("status", "store", "--json"))["planned"] == 6
    assert len(folds(tmp_path)) < 12, "it has ended early"

    shown = watched_to_the_end(tmp_path, "resume", "store", "--slots", "2")
    assert "Traceback" not in shown
    for word in ("search st3 · 6 configurations × 2 folds", "fold 1", "as given", "★", "12/12 folds", "elapsed"):
        assert word in shown, word
    assert len(folds(tmp_path)) == 12
    told = result(command("status", "store", "--json"))
    assert told["complete"]
    assert all(configuration["state"] == "finished" for configuration in told["configurations"])
