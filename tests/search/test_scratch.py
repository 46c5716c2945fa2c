"""Scratch is gone at the end, and with the next driver what a killed one has left."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tune_polar.search.scratch import scratch_folder

DIES = (
    "import os, sys, tempfile; tempfile.tempdir = sys.argv[1]\n"
    "from tune_polar.search.scratch import scratch_folder\n"
    "with scratch_folder() as place: (place / 'socket').touch(); os.kill(os.getpid(), 9)\n"
)


def test_a_killed_driver_s_scratch_goes_with_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "tp-someone-else").mkdir()
    subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], check=False)
    (left,) = tmp_path.glob("*/socket")
    with scratch_folder() as first, scratch_folder() as second:
        assert first != second
        assert f"-{os.getpid()}-" in first.name
        assert not left.parent.exists()
        assert first.is_dir(), "a living driver's is left alone"
    assert [place.name for place in tmp_path.iterdir()] == ["tp-someone-else"]
