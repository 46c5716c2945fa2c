"""Files that are torn, altered or forged cost their own work and nothing else."""

from __future__ import annotations

import dataclasses
import logging
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.store.made_recipes import regression, three_classes, two_stages
from tune_polar.errors import StoreError
from tune_polar.recipe.cells import Cell
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
        "altered": whole.replace(b"published", b"pvblished").replace(b"provenance", b"provenanse"),
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
        ("stages/{finder}.safetensors", lambda search, keys: filter(None, [search.store.stage(keys["finder"])])),
    ],
)
def test_a_damaged_record_is_set_aside_with_a_warning(search, recipe_of, tmp_path, caplog, how, pattern, read):
    configuration = search.put(recipe_of())
    search.fail(configuration, cell=Cell(1, 42))
    keys = {"finder": search.key(configuration, "finder", Cell(1, 42))}
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
    search.store.put_fold(search.record(configuration, Cell(1, 42)))
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
    first, second = (search.key(configuration, "finder", Cell(fold, 42)) for fold in (0, 1))
    stages = search.folder / "stages"
    (stages / f"{second}.safetensors").write_bytes((stages / f"{first}.safetensors").read_bytes())
    assert search.store.stage(second) is None
    assert f"it is the record of '{first}'" in caplog.text
    assert search.store.stage(first) is not None


@pytest.mark.parametrize(
    ("folder", "read"),
    [
        ("configurations", lambda store: store.configurations()),
        ("folds", lambda store: store.folds()),
        ("failures", lambda store: store.failures()),
        ("abandoned", lambda store: store.abandonments()),
    ],
)
def test_a_record_under_another_records_name_is_set_aside(search, recipe_of, folder, read, caplog):
    configuration = search.put(recipe_of(), folds=(0,))
    search.fail(configuration)
    search.abandon(configuration, configuration)
    (path,) = (search.folder / folder).iterdir()
    other = path.with_name(path.name.replace(configuration.id, "0" * 12))
    other.write_bytes(path.read_bytes())
    assert len(read(search.store)) == 1
    assert f"{folder}/{other.name} is damaged (it is the record of '{configuration.id}" in caplog.text
    assert (path.exists(), other.exists()) == (True, False)


FORGED_FOLDS: list[Callable[[dict], object]] = [
    lambda body: body.update(fold="1"),
    lambda body: body.update(fold=1.5),
    lambda body: body.update(scores=[1]),
    lambda body: body.update(scores={"a": "b"}),
    lambda body: body.update(provenance=None),
    lambda body: body.update(reused=["other"]),
    lambda body: body.update(seconds=None),
    lambda body: body.pop("stages"),
    lambda body: body.update(stages={}),
    lambda body: body.update(stages={"finder": None}),
    lambda body: body.update(seed=7),
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


def other_rows(rows: np.ndarray) -> np.ndarray:
    return np.setdiff1d(np.arange(48), rows)[: len(rows)].astype(np.int32)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("finder", {"validation__rows": other_rows}, "its rows must be those that fold 0 validates, got others"),
        ("finder", {"validation__rows": lambda rows: rows[::-1].copy()}, "its rows must be those that fold 0 valid"),
        ("finder", {"dev__rows": lambda rows: rows + 1}, "its rows of dev must be below 14, got 14"),
        ("finder", {"sbic__rows": lambda _: np.zeros(1, np.int32), "sbic__neighbours": lambda _: np.ones((1, 1), "u1")},
         "its rows of sbic must be below 0, got 0"),
        ("finder", {"dev__neighbours": lambda table: table[:3]}, "dev/neighbours must hold values for each of 14 rows"),
        ("sorter", {"validation__probability": lambda table: table + 1}, "must lie between 0 and 1"),
        ("sorter", {"validation__probability": lambda table: table.astype(np.float64)}, "must be float32, got float64"),
    ],
)  # fmt: skip
def test_a_stage_whose_arrays_do_not_fit_the_gold_is_set_aside(search, recipe_of, name, change, message, caplog):
    record = search.stage(search.configuration(), name, Cell(0, 42))
    changed = {key.replace("__", "/"): make(record.arrays.get(key.replace("__", "/"))) for key, make in change.items()}
    search.store.put_stage(dataclasses.replace(record, arrays={**record.arrays, **changed}))
    assert search.store.stage(record.key) is None
    assert message in caplog.text
    assert not (search.folder / "stages" / f"{record.key}.safetensors").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stage": "other"}, "its stage must be one of ['finder', 'sorter'], got 'other'"),
        ({"fold": 3}, "its fold must be below 3, got 3"),
        ({"fold": 1}, "its rows must be those that fold 1 validates"),
    ],
)
def test_a_stage_that_says_it_is_another_is_set_aside(search, change, message, caplog):
    record = dataclasses.replace(search.stage(search.configuration(), "finder", Cell(0, 42)), **change)
    search.store.put_stage(record)
    assert search.store.stage(record.key) is None
    assert message in caplog.text


