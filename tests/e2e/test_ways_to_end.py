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

from tests.e2e.conftest import QUICK, Command, environment, result, script

pytestmark = pytest.mark.e2e
SEARCH = ("search", "st3", *QUICK, "--trials", "6", "--racing", "none", "--set", "detector.optimizer.max_steps=40")
RESUME = ("resume", "store", "--slots", "1")


def heeding_signals() -> None:
    """In the child: tests may run where interrupts and hang-ups are ignored (nohup), and what is ignored stays so."""
    for name in (signal.SIGINT, signal.SIGHUP):
        signal.signal(name, signal.SIG_DFL)


def of_a_terminal() -> None:
    """In the child: standard input becomes the terminal that controls it."""
    heeding_signals()
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def folds(folder: Path) -> set[str]:
    """Names of the finished folds."""
    return {path.name for path in (folder / "store/folds").glob("*.json")}


def wait_for_another_fold(folder: Path, before: set[str], driver: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while not folds(folder) - before and driver.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    assert folds(folder) - before, "no fold was finished"


def ended_by(sent: signal.Signals, folder: Path, *words: str, whole_group: bool) -> None:
    """Send ``sent`` after a fold: the driver alone gets it, or Ray's own processes too, as batch systems send it."""
    before = folds(folder)
    driver = subprocess.Popen(
        [script(), *words],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heeding_signals,
    )
    try:
        wait_for_another_fold(folder, before, driver)
        finished = folds(folder)
        (os.killpg if whole_group else os.kill)(driver.pid, sent)
        out, err = driver.communicate(timeout=60)
    finally:
        driver.kill()
    assert driver.returncode == 128 + sent, err
    assert "Traceback" not in err
    assert "tune-polar resume store" in out
    assert finished <= folds(folder)


@pytest.mark.parametrize("whole_group", [False, True])
@pytest.mark.parametrize("moment", ["before anything is said", "workers are starting"])
def test_a_search_that_has_not_begun_to_train_ends_in_order(tmp_path: Path, moment: str, whole_group: bool) -> None:
    driver = subprocess.Popen(
        [script(), *SEARCH, "--store", "store"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heeding_signals,
    )
    try:
        until = time.monotonic() + 60
        while not list(tmp_path.glob("store/lease/*-beat.json")) and time.monotonic() < until:
            time.sleep(0.02)
        if moment == "workers are starting":
            time.sleep(2.5)
        (os.killpg if whole_group else os.kill)(driver.pid, signal.SIGTERM)
        _, err = driver.communicate(timeout=60)
    finally:
        driver.kill()
    assert driver.returncode == 128 + signal.SIGTERM, err
    assert "Traceback" not in err
    assert ended_in_order(tmp_path)


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
def test_a_search_ended_in_every_way_goes_on_until_it_is_whole(command: Command, tmp_path: Path) -> None:
    ended_by(signal.SIGINT, tmp_path, *SEARCH, "--store", "store", whole_group=False)
    ended_by(signal.SIGTERM, tmp_path, *RESUME, whole_group=False)
    ended_by(signal.SIGTERM, tmp_path, *RESUME, whole_group=True)
    closed_terminal(tmp_path, *RESUME)
    assert len(folds(tmp_path)) < 12, "each way has ended it early"

    shown = watched_to_the_end(tmp_path, "resume", "store", "--slots", "2")
    assert "Traceback" not in shown
    for word in ("search st3 · 6 configurations × 2 folds", "fold 1", "as given", "★", "12/12 folds", "elapsed"):
        assert word in shown, word
    assert len(folds(tmp_path)) == 12
    told = result(command("status", "store", "--json"))
    assert told["complete"]
    assert all(configuration["state"] == "finished" for configuration in told["configurations"])
