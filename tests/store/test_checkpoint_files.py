"""Checkpoints and weights in a store: replaced, verified, and removed when their stage is recorded."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file

from tune_polar.errors import StoreError
from tune_polar.store import filesystem
from tune_polar.store.checkpoint import Checkpoint
from tune_polar.store.filesystem import LocalFolder
from tune_polar.store.training_facts import CurvePoint

WEIGHTS = {"layer": np.arange(600, dtype=np.float32)}


def checkpoint(key: str, step: int = 7) -> Checkpoint:
    return Checkpoint(
        key=key,
        step=step,
        summed_loss=0.1 + 0.2,
        best_value=None,
        best_step=0,
        without_gain=0,
        curve=(CurvePoint(5, 0.25, 0.5),),
        rates=(1e-3, 2e-5),
        seconds=12.5,
        arrays={"model/layer": np.arange(300, dtype=np.float32), "random/cpu": np.arange(9, dtype=np.uint8)},
    )


def test_a_checkpoint_is_read_as_it_was_written_and_the_later_one_counts(search):
    assert search.store.checkpoint("abc") is None
    for step in (7, 9):
        search.store.put_checkpoint(checkpoint("abc", step))
    found = search.store.checkpoint("abc")
    assert found.header() == checkpoint("abc", 9).header()
    for name, array in checkpoint("abc").arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)


def test_recording_the_stage_ends_its_checkpoint(search):
    stage = search.stage(search.configuration(), "finder", search.cells[0])
    search.store.put_checkpoint(checkpoint(stage.key))
    search.store.put_checkpoint(checkpoint("other"))
    search.store.put_stage(stage)
    assert search.store.files.names("checkpoints") == ["checkpoints/other.safetensors"]


def test_tidying_removes_checkpoints_of_recorded_stages_alone(search):
    stage = search.stage(search.configuration(), "finder", search.cells[0])
    search.store.put_stage(stage)
    search.store.put_checkpoint(checkpoint(stage.key))  # by another slot that trained the same stage and was killed
    search.store.put_checkpoint(checkpoint("other"))
    search.store.files.replace("probes/of_a_killed_driver", b"token")
    search.store.tidy()
    assert search.store.files.names("probes") == []
    assert search.store.files.names("checkpoints") == ["checkpoints/other.safetensors"]


@pytest.mark.parametrize("folder", ["weights", "checkpoints"])
def test_torn_anywhere_it_is_set_aside(search, folder, caplog):
    stage = search.stage(search.configuration(), "finder", search.cells[0])
    search.store.put_stage(stage, WEIGHTS)
    search.store.put_checkpoint(checkpoint(stage.key))
    path = search.folder / f"{folder}/{stage.key}.safetensors"
    whole = path.read_bytes()
    read = search.store.weights if folder == "weights" else search.store.checkpoint
    for length in [*range(0, 200, 7), *range(len(whole) - 40, len(whole))]:
        path.write_bytes(whole[:length])
        assert read(stage.key) is None
        assert not path.exists()
    flipped = bytearray(whole)
    flipped[-3] ^= 1
    path.write_bytes(flipped)
    assert read(stage.key) is None
    assert "is damaged" in caplog.text
    path.write_bytes(whole)
    assert read(stage.key) is not None


def test_weights_and_checkpoints_of_another_stage_are_set_aside(search):
    stage = search.stage(search.configuration(), "finder", search.cells[0])
    search.store.put_stage(stage, WEIGHTS)
    search.store.put_checkpoint(checkpoint("abc"))
    for folder, name in (("weights", stage.key), ("checkpoints", "abc")):
        (search.folder / folder / f"{name}.safetensors").rename(search.folder / folder / "moved.safetensors")
    assert search.store.weights("moved") is None
    assert search.store.checkpoint("moved") is None


def test_weights_stay_plain_safetensors(search):
    stage = search.stage(search.configuration(), "finder", search.cells[0])
    search.store.put_stage(stage, WEIGHTS)
    np.testing.assert_array_equal(search.store.weights(stage.key)["layer"], WEIGHTS["layer"])
    theirs = load_file(search.folder / f"weights/{stage.key}.safetensors")
    np.testing.assert_array_equal(theirs["layer"], WEIGHTS["layer"])


def test_what_a_killed_process_was_writing_is_removed_and_nothing_else(tmp_path):
    files = LocalFolder(tmp_path)
    half = "import os, sys; from pathlib import Path; from tune_polar.store import filesystem as f\n"
    half += "f._link = lambda *_: os.kill(os.getpid(), 9)\n"
    half += "f.LocalFolder(Path(sys.argv[1])).put_if_absent('folds/killed.json', b'half')\n"
    subprocess.run([sys.executable, "-c", half, str(tmp_path)], check=False)
    (left,) = tmp_path.glob("folds/.*")
    assert left.read_bytes() == b"half"
    ours = tmp_path / f"folds/.living.json.{filesystem._writer()}.tmp"
    others = tmp_path / "folds/.far.json.01234567-01234567-01234567-1-abcd.tmp"
    host, _, machine, *rest = filesystem._writer().split("-")
    earlier = tmp_path / f"folds/.earlier.json.{'-'.join([host, '0' * 8, machine, *rest])}.tmp"
    for path in (ours, others, earlier, tmp_path / "folds/.hidden", tmp_path / "folds/whole.json"):
        path.write_bytes(b"x")
    files.remove_half_written()
    assert not left.exists()
    assert not earlier.exists(), "of this machine before it was started anew"
    assert sorted(path.name for path in (tmp_path / "folds").iterdir()) == sorted(
        [ours.name, others.name, ".hidden", "whole.json"]
    )


def test_removing_what_is_not_there_is_no_error_and_what_cannot_be_removed_is_told(tmp_path):
    files = LocalFolder(tmp_path)
    files.remove("checkpoints/none")
    (tmp_path / "checkpoints/folder").mkdir(parents=True)
    with pytest.raises(StoreError, match="must be deleted, but"):
        files.remove("checkpoints/folder")
