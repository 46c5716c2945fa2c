"""Runs the installed command in a process of its own, in an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

# A search of everything that matters, with hardly any training in it. One slot: each worker loads torch for itself.
QUICK = (
    *("--trials", "2", "--folds", "2", "--slots", "1", "--set", "encoder.tiny.hidden=32"),
    *("--set", "detector.optimizer.max_steps=6", "--set", "classifier.optimizer.max_steps=6"),
)

# The longest first, so that no worker is left with one at the end.
LONGEST = (
    *("test_ways_to_end.py", "test_kills.py", "test_readme.py", "test_from_python.py", "test_model.py"),
    *("test_search_on_cards.py", "test_own_data.py", "test_search.py", "test_moved.py", "test_submit.py"),
    *("test_bucket.py", "test_decoder.py", "test_tried.py", "test_gpu_benchmark.py", "test_page_in_browser.py"),
    *("test_cluster.py", "test_pairs.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order files by ``LONGEST``, the others behind them."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


Command = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class Searched:
    """A finished search that several tests begin with: each takes a copy of its records."""

    folder: Path  # its store lies in it
    result: dict[str, Any]  # what ``--json`` printed

    def copied(self, store: Path) -> Path:
        """Its records at ``store``."""
        shutil.copytree(self.folder / "store", store)
        return store


def environment() -> dict[str, str]:
    """The tests' own environment, offline, with no terminal width to depend on."""
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "PYTHONPATH")}
    return kept | {"HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "default"}


def script() -> str:
    """The console script beside this interpreter."""
    return str(Path(sys.executable).parent / "tune-polar")


def can_hide_folders() -> bool:
    """Whether this user may give a process mounts of its own."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


def run_in(folder: Path, *words: str, code: int = 0, seconds: int = 300) -> subprocess.CompletedProcess[str]:
    """Run ``tune-polar WORDS`` in ``folder`` and expect exit code ``code``.

    Where the words name a store or a number of trials, and no floors, there are none: they take seconds of each search.
    """
    is_short = words[0] in ("search", "ablate") and not {"--store", "--trials"}.isdisjoint(words)
    own = ("--floors", "none") if is_short and "--floors" not in words else ()
    done = subprocess.run(
        [script(), *words, *own],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    return done


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """``run_in`` an empty folder."""

    def run(*words: str, code: int = 0, cwd: Path = tmp_path, seconds: int = 300) -> subprocess.CompletedProcess[str]:
        return run_in(cwd, *words, code=code, seconds=seconds)

    return run


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """``search st3 QUICK``, run once for all test processes together."""
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent  # that of the processes together
    folder = shared / "searched"
    printed = folder / "printed.json"
    with FileLock(shared / "searched.lock"):
        if not printed.exists():
            folder.mkdir()
            words = ("search", "st3", *QUICK, "--floors", "tfidf", "--store", "store", "--json")
            printed.write_text(run_in(folder, *words).stdout)
    return Searched(folder, json.loads(printed.read_text()))


def result(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What ``--json`` printed."""
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed
