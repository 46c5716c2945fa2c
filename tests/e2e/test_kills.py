"""The driver is killed −9 at random moments of one search; its records end up as if it had never been."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Command, environment, result, script

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

KILLS = 12
SEARCH = (
    *("search", "st3", "--trials", "3", "--folds", "3", "--slots", "1", "--set", "encoder.tiny.hidden=32"),
    *("--set", "detector.optimizer.max_steps=120", "--set", "classifier.optimizer.max_steps=60", "--floors", "none"),
    *("--set", "detector.optimizer.eval_every_steps=100"),
)
STARTED = re.compile(r"^(\w+) fold (\d+): started$", re.MULTILINE)
STEP = re.compile(r"^\w+ fold \d+: \w+ step ", re.MULTILINE)


def recorded(store: Path) -> set[str]:
    """Names of the finished folds."""
    return {path.name for path in (store / "folds").glob("*.json")}


class Life:
    """One run of the driver, its progress read from its log."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._log = folder / "log.txt"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [script(), *words, "--verbose", "--checkpoint-every", "1"],
                cwd=folder,
                env=environment(),
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def started(self) -> set[tuple[str, str]]:
        """Folds handed out so far: configuration and number."""
        return set(STARTED.findall(self._log.read_text()))

    def wait_for_training(self) -> None:
        """Until a fold has taken a step, or the search has ended."""
        until = time.monotonic() + 120
        while not STEP.search(self._log.read_text()) and self.process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)

    def kill(self) -> None:
        """As a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=60)


def lives(folder: Path, moments: random.Random) -> Iterator[Life]:
    """Runs of the driver, each killed at a random moment: every third one while it trains."""
    for number in range(KILLS):
        begun = (folder / "store/manifest.json").exists()
        life = Life(folder, *(("resume", "store", "--slots", "1") if begun else (*SEARCH, "--store", "store")))
        trains = number % 3 == 1
        if trains:
            life.wait_for_training()
        time.sleep(moments.uniform(0, 2.5 if trains else 9))
        life.kill()
        yield life


def test_kills_lose_nothing_and_repeat_nothing(command: Command, tmp_path: Path) -> None:
    store = tmp_path / "store"
    finished: set[str] = set()
    mid_fold = 0
    for life in lives(tmp_path, random.Random(4)):
        again = {f"{name}-f{fold}" for name, fold in life.started()} & {name.rpartition("-s")[0] for name in finished}
        assert not again, "a finished fold was trained again"
        assert finished <= recorded(store), "a finished fold was lost"
        mid_fold += len(life.started()) > len(recorded(store) - finished)
        finished = recorded(store)
    assert mid_fold >= KILLS // 4, "the kills must have hit folds in training"

    resumed = result(command("resume", "store", "--slots", "1", "--json"))
    whole = result(command(*SEARCH, "--store", "whole", "--json"))
    assert resumed["complete"]
    assert recorded(store) == recorded(tmp_path / "whole")
    for ours, theirs in zip(resumed["configurations"], whole["configurations"], strict=True):
        for what in ("id", "state", "score", "cell_scores", "abandoned"):  # racing has decided the same
            assert ours.get(what) == theirs.get(what)
    assert list(store.rglob(".*")) == [], "nothing is left half-written"
    assert not list((store / "checkpoints").glob("*"))
    assert not (store / "damaged").exists()
