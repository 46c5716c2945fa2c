"""Searches on pretended cards through all processes: the command, Ray, its workers, and what they put on record."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.e2e import conftest
from tests.e2e.conftest import QUICK
from tests.stand_in.cards import GB, Card
from tests.stand_in.known_cards import DESKTOP, LAPTOP
from tests.stand_in.processes import VARIABLE, environment
from tune_polar.store.failures import OUT_OF_MEMORY, WORKER_LOST
from tune_polar.store.records import StageRecord
from tune_polar.store.store import Store, open_store
from tune_polar.trial.gpus import slot_budget_bytes
from tune_polar.trial.work_provenance import this_cpu

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(torch.backends.cuda.is_built(), reason="the stand-in needs a torch built for the CPU"),
]

# One configuration, to be trained by several workers at once.
ONE = (
    *("--trials", "1", "--folds", "3", "--set", "encoder.tiny.hidden=32"),
    *("--set", "detector.optimizer.max_steps=6", "--set", "classifier.optimizer.max_steps=6"),
)
WHOLE_CARD = 8 * GB - GB // 4 - GB // 8  # less context and kernels


def run(folder: Path, *words: str, env: Mapping[str, str], code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    return done


def search(folder: Path, *words: str, cards: tuple[Card, ...], **about: Any) -> subprocess.CompletedProcess[str]:
    """`tune-polar search st3 WORDS` on a machine with these cards."""
    env = environment(*cards, **about, base=conftest.environment())
    return run(folder, conftest.script(), "search", "st3", *words, "--store", "store", "--json", env=env)


def stages(store: Store) -> list[StageRecord]:
    keys = {key for fold in store.folds() for key in fold.stages.values()}
    found = [store.stage(key) for key in keys]
    assert None not in found
    return [stage for stage in found if stage is not None]


def test_a_search_on_one_card_has_its_device_bits_and_memory_on_record(tmp_path: Path) -> None:
    done = search(tmp_path, *QUICK, cards=(LAPTOP,))
    assert json.loads(done.stdout)["complete"]
    assert "CPU" not in done.stderr
    store = open_store(tmp_path / "store")
    assert store.failures() == []
    assert {fold.provenance.device for fold in store.folds()} == {LAPTOP.name}
    found = stages(store)
    assert len(found) == 2 * 2 * 2
    for stage in found:
        assert (stage.provenance.device, stage.precision, stage.steps) == (LAPTOP.name, "bf16", 6)
        assert stage.memory is not None
        assert (stage.memory.budget_bytes, stage.memory.is_plain) == (WHOLE_CARD, True)
        assert stage.peak_memory_bytes is not None
        assert LAPTOP.workspace_mb * 2**20 < stage.peak_memory_bytes < WHOLE_CARD
    assert {fold.memory["classifier"].budget_bytes for fold in store.folds()} == {WHOLE_CARD}


def test_slots_of_two_cards_go_on_after_one_worker_is_lost_and_one_fold_runs_out_of_memory(tmp_path: Path) -> None:
    """Each worker sees its own card alone, which stands in the variable once for each of its slots."""
    failures = [
        {"kind": "sticky", "at_step": 2, "once": tmp_path / "lost"},
        {"kind": "out_of_memory", "at_step": 9, "once": tmp_path / "out"},  # in the classifier
    ]
    done = search(tmp_path, *ONE, "--slots", "3", cards=(LAPTOP, DESKTOP), failures=failures)
    about = json.loads(done.stdout)
    assert about["complete"]
    assert [row["state"] for row in about["configurations"]] == ["finished"]

    store = open_store(tmp_path / "store")
    found = stages(store)
    assert len(found) == 3 * 2
    lost, out = sorted(store.failures(), key=lambda failure: failure.kind != WORKER_LOST)
    budgets = {LAPTOP.name: WHOLE_CARD, DESKTOP.name: slot_budget_bytes(24.0, 8.0)}
    assert {each.provenance.device for each in (*found, lost)} == set(budgets)
    for stage in found:
        assert stage.memory is not None
        assert stage.memory.budget_bytes == budgets[stage.provenance.device]
        assert (stage.precision, stage.steps) == ("bf16", 6)
    workers = {(stage.provenance.pid, stage.provenance.device) for stage in found}
    assert len(workers) == len({pid for pid, _ in workers}) >= 2, "none has seen two cards"

    assert (lost.kind, lost.reached and lost.reached.stage) == (WORKER_LOST, "detector")
    assert "ended itself after AcceleratorError: CUDA error: an illegal memory access" in lost.message
    assert lost.provenance.pid not in {pid for pid, _ in workers}, "its process has ended"
    assert (out.kind, out.reached and out.reached.stage, out.is_final) == (OUT_OF_MEMORY, "classifier", False)
    (again,) = [fold for fold in store.folds() if fold.fold == out.fold]
    assert again.memory["classifier"].micro_rows == again.memory["classifier"].batch_rows // 2
    assert again.reused == ("detector",)


def test_a_driver_that_is_too_old_is_told_and_the_search_goes_on_on_the_cpu(tmp_path: Path) -> None:
    done = search(tmp_path, *ONE, "--folds", "2", "--slots", "1", cards=(LAPTOP,), too_old=11040)
    told = [line for line in done.stderr.splitlines() if line.startswith("Training runs on the CPU: ")]
    assert len(told) == 1
    assert "The NVIDIA driver on your system is too old (found version 11040)" in told[0]
    store = open_store(tmp_path / "store")
    assert len(store.folds()) == 2
    assert {fold.provenance.device for fold in store.folds()} == {this_cpu()}


# The driver sees the card and its workers do not, as where a container hands it on to some processes only.
WITHOUT_WORKERS = f"""
import os, torch
from tune_polar.search.resources import slots
from tune_polar.cli.main import main
del os.environ[{VARIABLE!r}]
main()
"""


def test_a_search_whose_workers_see_no_card_ends_with_one_error_and_blames_no_configuration(tmp_path: Path) -> None:
    env = environment(LAPTOP, base=conftest.environment())
    words = ("search", "st3", *ONE, "--store", "store")
    done = run(tmp_path, sys.executable, "-c", WITHOUT_WORKERS, *words, env=env, code=2)
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "a search on GPUs must find one in each of its workers" in error
    assert "Remedy: Run `tune-polar doctor` on that machine" in done.stderr
    store = open_store(tmp_path / "store")
    assert (store.failures(), store.folds()) == ([], [])
