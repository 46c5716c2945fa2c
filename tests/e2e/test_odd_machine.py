"""A search where everything is scarce or missing that machines usually have: a batch system's node, all at once."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import QUICK, can_hide_folders, environment, script
from tune_polar.model.footprint import GB
from tune_polar.search.resources.process_limits import ADDRESS_GB, OPEN_FILES

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="limits and mounts of Linux"),
]
SLURM = {
    "SLURM_JOB_ID": "123",
    "SLURM_PROCID": "0",
    "SLURM_NTASKS": "4",
    "SLURM_CPUS_PER_TASK": "2",
    "SLURM_JOB_NODELIST": "node[1-4]",
    "SLURM_MEM_PER_NODE": "2000",
}
SMALL_SHARED_MEMORY = 'mount -t tmpfs -o size=8m none /dev/shm && exec "$@"'


def scarce() -> None:
    """In the child: one core, and as little as doctor lets pass."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    resource.setrlimit(resource.RLIMIT_AS, (int(ADDRESS_GB * GB),) * 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES,) * 2)


def test_a_search_needs_no_more(tmp_path: Path) -> None:
    temporary = tmp_path / "slurm-job.123" / ("x" * 100)
    temporary.mkdir(parents=True)
    about = environment() | SLURM | {"TMPDIR": str(temporary), "HOME": "/dev/null"}
    small = ("unshare", "--mount", "sh", "-c", SMALL_SHARED_MEMORY, "sh") if can_hide_folders() else ()
    done = subprocess.run(
        [*small, script(), "search", "st3", *QUICK, "--store", "store", "--json"],
        cwd=tmp_path,
        env=about,
        preexec_fn=scarce,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["complete"]
    assert "Traceback" not in done.stderr
    assert "WARNING" not in done.stderr
