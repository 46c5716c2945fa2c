"""The batch script of docs/slurm.md, run as Slurm runs it: its shell alone is told that the time is up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import environment, script

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]
BATCH = ROOT / "docs" / "slurm" / "search.sbatch"
OPTIONS = (
    "--trials 2 --folds 2 --slots 1 --racing none --checkpoint-every 1 --set encoder.tiny.hidden=32 "
    "--set detector.optimizer.max_steps=150 --set detector.optimizer.eval_every_steps=50"
)


def test_a_job_whose_time_is_up_is_queued_again_and_goes_on(tmp_path: Path) -> None:
    scontrol = tmp_path / "bin" / "scontrol"  # Slurm's own command, which only its cluster has
    scontrol.parent.mkdir()
    scontrol.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    scontrol.chmod(0o755)
    about = {"STORE": str(tmp_path / "records"), "RECIPE": "st1", "OPTIONS": OPTIONS, "SLURM_JOB_ID": "17"}
    path = os.pathsep.join([str(scontrol.parent), str(Path(script()).parent), os.environ["PATH"]])
    job = {"args": ["bash", str(BATCH)], "cwd": tmp_path, "env": environment() | about | {"PATH": path}}

    with (tmp_path / "first.txt").open("wb") as log:
        first = subprocess.Popen(**job, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)  # type: ignore[call-overload]
        until = time.monotonic() + 120
        while not list((tmp_path / "records").glob("folds/*.json")) and time.monotonic() < until:
            time.sleep(0.1)
        first.send_signal(signal.SIGTERM)  # --signal=B:TERM: the shell, not what it has started
        assert first.wait(timeout=120) == 0
    assert "Interrupted by SIGTERM" in (tmp_path / "first.txt").read_text()
    assert (tmp_path / "asked").read_text() == "requeue 17\n"
    before = {each.name for each in (tmp_path / "records/folds").glob("*.json")}
    assert 1 <= len(before) < 4

    second = subprocess.run(**job, capture_output=True, text=True, timeout=300)  # type: ignore[call-overload]
    assert second.returncode == 0, second.stderr
    assert (tmp_path / "asked").read_text() == "requeue 17\n", "a search that is complete is not queued again"
    folds = {each.name for each in (tmp_path / "records/folds").glob("*.json")}
    assert before < folds
    assert len(folds) == 4
    assert json.loads((tmp_path / "records/manifest.json").read_text())
