"""Commands on damaged and hostile inputs: the benchmark's rules on a few of them. All 10,000 are run by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.e2e
def test_no_input_ends_in_a_traceback_a_hang_or_outside() -> None:
    command = [sys.executable, str(ROOT / "benchmarks/mutations.py"), "--inputs", "200", "--seed", "16"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "200 inputs, 0 broken rules" in done.stdout
    for kind in ("store", "model", "recipe", "table", "predictions", "encoder"):
        assert f"\n{kind} " in done.stdout, kind
