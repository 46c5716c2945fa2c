"""What a resume is told is recorded once, holds for later ones, and is told by everyone who reads the store."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from tune_polar.api.machines import machines_as_begun
from tune_polar.evaluate.manifest_facts import manifest_facts, search_id
from tune_polar.store.merge import merge
from tune_polar.store.resume_options import MachineFacts, Resumption
from tune_polar.store.store import open_store

MACHINES = MachineFacts(slots=2, slot_gb=8.0, checkpoint_seconds=60.0, threads=1, keep_weights=3, disk_gb=0.5)


def told(**changes: object) -> Resumption:
    return Resumption(**{"number": 1, "trials": 9, "racing": "none", "machines": MACHINES, **changes})


def names(search) -> list[str]:
    return sorted(path.name for path in (search.folder / "resumes").glob("*"))


def test_the_last_one_counts_and_what_changes_nothing_is_not_written(search):
    before = search.store.manifest()
    assert search.store.manifest_as_told() == before
    search.store.put_resumption(told())
    search.store.put_resumption(told())
    assert names(search) == ["000001.json"]
    search.store.put_resumption(told(trials=4))
    search.store.put_resumption(told(racing="model"))
    assert names(search) == ["000001.json", "000002.json", "000003.json"]

    facts = manifest_facts(search.store.manifest_as_told(), "store")
    assert (facts.trials, facts.racing, facts.machines) == (9, "model", MACHINES)
    assert search.store.manifest() == before
    assert search_id(search.store.manifest()) == search_id(before)


def test_what_the_manifest_says_needs_no_record(search):
    about = manifest_facts(search.store.manifest(), "store")
    manifest = search.store.manifest() | {"machines": asdict(about.machines)}
    (search.folder / "manifest.json").unlink()
    search.store.create(manifest, search.store.gold())
    search.store.put_resumption(Resumption(1, about.trials, about.racing, about.machines))
    assert names(search) == []


def test_status_and_the_next_resume_know_it(new_search, recipe_of):
    search = new_search(trials=1)
    search.put(recipe_of())
    assert search.summary().is_complete
    search.store.put_resumption(told())
    assert (search.summary().planned, search.summary().is_complete) == (9, False)

    place = str(search.folder)
    machines = machines_as_begun(place, None, None, None, None)
    assert machines.recorded(machines.threads) == MACHINES
    machines = machines_as_begun(place, 1, 6.0, None, 5, 0, 2.0)
    assert machines.recorded(machines.threads) == MachineFacts(1, 6.0, 5.0, None, 0, 2.0)


def test_a_damaged_one_is_set_aside_and_the_one_before_counts(search):
    search.store.put_resumption(told())
    search.store.put_resumption(told(trials=12))
    last = search.folder / "resumes/000002.json"
    last.write_bytes(last.read_bytes().replace(b"12", b"13"))
    assert open_store(search.folder, to_look=True).manifest_as_told()["trials"] == 9
    assert last.exists()
    assert search.store.manifest_as_told()["trials"] == 9
    assert not last.exists()
    search.store.put_resumption(told(trials=15))
    assert search.store.manifest_as_told()["trials"] == 15


def test_one_under_another_name_is_refused(search):
    search.store.put_resumption(told())
    (search.folder / "resumes/000001.json").rename(search.folder / "resumes/000007.json")
    assert search.store.manifest_as_told() == search.store.manifest()


@pytest.mark.parametrize(
    "changes",
    [
        {"number": 0},
        {"number": True},
        {"trials": 0},
        {"trials": "9"},
        {"trials": None},
        {"racing": "../up"},
        {"racing": None},
        {"machines": None},
        {"machines": {"slots": 0}},
        {"machines": {"slot_gb": "8"}},
        {"machines": {"keep_weights": -1}},
        {"machines": {"disk_gb": 0}},
    ],
)
def test_nonsense_is_no_record(changes):
    data = json.loads(json.dumps(told().to_json() | changes))
    with pytest.raises(ValueError):  # noqa: PT011 (each check has words of its own)
        Resumption.from_json(data)


def test_a_merge_is_of_searches_as_they_were_begun(new_search, recipe_of, tmp_path):
    search = new_search(trials=2)
    search.put(recipe_of())
    target = open_store(tmp_path / "merged")
    merge([search.store], target)
    search.store.put_resumption(told())
    target.put_resumption(told(trials=5))
    assert merge([search.store, target], target).searches == 1
    assert target.manifest_as_told()["trials"] == 5
