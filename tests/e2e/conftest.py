"""Runs the installed command in a process of its own, in an empty folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# A search of everything that matters, with hardly any training in it. One slot: each worker loads torch for itself.
QUICK = (
    *("--trials", "2", "--folds", "2", "--slots", "1", "--set", "encoder.tiny.hidden=32"),
    *("--set", "detector.max_steps=6", "--set", "classifier.max_steps=6"),
)

# The longest first, so that no worker is left with one at the end.
LONGEST = ("test_readme.py", "test_kills.py", "test_search.py", "test_ways_to_end.py", "test_page_in_browser.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order files by ``LONGEST``, the others behind them."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


Command = Callable[..., subprocess.CompletedProcess[str]]


def environment() -> dict[str, str]:
    """The tests' own environment, offline, with no terminal width to depend on."""
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "PYTHONPATH")}
    return kept | {"HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "default"}


def script() -> str:
    """The console script beside this interpreter."""
    return str(Path(sys.executable).parent / "tune-polar")


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Run ``tune-polar WORDS`` in an empty folder and expect exit code ``code``."""

    def run(*words: str, code: int = 0, cwd: Path = tmp_path, seconds: int = 300) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [script(), *words], cwd=cwd, env=environment(), capture_output=True, text=True, timeout=seconds, check=False
        )
        assert done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr + done.stdout, done.stderr
        return done

    return run


def result(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What ``--json`` printed."""
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed
