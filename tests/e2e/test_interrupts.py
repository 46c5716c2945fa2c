"""A closed terminal and a signal that Ray's own processes get too: the search still ends in order, or at least ends."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import QUICK, Command, environment, result, script

pytestmark = pytest.mark.e2e
SEARCH = ("search", "st3", *QUICK, "--trials", "4", "--set", "detector.max_steps=60", "--store", "store")


def wait_for_a_fold(folder: Path) -> set[str]:
    until = time.monotonic() + 120
    while not list((folder / "store/folds").glob("*.json")) and time.monotonic() < until:
        time.sleep(0.05)
    found = {path.name for path in (folder / "store/folds").glob("*.json")}
    assert found
    return found


def test_closing_the_terminal_ends_in_order(command: Command, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    driver = subprocess.Popen(
        [script(), *SEARCH],
        cwd=tmp_path,
        env=environment() | {"TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=lambda: (os.setsid(), __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0)),
    )
    os.close(theirs)
    os.set_blocking(ours, False)
    until = time.monotonic() + 120
    while not list((tmp_path / "store/folds").glob("*.json")) and time.monotonic() < until:
        try:
            os.read(ours, 65536)
        except BlockingIOError:
            time.sleep(0.05)
    finished = wait_for_a_fold(tmp_path)
    os.close(ours)  # the kernel hangs up: SIGHUP to the whole foreground process group
    assert driver.wait(timeout=60) == 128 + signal.SIGHUP
    assert list((tmp_path / "store/lease").glob("*-released.json")), "it ended in order"
    assert result(command("resume", "store", "--slots", "1", "--json"))["complete"]
    assert finished <= {path.name for path in (tmp_path / "store/folds").glob("*.json")}


def test_a_signal_to_the_whole_process_group_ends_within_seconds(command: Command, tmp_path: Path) -> None:
    """As `timeout` and batch systems send it: Ray's daemons get it as well and are gone."""
    driver = subprocess.Popen(
        [script(), *SEARCH],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    finished = wait_for_a_fold(tmp_path)
    os.killpg(driver.pid, signal.SIGTERM)
    out, err = driver.communicate(timeout=60)
    assert driver.returncode == 143, err
    assert "Traceback" not in err
    assert "tune-polar resume store" in out
    assert result(command("resume", "store", "--slots", "1", "--json"))["complete"]
    assert finished <= {path.name for path in (tmp_path / "store/folds").glob("*.json")}
