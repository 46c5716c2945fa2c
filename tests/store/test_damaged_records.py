"""Files that are torn, altered or forged cost their own work and nothing else."""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tune_polar.errors import StoreError
from tune_polar.store import codec
from tune_polar.store.codec import (
    decode_json,
    encode_arrays,
    encode_json,
)
from tune_polar.store.store import open_store


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __reduce__(self):
        return (os.mkdir, (self._path,))


def damage(path: Path, how: str, tmp_path: Path) -> bytes:
    whole = path.read_bytes()
    content = {
        "truncated": whole[: len(whole) // 2],
        "empty": b"",
        "altered": whole.replace(b"published", b"pvblished").replace(b"precision", b"prezision"),
        "pickled": pickle.dumps(Touch(tmp_path / "executed")),
        "huge": (10 * 2**30).to_bytes(8, "little") + whole[8:],
        "zeros": bytes(len(whole)),
    }[how]
    if content == whole:
        content = whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]
    path.write_bytes(content)
    return content


@pytest.mark.parametrize("how", ["truncated", "empty", "altered", "pickled", "huge", "zeros"])
@pytest.mark.parametrize(
    ("pattern", "read"),
    [
        ("configurations/*.json", lambda search, keys: search.store.configurations()),
        ("folds/*-f1-*.json", lambda search, keys: [f for f in search.store.folds() if f.fold == 1]),
        ("failures/*.json", lambda search, keys: search.store.failures()),
        ("stages/{detector}.safetensors", lambda search, keys: filter(None, [search.store.stage(keys["detector"])])),
    ],
)
def test_a_damaged_record_is_set_aside_with_a_warning(search, recipe_of, tmp_path, caplog, how, pattern, read):
    configuration = search.put(recipe_of())
    trial = search.trial(configuration.recipe, 1)
    search.store.put_failure(search.failure(trial))
    keys = {"detector": trial.detector_key}
    assert len(list(read(search, keys))) == 1
    (path,) = search.folder.glob(pattern.format(**keys))
    content = damage(path, how, tmp_path)
    with caplog.at_level(logging.WARNING):
        assert list(read(search, keys)) == []
    assert len(caplog.records) == 1
    assert f"{path.relative_to(search.folder)} is damaged" in caplog.text
    assert "set aside, its work will be done again" in caplog.text
    assert not path.exists()
    assert [kept.read_bytes() for kept in (search.folder / "damaged").iterdir()] == [content]
    assert not (tmp_path / "executed").exists()


def test_who_only_looks_moves_nothing(search, recipe_of, caplog):
    search.put(recipe_of())
    (path,) = search.folder.glob("folds/*-f1-*.json")
    path.write_bytes(b"torn")
    with caplog.at_level(logging.WARNING):
        assert sorted(fold.fold for fold in open_store(search.folder, to_look=True).folds()) == [0, 2]
    assert "is damaged" in caplog.text
    assert "left out; `resume` does its work again" in caplog.text
    assert path.read_bytes() == b"torn"
    assert not (search.folder / "damaged").exists()


def test_work_that_was_set_aside_can_be_done_again(search, recipe_of):
    configuration = search.put(recipe_of())
    (path,) = search.folder.glob("folds/*-f1-*.json")
    damage(path, "truncated", search.folder)
    assert sorted(fold.fold for fold in search.store.folds()) == [0, 2]
    search.store.put_fold(search.record(search.trial(configuration.recipe, 1)))
    assert sorted(fold.fold for fold in search.store.folds()) == [0, 1, 2]


def test_a_record_that_cannot_be_moved_is_passed_over(search, recipe_of, caplog):
    search.put(recipe_of())
    (search.folder / "damaged").write_bytes(b"a file where the folder should be")
    (path,) = search.folder.glob("folds/*-f1-*.json")
    path.write_bytes(b"torn")
    with caplog.at_level(logging.WARNING):
        assert sorted(fold.fold for fold in search.store.folds()) == [0, 2]
    assert "stays where it is" in caplog.text
    assert path.read_bytes() == b"torn"


def test_a_stage_under_another_stages_name_is_set_aside(search, recipe_of, caplog):
    configuration = search.put(recipe_of())
    first, second = (search.trial(configuration.recipe, fold).detector_key for fold in (0, 1))
    stages = search.folder / "stages"
    (stages / f"{second}.safetensors").write_bytes((stages / f"{first}.safetensors").read_bytes())
    assert search.store.stage(second) is None
    assert f"it is the stage '{first}'" in caplog.text
    assert search.store.stage(first) is not None


FORGED_FOLDS: list[Callable[[dict], object]] = [
    lambda body: body.update(fold="1"),
    lambda body: body.update(fold=1.5),
    lambda body: body.update(scores=[1]),
    lambda body: body.update(scores={"a": "b"}),
    lambda body: body.update(provenance=None),
    lambda body: body.update(reused=["other"]),
    lambda body: body.update(seconds=None),
    lambda body: body.pop("detector_key"),
]


@pytest.mark.parametrize("forge", FORGED_FOLDS)
def test_a_forged_record_with_a_fitting_hash_is_checked_for_types(search, recipe_of, forge, caplog):
    search.put(recipe_of())
    (path,) = search.folder.glob("folds/*-f1-*.json")
    body = decode_json(path.read_bytes())
    forge(body)
    path.write_bytes(encode_json(body))
    assert sorted(fold.fold for fold in search.store.folds()) == [0, 2]
    assert "is damaged" in caplog.text


@pytest.mark.parametrize(
    "arrays",
    [
        {"neighbour_labels": np.zeros(3, dtype=np.uint8)},
        {"neighbour_labels": np.zeros((3, 7), dtype=np.uint8)},
        {"neighbour_labels": np.zeros((16, 0), dtype=np.uint8)},
        {"validation_rows": np.zeros((16, 1), dtype=np.int32)},
        {"validation_rows": np.zeros(16)},
    ],
)
def test_a_stage_whose_arrays_do_not_fit_together_is_set_aside(search, recipe_of, with_arrays, arrays, caplog):
    trial = search.trial(recipe_of(), 0)
    assert len(search.gold.detector_plan.validation_rows(0)) == 16
    search.store.put_stage(with_arrays(search.stage(trial, "detector"), **arrays))
    assert search.store.stage(trial.detector_key) is None
    assert "neighbour_labels must hold a row of values for each of validation_rows" in caplog.text


def test_a_stage_without_its_arrays_is_set_aside(search, recipe_of):
    trial = search.trial(recipe_of(), 0)
    record = search.stage(trial, "detector")
    (search.folder / "stages").mkdir()
    path = search.folder / "stages" / f"{record.key}.safetensors"
    path.write_bytes(encode_arrays(record.header(), {"other": np.zeros(3)}))
    assert search.store.stage(record.key) is None
    assert not path.exists()


def test_a_record_of_a_later_version_stops_with_a_remedy(search, recipe_of, monkeypatch):
    monkeypatch.setattr(codec, "FORMAT", 2)
    search.put(recipe_of())
    monkeypatch.undo()
    for read in (search.store.configurations, search.store.folds):
        with pytest.raises(StoreError, match=r"format 2, this version reads up to 1\n  Remedy: Upgrade tune-polar"):
            read()
    assert not (search.folder / "damaged").exists()
