"""A search's records in one place: what is written where, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tune_polar.errors import StoreError
from tune_polar.recipe.cells import Cell
from tune_polar.store import codec
from tune_polar.store.records import StageRecord
from tune_polar.store.store import open_store

WEIGHTS = {"layer": np.arange(6, dtype=np.float32).reshape(2, 3)}
HOSTILE = ["../outside", "a/b", "/etc/passwd", "", ".", "..", "a.b", "nul\0", "x" * 101, "é", "a\n", "a b"]


def test_where_each_record_lies(search, recipe_of):
    configuration = search.put(recipe_of(), folds=(1,))
    cell, other = Cell(1, 42), Cell(0, 42)
    search.fail(configuration, cell=cell, attempt=2)
    search.abandon(configuration, configuration)
    search.store.put_stage(search.stage(configuration, "finder", other), weights=WEIGHTS)
    key = search.key(configuration, "finder", other)
    assert sorted(
        str(path.relative_to(search.folder)) for path in search.folder.rglob("*") if path.is_file()
    ) == sorted(
        [
            "manifest.json",
            "gold.safetensors",
            f"configurations/{configuration.id}.json",
            f"folds/{configuration.id}-f1-s42.json",
            f"failures/{configuration.id}-f1-s42-a2.json",
            f"abandoned/{configuration.id}.json",
            f"stages/{search.key(configuration, 'finder', cell)}.safetensors",
            f"stages/{search.key(configuration, 'sorter', cell)}.safetensors",
            f"stages/{key}.safetensors",
            f"weights/{key}.safetensors",
        ]
    )
    np.testing.assert_array_equal(search.store.weights(key)["layer"], WEIGHTS["layer"])
    assert search.store.weights(search.key(configuration, "finder", cell)) is None


def test_records_are_read_as_they_were_written(search, recipe_of):
    configuration = search.put(recipe_of())
    failure = search.fail(configuration, cell=search.cells[1])
    given_up = search.abandon(configuration, configuration)
    assert search.store.configurations() == [configuration]
    assert sorted(search.store.folds(), key=lambda f: f.fold) == [
        search.record(configuration, cell) for cell in search.cells
    ]
    assert search.store.failures() == [failure]
    assert search.store.abandonments() == [given_up]


def test_a_stage_is_read_as_it_was_written(search):
    before = search.stage(search.configuration(), "sorter", search.cells[0])
    search.store.put_stage(before)
    after = search.store.stage(before.key)
    for field in dataclasses.fields(StageRecord):
        if field.name != "arrays":
            assert getattr(after, field.name) == getattr(before, field.name)
    assert set(after.arrays) == set(before.arrays)
    for name, array in before.arrays.items():
        np.testing.assert_array_equal(after.arrays[name], array)
        assert after.arrays[name].dtype == array.dtype


def test_what_was_recorded_before_is_not_written_again(search, recipe_of):
    configuration = search.put(recipe_of())
    record = search.record(configuration, search.cells[1])
    assert not search.store.put_configuration(dataclasses.replace(configuration, number=9))
    assert not search.store.put_fold(dataclasses.replace(record, seconds=99.0))
    assert search.store.configurations() == [configuration]
    assert {fold.seconds for fold in search.store.folds()} == {61.0}


def test_each_seed_of_a_fold_has_a_record_of_its_own(new_search, recipe_of):
    search = new_search(recipe_of(seeds=(42, 7)))
    configuration = search.finish(search.configuration())
    assert len(search.cells) == len(search.store.folds()) == 6
    assert {fold.id for fold in search.store.folds()} == {f"{configuration.id}-{cell}" for cell in search.cells}


def test_configurations_come_in_the_order_they_were_proposed(search, recipe_of):
    recipes = [recipe_of(finder__optimizer__lr=lr) for lr in (1e-3, 2e-3, 3e-3, 4e-3)]
    for number in (2, 0, 3, 1):
        search.put(recipes[number], number, folds=())
    assert [found.number for found in search.store.configurations()] == [0, 1, 2, 3]


def test_merging_two_searches_is_copying_their_records(new_search, recipe_of):
    one, two = new_search(), new_search(seed=1)
    shared, other = recipe_of(), recipe_of(finder__optimizer__lr=2e-3)
    one.put(shared)
    two.put(shared)
    two.put(other, 1)
    for _ in range(2):  # a second time changes nothing
        for path in two.folder.rglob("*"):
            target = one.folder / path.relative_to(two.folder)
            if path.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
        assert len(one.store.configurations()) == 2
        assert len(one.store.folds()) == 6


def test_files_of_others_are_left_alone(search, recipe_of):
    search.put(recipe_of())
    for name in ("notes.txt", "x.json~", ".hidden.json", "Thumbs.db"):
        (search.folder / "folds" / name).write_bytes(b"theirs")
    assert len(search.store.folds()) == 3
    assert (search.folder / "folds" / "notes.txt").read_bytes() == b"theirs"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_refused(search, recipe_of, name):
    configuration = search.configuration()
    fold = dataclasses.replace(search.record(configuration, search.cells[0]), configuration_id=name)
    failure = dataclasses.replace(search.failure(configuration), configuration_id=name)
    stage = dataclasses.replace(search.stage(configuration, "finder", search.cells[0]), key=name)
    asks = [
        lambda: search.store.stage(name),
        lambda: search.store.stages([name]),
        lambda: search.store.weights(name),
        lambda: search.store.checkpoint(name),
        lambda: search.store.is_abandoned(name),
        lambda: search.store.put_stage(stage, weights=WEIGHTS),
    ]
    # A fold's name has more than the configuration in it: an empty or long id is odd there, but does no harm.
    if name not in ("", "x" * 101):
        asks += [lambda: search.store.put_fold(fold), lambda: search.store.put_failure(failure)]
        asks += [lambda: search.store.refuse_fold(fold, "so")]
    before = sorted(search.folder.parent.rglob("*"))
    for ask in asks:
        with pytest.raises(StoreError, match="a record's name must be letters, digits, - and _, got"):
            ask()
    assert sorted(search.folder.parent.rglob("*")) == before


def test_a_fold_record_that_names_a_hostile_stage_is_set_aside(search, caplog):
    configuration = search.configuration()
    record = search.record(configuration, search.cells[0])
    hostile = {**record.stages, "finder": "../../etc/passwd"}
    search.store.put_fold(dataclasses.replace(record, stages=hostile))
    assert search.predictions(configuration).cells == ()
    assert "got '../../etc/passwd'" in caplog.text
    assert len(list((search.folder / "damaged").iterdir())) == 1


# -- manifest and gold ----------------------------------------------------------------------------------------


def test_a_store_is_made_once(search):
    with pytest.raises(StoreError, match=r"must be new, but it holds a search already\n  Remedy: .*tune-polar resume"):
        search.store.create({"recipe": {}}, search.gold)
    assert search.store.manifest()["trials"] == 1


def test_a_start_that_was_killed_before_its_manifest_can_be_made_again(search):
    (search.folder / "manifest.json").unlink()
    search.store.create({"trials": 5}, search.gold)
    assert search.store.manifest() == {"trials": 5}


def test_gold_of_other_data_is_not_taken_for_ones_own(search, new_search):
    other = new_search(seed=1)
    (search.folder / "manifest.json").unlink()
    with pytest.raises(StoreError, match=r"must be new, but it holds gold.safetensors of other data or folds"):
        search.store.create({}, other.gold)
    assert not (search.folder / "manifest.json").exists()


def test_a_folder_without_a_manifest_is_no_store(tmp_path):
    for place, found in ((tmp_path, "none"), (tmp_path / "absent", "no such folder")):
        expected = rf"must hold manifest.json, but there is {found}\n  Remedy: Give the folder"
        with pytest.raises(StoreError, match=expected):
            open_store(place).manifest()


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"format": 3, "sha256": "0", "body": {}}'])
def test_a_damaged_manifest_stays_and_is_named(search, content):
    (search.folder / "manifest.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"manifest.json must be what was written, but .*\n  Remedy: Restore that one"):
        search.store.manifest()
    assert (search.folder / "manifest.json").read_bytes() == content


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (4, r"manifest.json: format 4, this version reads format 3 alone\n  Remedy: Upgrade"),
        (1, r"manifest.json: made by format 1 of tune-polar, .*\n  Remedy: Search anew with this version"),
    ],
)
def test_a_manifest_of_another_version(search, monkeypatch, version, message):
    monkeypatch.setattr(codec, "FORMAT", version)
    content = codec.encode_json({"trials": 1}, indented=True)
    monkeypatch.undo()
    (search.folder / "manifest.json").write_bytes(content)
    with pytest.raises(StoreError, match=message):
        search.store.manifest()
    assert (search.folder / "manifest.json").read_bytes() == content


@pytest.mark.parametrize("content", [None, b"", b"torn"])
def test_missing_or_damaged_gold_is_named_with_a_remedy(search, content):
    path = search.folder / "gold.safetensors"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(StoreError, match=r"must hold an undamaged gold.safetensors, but there is none\n  Remedy: Rest"):
        search.store.gold()
