"""Scratch is gone at the end, and with the next driver what a killed one has left."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tune_polar.errors import SearchError
from tune_polar.search.ray import scratch
from tune_polar.search.ray.scratch import scratch_folder

DIES = (
    "import os, sys, tempfile; tempfile.tempdir = sys.argv[1]\n"
    "from tune_polar.search.ray.scratch import scratch_folder\n"
    "with scratch_folder() as place: (place / 'socket').touch(); os.kill(os.getpid(), 9)\n"
)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder short enough for sockets, as /tmp is."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="t") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def test_a_killed_driver_s_scratch_goes_with_the_next_one(short: Path) -> None:
    tmp_path = short
    (tmp_path / "tp-someone-else").mkdir()
    subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], check=False)
    (left,) = tmp_path.glob("*/socket")
    with scratch_folder() as first, scratch_folder() as second:
        assert first != second
        assert f"-{os.getpid()}-" in first.name
        assert not left.parent.exists()
        assert first.is_dir(), "a living driver's is left alone"
    assert [place.name for place in tmp_path.iterdir()] == ["tp-someone-else"]


def test_it_is_for_this_user_alone(short: Path) -> None:
    with scratch_folder() as place:
        assert place.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("length", [13, 21, 60, 200])
def test_a_long_temporary_folder_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    long = tmp_path / ("x" * length)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with scratch_folder() as place:
        assert len(str(place / "r")) + len(scratch._OF_RAY) <= 107
        assert long not in place.parents


def test_where_there_is_no_short_one_the_rule_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(scratch, "_LONGEST_SOCKET", 96)
    with pytest.raises(SearchError, match="must have a path of at most 3 bytes"), scratch_folder():
        pass
