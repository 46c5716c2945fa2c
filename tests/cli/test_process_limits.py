"""Limits of the system that a search cannot live with are named at once, by doctor and search alike."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tune_polar.search.resources.process_limits import ADDRESS_GB, OPEN_FILES, limit_problems

COMMAND = (sys.executable, "-m", "tune_polar")
ADDRESSES = f"`ulimit -v` must let a process map {ADDRESS_GB:g} GB of addresses"
SEARCH = ("search", "st1", "--trials", "1", "--slots", "1", "--store", "store")


def ran(folder: Path, limit: int, most: int, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words],
        cwd=folder,
        preexec_fn=lambda: resource.setrlimit(limit, (most, most)),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("limit", "most", "says"),
    [
        (
            resource.RLIMIT_AS,
            700 * 2**20,
            f"{ADDRESSES}, got 0.7 GB",
        ),
        (
            resource.RLIMIT_AS,
            3 * 2**30,
            f"{ADDRESSES}, got 3.0 GB",
        ),
        (resource.RLIMIT_NOFILE, 64, f"`ulimit -n` must let a process open {OPEN_FILES} files, got 64"),
    ],
)
def test_too_little_is_said_by_doctor_and_search(tmp_path: Path, limit: int, most: int, says: str) -> None:
    doctor = ran(tmp_path, limit, most, "doctor", "st1", "--encoder", "tiny")
    assert f"missing    limits: {says}\n" in doctor.stdout, doctor.stderr
    searched = ran(tmp_path, limit, most, *SEARCH)
    assert (searched.returncode, searched.stdout) == (2, "")
    assert searched.stderr.startswith(f"error: {says}\n  Remedy: Give `ulimit -"), searched.stderr
    assert len(searched.stderr.splitlines()) == 2
    assert not os.listdir(tmp_path)


def test_processes_are_counted_beside_those_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """As root nobody is limited: as anybody else would be."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    limits = {resource.RLIMIT_NPROC: (40, 40)}
    monkeypatch.setattr(resource, "getrlimit", lambda number: limits.get(number, (resource.RLIM_INFINITY,) * 2))
    ((problem, remedy),) = limit_problems(2)
    assert "must let this user have 370 processes and threads for a search of 2 slots beside the" in problem
    assert "Give `ulimit -u" in remedy
    limits.clear()
    assert list(limit_problems(2)) == []
