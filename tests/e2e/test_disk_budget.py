"""A whole search, a kill and a resume among it, within the room that was given for weights and checkpoints."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import environment, script
from tune_polar.store.store import open_store

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

BUDGET_BYTES = int(0.012 * 2**30)
SEARCH = (
    *("search", "st3", "--trials", "4", "--folds", "2", "--slots", "1", "--racing", "none", "--seed", "3"),
    *("--set", "encoder.tiny.hidden=32", "--set", "detector.optimizer.max_steps=30"),
    *("--set", "classifier.optimizer.max_steps=20"),
)
KEPT = ("--disk-gb", str(BUDGET_BYTES / 2**30), "--checkpoint-every", "1")


class Sampler(threading.Thread):
    """Looks at the files of weights and checkpoints, those half written among them, as fast as it can."""

    def __init__(self, store: Path) -> None:
        super().__init__(daemon=True)
        self._store, self._ends = store, threading.Event()
        self.most_bytes = self.most_weights = 0

    def run(self) -> None:
        while not self._ends.wait(0.01):
            sizes = {name: self._sizes(name) for name in ("weights", "checkpoints")}
            self.most_bytes = max(self.most_bytes, sum(map(sum, sizes.values())))
            self.most_weights = max(self.most_weights, len(sizes["weights"]))

    def _sizes(self, folder: str) -> list[int]:
        found = []
        for path in self._store.glob(f"{folder}/*") if (self._store / folder).is_dir() else ():
            try:
                found.append(path.stat().st_size)
            except FileNotFoundError:  # removed meanwhile
                continue
        return found

    def end(self) -> None:
        self._ends.set()
        self.join()


def test_a_search_stays_within_its_disk_through_a_kill_and_a_resume(tmp_path: Path) -> None:
    store = tmp_path / "store"
    sampler = Sampler(store)
    sampler.start()
    first = subprocess.Popen(
        [script(), *SEARCH, *KEPT, "--store", str(store), "--quiet"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 400
    while len(list(store.glob("folds/*.json"))) < 3 and first.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait(timeout=60)
    assert 3 <= len(list(store.glob("folds/*.json"))) < 8, "it was killed on its way"
    second = subprocess.run(
        [script(), "resume", str(store), *KEPT, "--slots", "1", "--json"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    sampler.end()
    assert second.returncode == 0, second.stderr

    opened = open_store(store)
    best = json.loads(second.stdout)["best"]
    folds = [record for record in opened.folds() if record.configuration_id == best]
    assert len(opened.folds()) == 8
    assert opened.weights_bytes().keys() == {key for fold in folds for key in fold.stages.values()}, "the best alone"
    assert opened.checkpoint_bytes() == {}
    assert 0 < sampler.most_bytes <= BUDGET_BYTES
    assert sampler.most_weights < 4 * 2 * 2, "others went while it ran"
    status = subprocess.run(
        [script(), "status", str(store)], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    assert "weights   of 1 configuration, all folds and stages" in status.stdout
