"""A search's records in one place: what is written where, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from safetensors.numpy import load, save

from tune_polar.errors import StoreError
from tune_polar.store import codec
from tune_polar.store.gold import GoldSplit, gold_of
from tune_polar.store.record import MAX_LOSSES, WORKER_LOST, FailureRecord, FoldRecord, StageRecord, given_up
from tune_polar.store.store import open_store

WEIGHTS = save({"layer": np.arange(6, dtype=np.float32).reshape(2, 3)})
HOSTILE = ["../outside", "a/b", "/etc/passwd", "", ".", "..", "a.b", "nul\0", "x" * 101, "é", "a\n", "a b"]


def test_where_each_record_lies(search, recipe_of):
    configuration = search.put(recipe_of(), folds=(1,))
    trial = search.trial(configuration.recipe, 1)
    search.store.put_failure(search.failure(trial, attempt=2))
    search.store.put_stage(search.stage(search.trial(configuration.recipe, 0), "detector"), weights=WEIGHTS)
    key = search.trial(configuration.recipe, 0).detector_key
    assert sorted(
        str(path.relative_to(search.folder)) for path in search.folder.rglob("*") if path.is_file()
    ) == sorted(
        [
            "manifest.json",
            "gold.safetensors",
            f"configurations/{configuration.id}.json",
            f"folds/{configuration.id}-f1-s42.json",
            f"failures/{configuration.id}-f1-s42-a2.json",
            f"stages/{trial.detector_key}.safetensors",
            f"stages/{trial.classifier_key(trial.detector_key)}.safetensors",
            f"stages/{key}.safetensors",
            f"weights/{key}.safetensors",
        ]
    )
    np.testing.assert_array_equal(load(search.store.weights(key))["layer"], load(WEIGHTS)["layer"])
    assert search.store.weights(trial.detector_key) is None


def test_records_are_read_as_they_were_written(search, recipe_of):
    configuration = search.put(recipe_of())
    trial = search.trial(configuration.recipe, 1)
    failure = search.failure(trial)
    assert search.store.put_failure(failure)
    assert search.store.configurations() == [configuration]
    assert sorted(search.store.folds(), key=lambda f: f.fold) == [
        search.record(search.trial(configuration.recipe, fold)) for fold in range(3)
    ]
    assert search.store.failures() == [failure]


def test_a_stage_is_read_as_it_was_written(search, recipe_of):
    before = search.stage(search.trial(recipe_of(), 0), "detector")
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
    record = search.record(search.trial(configuration.recipe, 1))
    assert not search.store.put_configuration(dataclasses.replace(configuration, number=9))
    assert not search.store.put_fold(dataclasses.replace(record, seconds=99.0))
    assert search.store.configurations() == [configuration]
    assert {fold.seconds for fold in search.store.folds()} == {2.0}


def test_configurations_come_in_the_order_they_were_proposed(search, recipe_of):
    recipes = [recipe_of(detector__lr=lr) for lr in (1e-3, 2e-3, 3e-3, 4e-3)]
    for number in (2, 0, 3, 1):
        search.put(recipes[number], number, folds=())
    assert [found.number for found in search.store.configurations()] == [0, 1, 2, 3]


def test_merging_two_searches_is_copying_their_records(new_search, recipe_of):
    one, two = new_search(), new_search(seed=1)
    shared, other = recipe_of(), recipe_of(detector__lr=2e-3)
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
    trial = search.trial(recipe_of(), 0)
    fold = dataclasses.replace(search.record(trial), configuration_id=name)
    failure = dataclasses.replace(search.failure(trial), configuration_id=name)
    stage = dataclasses.replace(search.stage(trial, "detector"), key=name)
    asks = [
        lambda: search.store.stage(name),
        lambda: search.store.weights(name),
        lambda: search.store.put_stage(stage, weights=b"w"),
        lambda: search.store.put_failure(failure),
    ]
    # A fold's name has more than the configuration in it: an empty or long id is odd there, but does no harm.
    asks += [lambda: search.store.put_fold(fold)] if name not in ("", "x" * 101) else []
    before = sorted(search.folder.parent.rglob("*"))
    for ask in asks:
        with pytest.raises(StoreError, match="a record's name must be letters, digits, - and _, got"):
            ask()
    assert sorted(search.folder.parent.rglob("*")) == before


def test_a_fold_record_that_names_a_hostile_stage_is_set_aside(search, recipe_of, caplog):
    configuration = search.put(recipe_of(), folds=())
    record = dataclasses.replace(search.record(search.trial(configuration.recipe, 0)), detector_key="../../etc/passwd")
    search.store.put_fold(record)
    assert search.predictions(configuration).folds == ()
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


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"format": 1, "sha256": "0", "body": {}}'])
def test_a_damaged_manifest_stays_and_is_named(search, content):
    (search.folder / "manifest.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"manifest.json must be what was written, but .*\n  Remedy: Restore that one"):
        search.store.manifest()
    assert (search.folder / "manifest.json").read_bytes() == content


def test_a_manifest_of_a_later_version(search, monkeypatch):
    monkeypatch.setattr(codec, "FORMAT", 2)
    content = codec.encode_json({"trials": 1})
    monkeypatch.undo()
    (search.folder / "manifest.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"manifest.json: format 2, this version reads up to 1\n  Remedy: Upgrade"):
        search.store.manifest()


def same_split(first: GoldSplit, second: GoldSplit) -> bool:
    return (
        first.ids == second.ids
        and list(first.labels) == list(second.labels)
        and all(np.array_equal(first.labels[name], second.labels[name]) for name in first.labels)
    )


@pytest.mark.parametrize("dev", [0, 14])
def test_gold_is_read_as_it_was_written(new_search, recipe_of, dev):
    recipe = recipe_of(folds__plan="paper", decision__objective="gold_gated", classifier__transfer="none")
    search = new_search(recipe, dev=dev)
    before, after = search.gold, search.store.gold()
    assert same_split(after.train, before.train)
    assert (after.dev is None) == (dev == 0)
    assert after.dev is None or same_split(after.dev, before.dev)
    assert after.detector_plan.hash == before.detector_plan.hash
    assert after.classifier_plan.hash == before.classifier_plan.hash
    assert after.detector_plan.hash != after.classifier_plan.hash
    np.testing.assert_array_equal(
        after.train.matrix(("x", "y/z")), np.column_stack([before.train.labels["x"], before.train.labels["y/z"]])
    )


def test_gold_holds_no_text(search):
    content = (search.folder / "gold.safetensors").read_bytes()
    assert b"train5" in content
    assert b"text" not in content.replace(b"texts", b"")


def test_gold_keeps_which_rows_repeat_a_text(search):
    train, dev = search.corpus.train, search.corpus.dev
    plan = search.gold.detector_plan
    one = int(plan.validation_rows(0)[0])
    same_fold, other_fold = int(plan.validation_rows(0)[1]), int(plan.validation_rows(1)[0])
    texts = list(train.texts)
    texts[same_fold] = texts[other_fold] = texts[one]
    splits = {
        "train": dataclasses.replace(train, texts=tuple(texts)),
        "dev": dataclasses.replace(dev, texts=(texts[7], *dev.texts[1:])),
    }
    assert search.gold.repeated_in_folds == search.gold.repeated_in_dev == ()
    gold = gold_of(dataclasses.replace(search.corpus, splits=splits), plan, plan)
    pairs = {frozenset(pair) for pair in gold.repeated_in_folds}
    assert pairs
    assert all(f"train{other_fold}" in pair for pair in pairs)
    assert [pair[0] for pair in gold.repeated_in_dev] == ["dev0"]
    stored = codec.decode_arrays(codec.encode_arrays(*gold.to_parts()))
    again = type(gold).from_parts(*stored)
    assert again.repeated_in_folds == gold.repeated_in_folds
    assert again.repeated_in_dev == gold.repeated_in_dev


def test_a_dev_split_without_gold_is_no_gold(search):
    corpus = search.corpus
    blind = dataclasses.replace(corpus.splits["dev"], labels={})
    corpus = dataclasses.replace(corpus, splits={**corpus.splits, "dev": blind})
    assert gold_of(corpus, search.gold.detector_plan, search.gold.classifier_plan).dev is None


@pytest.mark.parametrize("content", [None, b"", b"torn"])
def test_missing_or_damaged_gold_is_named_with_a_remedy(search, content):
    path = search.folder / "gold.safetensors"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(StoreError, match=r"must hold an undamaged gold.safetensors, but there is none\n  Remedy: Rest"):
        search.store.gold()


@pytest.mark.parametrize(
    "forge",
    [
        lambda header: header.pop("plans"),
        lambda header: header["plans"].pop("classifier"),
        lambda header: header["plans"]["detector"].update(count=7),
        lambda header: header["plans"]["detector"].update(count="3"),
        lambda header: header["splits"].pop("train"),
        lambda header: header["splits"]["train"].update(labels=["absent"]),
        lambda header: header.update(splits=[]),
        lambda header: header["splits"]["train"]["ids"].pop(),
        lambda header: header["splits"]["train"].update(ids=3),
    ],
)
def test_forged_gold_is_damaged_gold(search, forge):
    header, arrays = search.gold.to_parts()
    forge(header)
    (search.folder / "gold.safetensors").write_bytes(codec.encode_arrays(header, arrays))
    with pytest.raises(StoreError, match=r"must hold an undamaged gold"):
        search.store.gold()


# -- records --------------------------------------------------------------------------------------------------


def test_a_failure_says_whose_fault_it_is(search, recipe_of):
    trial = search.trial(recipe_of(), 0)
    assert search.failure(trial, WORKER_LOST).is_infrastructure
    assert not search.failure(trial).is_infrastructure


@pytest.mark.parametrize(
    ("reached", "last"),
    [
        ([None, None, None], 2),
        ([("detector", 50)] * 3, 2),
        ([("detector", 50), ("detector", 30), ("detector", 10)], 2),
        ([("detector", 50), ("detector", 60), ("classifier", 1), ("classifier", 7)], None),
        ([("detector", 50), ("detector", 60), ("detector", 55), ("detector", 60)], 3),
        ([("classifier", 5), ("detector", 60), ("classifier", 5)], 2),
        ([None, ("detector", 1), ("detector", 1)], None),
        ([("detector", 9)] * (MAX_LOSSES - 1), None),
    ],
)
def test_a_fold_is_given_up_when_it_loses_workers_without_getting_further(search, recipe_of, reached, last):
    trial = search.trial(recipe_of(), 0)
    lost = [
        dataclasses.replace(search.failure(trial, WORKER_LOST, attempt), reached=where)
        for attempt, where in enumerate(reached)
    ]
    assert given_up(lost[::-1]) == (None if last is None else lost[last])
    error = search.failure(trial, "ValueError", len(lost))
    assert given_up([error]) == error
    assert given_up([]) is None


@pytest.mark.parametrize("kind", [FoldRecord, FailureRecord])
def test_records_hold_what_json_can(search, recipe_of, kind):
    trial = search.trial(recipe_of(), 0)
    record = search.record(trial) if kind is FoldRecord else search.failure(trial)
    assert kind.from_json(codec.decode_json(codec.encode_json(record.to_json()))) == record