@pytest.mark.parametrize(
    ("make", "name", "arrays", "message"),
    [
        (two_stages, "finder", {"dev/neighbours": np.full((14, 7), 2, "u1")}, "must be classes below 2, got 2"),
        (two_stages, "sorter", {"dev/probability": np.zeros((14, 1), np.float32)}, "must have 2 columns, got 1"),
        (three_classes, "model", {"dev/probability": np.zeros((14, 2), np.float32)}, "must have 3 columns, got 2"),
        (regression, "model", {"dev/value": np.zeros((14, 2), np.float32)}, "dev/value must have 1 columns, got 2"),
    ],
)  # fmt: skip
def test_a_stage_whose_columns_do_not_fit_the_task_is_set_aside(new_search, make, name, arrays, message, caplog):
    search = new_search(make())
    configuration = search.configuration()
    good, bad = (search.stage(configuration, name, Cell(fold, 42)) for fold in (0, 1))
    search.store.put_stage(good)
    search.store.put_stage(dataclasses.replace(bad, arrays={**bad.arrays, **arrays}))
    assert search.store.stage(bad.key) is not None, "without a recipe nothing is known of its task"
    assert set(search.store.stages([good.key, bad.key], configuration.recipe)) == {good.key}
    assert message in caplog.text


def test_a_stage_that_predicts_something_else_than_its_recipe_says_is_set_aside(new_search, caplog):
    search = new_search(three_classes())
    record = search.stage(search.configuration(), "model", Cell(0, 42))
    arrays = {name.replace("probability", "value"): array for name, array in record.arrays.items()}
    search.store.put_stage(dataclasses.replace(record, predicts="value", arrays=arrays))
    assert search.store.stages([record.key], search.recipe) == {}
    assert "it must predict probability, got value" in caplog.text


def test_a_store_that_has_no_gold_yet_gives_its_stages(search, tmp_path):
    record = search.stage(search.configuration(), "finder", Cell(0, 42))
    store = open_store(tmp_path / "new")
    store.put_stage(record)
    assert store.stage(record.key) is not None
    store.create({}, search.gold)
    store.put_stage(dataclasses.replace(record, key="other", fold=1))
    assert store.stage("other") is None


def test_a_stage_without_its_arrays_is_set_aside(search):
    record = search.stage(search.configuration(), "finder", Cell(0, 42))
    (search.folder / "stages").mkdir()
    path = search.folder / "stages" / f"{record.key}.safetensors"
    path.write_bytes(encode_arrays(record.header(), {"other": np.zeros(3)}))
    assert search.store.stage(record.key) is None
    assert not path.exists()


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (4, r"format 4, this version reads format 3 alone\n  Remedy: Upgrade tune-polar"),
        (1, r"made by format 1 of tune-polar, this version reads format 3 alone\n  Remedy: Search anew"),
    ],
)
def test_a_record_of_another_version_stops_with_a_remedy(search, recipe_of, monkeypatch, version, message):
    monkeypatch.setattr(codec, "FORMAT", version)
    configuration = search.put(recipe_of())
    monkeypatch.undo()
    key = search.key(configuration, "finder", Cell(0, 42))
    for read in (search.store.configurations, search.store.folds, lambda: search.store.stage(key)):
        with pytest.raises(StoreError, match=message):
            read()
    assert not (search.folder / "damaged").exists()
