"""The main job on real parts: Ray, Optuna, torch, a store on disk, a page."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import QUICK, Command, environment, result, script

pytestmark = pytest.mark.e2e
ONE_SLOT = ("--slots", "1")


def scores(done: subprocess.CompletedProcess[str]) -> list[tuple[str, float, list[float]]]:
    """Id, score and fold scores of each configuration, in order."""
    return [(c["id"], c["score"], c["fold_scores"]) for c in result(done)["configurations"]]


def test_search_status_report_resume_and_winner(command: Command, tmp_path: Path) -> None:
    found = result(command("search", "st3", *QUICK, "--store", "store", "--json"))
    assert found["complete"]
    assert [c["origin"] for c in found["configurations"]] == ["published", "sampled"]
    assert all(len(c["folds"]) == 2 for c in found["configurations"])
    assert {t["chosen"] for t in found["configurations"][0]["thresholds"]} >= {
        "fold_tuned",
        "cross_fitted",
        "fixed_half",
    }
    assert (tmp_path / "store/report.html").read_text().startswith("<!doctype html>")

    assert "2 of 2 configurations finished" in command("status", "store").stdout
    assert result(command("status", "store", "--json"))["best"] == found["best"]
    command("report", "store", "-o", "page.html")
    assert (tmp_path / "page.html").stat().st_size > 5_000

    stages = sorted((tmp_path / "store/stages").iterdir())
    times = [path.stat().st_mtime_ns for path in stages]
    extended = result(command("resume", "store", "--trials", "3", "--slots", "1", "--json"))
    assert len(extended["configurations"]) == 3
    assert extended["configurations"][:2] == found["configurations"], "what was finished is not trained again"
    assert [path.stat().st_mtime_ns for path in stages] == times

    command("validate", "store/winner.yaml")
    one = ("--trials", "1", *ONE_SLOT, "--store", "again", "--json")
    again = result(command("search", "store/winner.yaml", "--space", "st3", *one))
    best = next(c for c in extended["configurations"] if c["id"] == extended["best"])
    assert again["configurations"][0]["fold_scores"] == pytest.approx(best["fold_scores"], abs=1e-12)


def test_a_terminal_shows_the_live_table(tmp_path: Path) -> None:
    """The table is drawn only where standard error is a terminal, so the command gets a real one."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 110, 0, 0))
    words = ("search", "st3", *QUICK, "--slots", "2", "--store", "store")
    with subprocess.Popen(
        [script(), *words], cwd=tmp_path, env=environment() | {"TERM": "xterm"}, stdout=theirs, stderr=theirs
    ) as driver:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # EIO: the other end is closed
                break
            if not part:
                break
            shown += part
    os.close(ours)
    text = shown.decode(errors="replace")
    assert driver.returncode == 0, text
    assert "Traceback" not in text
    for word in ("search st3 · 2 configurations × 2 folds", "fold 1", "published", "★", "4/4 folds", "elapsed"):
        assert word in text, word


def test_same_seed_gives_the_same_scores_to_the_last_digit(command: Command) -> None:
    words = ("search", "st3", *QUICK, "--trials", "3", "--slots", "1", "--seed", "7", "--json")
    assert scores(command(*words, "--store", "one")) == scores(command(*words, "--store", "two"))


def test_ablate_prints_all_six_rows(command: Command) -> None:
    shown = command(
        *("ablate", "st3", "--folds", "2", *ONE_SLOT, "--set", "encoder.tiny.hidden=32"),
        *("--set", "detector.max_steps=4", "--set", "classifier.max_steps=4"),
    ).stdout
    for origin in ("published", "no_asl", "no_transfer", "no_fgm", "no_fgm_no_llrd", "baseline"):
        row = next(line for line in shown.splitlines() if f" {origin} " in line and "±" in line and "2/2" in line)
        assert row.count(" ± ") == (1 if origin == "published" else 2), "fold spread, and the paired difference"


def test_a_fold_that_fails_does_not_end_the_search(command: Command, tmp_path: Path) -> None:
    """A search space half of which makes training diverge: the rest is searched, the reasons are recorded."""
    space = "space: s\nrecipe: st1\nparameters:\n  detector.lr: {type: categorical, choices: [1e-3, 10.0]}\n"
    (tmp_path / "space.yaml").write_text(space)
    words = ("search", "st1", "--space", "./space.yaml", "--trials", "2", "--folds", "2", *ONE_SLOT, "--store", "store")
    steps = ("--set", "detector.lr=1e-3", "--set", "detector.max_steps=60", "--set", "detector.eval_every_steps=5")
    found = result(command(*words, *steps, "--set", "detector.fgm_epsilon=0.0", "--json"))
    published, diverged = found["configurations"]
    assert published["state"] == "finished"
    assert found["best"] == published["id"]
    if diverged["state"] == "infeasible":
        assert diverged["failures"]
        assert "TrainingDiverged" in command("status", "store").stdout


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_in_order_and_resume_goes_on(
    command: Command, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    words = ("search", "st3", *QUICK, "--trials", "4", "--set", "detector.max_steps=40", "--store", "store")
    driver = subprocess.Popen(
        [script(), *words], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 120
    while not list((tmp_path / "store/folds").glob("*.json")) and time.monotonic() < until:
        time.sleep(0.1)
    os.kill(driver.pid, sent)
    out, err = driver.communicate(timeout=60)
    assert driver.returncode == code, err
    assert "Traceback" not in err
    assert "tune-polar resume store" in out
    finished_before = {path.name for path in (tmp_path / "store/folds").glob("*.json")}
    assert finished_before
    resumed = result(command("resume", "store", "--slots", "1", "--json"))
    assert resumed["complete"]
    assert finished_before <= {path.name for path in (tmp_path / "store/folds").glob("*.json")}
