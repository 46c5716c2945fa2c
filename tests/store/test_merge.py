"""Searches that never met become one, whichever way round and however often."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store.made_recipes import two_stages
from tune_polar.data.columns import label_column
from tune_polar.errors import StoreError
from tune_polar.evaluate.summary import summarise
from tune_polar.recipe.recorded import recipe_to_json
from tune_polar.store.codec import encode_arrays
from tune_polar.store.gold import Gold
from tune_polar.store.merge import merge, merged_manifest
from tune_polar.store.store import open_store


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a store but for what is not part of its records."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in ("lease", "derived")
    }


@pytest.fixture
def other_machine(tmp_path: Path) -> Callable[..., object]:
    """A search like another one, in a store of its own, run elsewhere."""

    def make(search, name: str = "other", host: str = "far", gold: Gold | None = None, **changes: object):
        folder = tmp_path / name
        store = open_store(folder)
        manifest = {**search.store.manifest(), "created": "2026-02-02T00:00:00+00:00", "seed": 1, **changes}
        store.create(manifest, gold or search.gold)
        provenance = dataclasses.replace(search.provenance, host=host)
        return dataclasses.replace(search, store=store, folder=folder, seed=99, provenance=provenance)

    return make


@pytest.fixture
def halves(new_search, recipe_of, other_machine) -> tuple:
    """Two searches of three configurations each; the published one in both."""
    one = new_search(trials=3)
    other = other_machine(one)
    for search, lrs in ((one, (2e-3, 3e-3)), (other, (4e-3, 5e-3))):
        search.put(recipe_of())
        for number, lr in enumerate(lrs, start=1):
            search.put(recipe_of(finder__optimizer__lr=lr), number, origin="sampled")
    return one, other


def test_merged_searches_say_what_their_records_say_in_any_order_and_however_often(halves, tmp_path):
    one, other = halves
    stores = {"a": one.store, "b": other.store}
    trees = []
    for n, order in enumerate(["ab", "ba", "aab", "bab"]):
        folder = tmp_path / f"merged{n}"
        merge([stores[name] for name in order], open_store(folder))
        trees.append(tree(folder))
        again = merge([stores[name] for name in reversed(order)], open_store(folder))
        assert again.copied == 0
        assert tree(folder) == trees[-1]
    assert all(each == trees[0] for each in trees)
    merged = summarise(open_store(tmp_path / "merged0"))
    parts = [summarise(store) for store in stores.values()]
    assert [c.configuration.number for c in merged.configurations] == [0, 1, 1, 2, 2]
    assert merged.is_complete
    assert merged.facts.trials == 5
    scores = {c.configuration.id: c.scores.score for part in parts for c in part.configurations[1:]}
    assert {c.configuration.id: c.scores.score for c in merged.configurations[1:]} == scores
    published = {part.configurations[0].scores.score for part in parts}
    assert len(published) == 2  # trained on both machines, with other noise
    assert {fold.provenance.host for fold in merged.configurations[0].folds} <= {"lab-1", "far"}
    assert len([name for name in trees[0] if name.startswith("replicates/")]) == 9  # 3 folds, 6 stages


def test_merging_merges_is_merging_their_parts(halves, other_machine, recipe_of, tmp_path):
    one, other = halves
    third = other_machine(one, "third", "third", created="2025-01-01T00:00:00+00:00")
    third.put(recipe_of())
    stores = [one.store, other.store, third.store]
    at_once = open_store(tmp_path / "at once")
    merge(stores, at_once)
    for n, (first, second, last) in enumerate(itertools.permutations(stores)):
        pair, whole = open_store(tmp_path / f"pair{n}"), open_store(tmp_path / f"whole{n}")
        merge([first, second], pair)
        merge([last, pair], whole)
        assert tree(tmp_path / f"whole{n}") == tree(tmp_path / "at once")
    manifest = at_once.manifest()
    assert manifest["created"] == "2025-01-01T00:00:00+00:00"
    assert [part["created"][:4] for part in manifest["merged"]] == ["2025", "2026", "2026"]
    assert manifest["trials"] == 7


@pytest.mark.parametrize("who", ["one", "other", "both"])
def test_points_to_try_are_those_of_the_search_begun_first_in_any_order(search, other_machine, tmp_path, who):
    lr = "sorter.optimizer.lr"
    told = {"one": {"tried": [{lr: 1e-2}]}, "other": {"tried": [{lr: 2e-2}]}}
    own = told if who == "both" else {who: told[who]}
    early = other_machine(search, "early", created="2026-01-01T00:00:00+00:00", **own.get("one", {}))
    late = other_machine(search, "late", created="2026-02-01T00:00:00+00:00", **own.get("other", {}))
    third = other_machine(search, "third", "third", created="2026-03-01T00:00:00+00:00")
    stores = [early.store, late.store, third.store]
    trees = []
    for n, (first, second, last) in enumerate(itertools.permutations(stores)):
        pair, whole = open_store(tmp_path / f"pair{n}"), open_store(tmp_path / f"whole{n}")
        merge([first, second], pair)
        merge([second, first], pair)
        merge([last, pair], whole)
        merge([last, second, first], whole)
        trees.append(tree(tmp_path / f"whole{n}"))
    assert all(each == trees[0] for each in trees)
    manifest = whole.manifest()
    assert manifest.get("tried") == own.get("one", {}).get("tried")
    assert [part.get("tried") for part in manifest["merged"]] == [own.get(n, {}).get("tried") for n in told] + [None]


@pytest.mark.parametrize("damaged", [3, {}, [3], None])
def test_points_to_try_that_are_none_are_refused(search, damaged):
    with pytest.raises(StoreError, match=r"manifest\.json must describe a search, but it says nothing of tried"):
        merged_manifest({"here": {**search.store.manifest(), "tried": damaged}})


def test_what_came_later_is_added(halves, recipe_of, tmp_path):
    one, other = halves
    target = open_store(tmp_path / "merged")
    merge([one.store, other.store], target)
    one.put(recipe_of(finder__optimizer__lr=9e-3), 3, origin="sampled")
    done = merge([other.store, one.store], target)
    assert done.copied == 10  # a configuration, three folds, six stages
    assert len(target.configurations()) == 6


def test_the_sources_are_only_read(halves, tmp_path):
    one, other = halves
    before = tree(one.folder), tree(other.folder)
    (damaged,) = other.folder.glob("folds/*-f1-*.json".replace("*-f1", f"{other.store.configurations()[1].id}-f1"))
    damaged.write_bytes(b"torn")
    (other.folder / "folds" / "..json").write_bytes(b"")
    (other.folder / "folds" / "not ours.json").write_bytes(b"{}")
    done = merge([one.store, other.store], open_store(tmp_path / "merged"))
    assert done.damaged == 1
    assert damaged.read_bytes() == b"torn"
    assert tree(one.folder) == before[0]
    assert not (tmp_path / "merged/folds/not ours.json").exists()
    assert not (other.folder / "damaged").exists()


def test_a_record_damaged_in_one_store_is_taken_from_the_other(halves, tmp_path, caplog):
    one, other = halves
    for search, fold in ((one, 1), (other, 2)):
        (path,) = search.folder.glob(f"folds/{search.store.configurations()[0].id}-f{fold}-*.json")
        path.write_bytes(path.read_bytes()[:-30])
    with caplog.at_level(logging.WARNING):
        merge([one.store, other.store], open_store(tmp_path / "merged"))
    assert caplog.text.count("is left out: not a record") == 2
    assert summarise(open_store(tmp_path / "merged")).configurations[0].state == "finished"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda m: {"data": {**m["data"], "fingerprint": "0" * 64}},
            r"must agree in data.fingerprint, got '.* in .*store0 and '0000",
        ),
        (
            lambda m: {"inputs": {**m["inputs"], "finder": {**m["inputs"]["finder"], "folds": ["p"]}}},
            r"must agree in inputs.finder.folds, got \['.* in .* and \['p'\] in",
        ),
        (
            lambda m: {"inputs": {**m["inputs"], "sorter": {**m["inputs"]["sorter"], "encoder": "e"}}},
            "must agree in inputs.sorter.encoder, got 'tiny:e' in .* and 'e' in",
        ),
        (lambda m: {"cells": m["cells"][:2]}, "must agree in cells"),
        (lambda m: {"variant_inputs": {"wide": m["inputs"]}}, "must agree in variant_inputs"),
        (
            lambda m: {"recipe": recipe_to_json(two_stages(finder__optimizer__lr=0.5))},
            r"must agree in finder.optimizer.lr, got 0.001 in .*store0 and 0.5 in .*other",
        ),
        (
            lambda m: {"recipe": recipe_to_json(two_stages(decide__vote__k=3))},
            r"must agree in recipe.decide.vote.k, got 5 in .*store0 and 3 in .*other",
        ),
        (lambda m: {"space": {"name": "wide", "parameters": []}}, "must agree in space.name, got 'small' in"),
        (lambda m: {"kind": "ablation"}, "must agree in kind, got 'search' in .* and 'ablation' in"),
    ],
)
def test_searches_that_differ_are_refused_and_the_key_is_named(search, other_machine, tmp_path, change, message):
    other = other_machine(search, **change(search.store.manifest()))
    with pytest.raises(StoreError, match=message):
        merge([search.store, other.store], open_store(tmp_path / "merged"))
    assert not (tmp_path / "merged").exists()


def test_searches_at_two_commits_of_an_encoder_are_told_how_to_begin(search):
    def pinned(commit):
        hub = {"encoder__name": "org/encoder", "encoder__revision": commit}
        return {**search.store.manifest(), "recipe": recipe_to_json(two_stages(**hub))}

    with pytest.raises(StoreError, match=r"must agree in recipe\.encoder\.revision") as refused:
        merged_manifest({"here": pinned("a" * 40), "there": pinned("b" * 40)})
    assert f"--set encoder.revision={'a' * 40}." in refused.value.remedy


def test_searches_with_other_gold_of_dev_are_refused(search, other_machine, tmp_path):
    dev = search.gold.splits["dev"]
    turned = {**dev.columns, "hurt": label_column((1 - dev.values("hurt")).tolist())}
    splits = {**search.gold.splits, "dev": dataclasses.replace(dev, columns=turned)}
    other = other_machine(search, gold=dataclasses.replace(search.gold, splits=splits))
    with pytest.raises(StoreError, match="must agree in gold"):
        merge([search.store, other.store], open_store(tmp_path / "merged"))


OWN = ["created", "command", "trials", "seed", "profile", "versions", "racing", "machines", "data"]


@pytest.mark.parametrize("absent", OWN)
def test_a_manifest_that_says_nothing_of_its_search_is_named(search, absent):
    manifest = {key: value for key, value in search.store.manifest().items() if key != absent}
    with pytest.raises(StoreError, match=f"manifest.json must describe a search, but it says nothing of {absent}"):
        merged_manifest({"here": manifest})
    with pytest.raises(StoreError, match="must describe a search"):
        merged_manifest({"here": {**manifest, "merged": []}})


def test_a_record_that_fits_no_gold_never_takes_the_name_of_one_that_does(halves, recipe_of, tmp_path, caplog):
    """Whichever of the two has the smaller hash."""
    one, other = halves
    record = one.stage(one.configuration(), "finder", one.cells[0])
    name = f"stages/{record.key}.safetensors"
    for attempt in range(4):
        bad = dataclasses.replace(record, fold=1, seconds=float(attempt))
        (other.folder / name).write_bytes(encode_arrays(bad.header(), bad.arrays))
        target = tmp_path / f"merged{attempt}"
        assert merge([one.store, other.store], open_store(target)).damaged == 1
        assert (target / name).read_bytes() == (one.folder / name).read_bytes()
        assert not list(target.glob(f"replicates/stages/{record.key}*"))
    assert "is left out: its rows must be those that fold 1 validates" in caplog.text


def test_a_target_with_another_search_is_left_alone(halves, new_search, recipe_of, tmp_path):
    one, other = halves
    stranger = new_search(seed=1)
    stranger.put(recipe_of())
    before = tree(stranger.folder)
    for target in (stranger, one):
        with pytest.raises(StoreError, match="must be new or an earlier merge of the same searches"):
            merge([one.store, other.store], target.store)
    assert tree(stranger.folder) == before


def test_trials_of_ablations_are_not_added_up(search, other_machine):
    manifests = {"a": {**search.store.manifest(), "kind": "ablation", "trials": 4}}
    manifests["b"] = {**manifests["a"], "created": "2027"}
    assert merged_manifest(manifests)["trials"] == 4


def other_label(gold: Gold) -> Gold:
    """One label of one row turned."""
    (name, column), *_ = gold.train.columns.items()
    values = column.values.copy()
    values[5] = 1 - values[5]
    columns = {**gold.train.columns, name: dataclasses.replace(column, values=values)}
    return dataclasses.replace(gold, splits={**gold.splits, "train": dataclasses.replace(gold.train, columns=columns)})


def other_id(gold: Gold) -> Gold:
    ids = (*gold.train.ids[:3], "somebody", *gold.train.ids[4:])
    return dataclasses.replace(gold, splits={**gold.splits, "train": dataclasses.replace(gold.train, ids=ids)})


def other_folds(gold: Gold) -> Gold:
    def turned(plan):
        return dataclasses.replace(plan, training=plan.training[::-1].copy(), validation=plan.validation[::-1].copy())

    return dataclasses.replace(gold, plans={name: turned(plan) for name, plan in gold.plans.items()})


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (other_label, r"of 'train5' in train is \d and \d \(1 rows differ\)"),
        (other_id, "row 3 of train is 'train3' and 'somebody'"),
        (other_folds, "the folds or the texts that repeat are others"),
    ],
)
def test_gold_that_differs_is_told_where(search, other_machine, tmp_path, change, where):
    other = other_machine(search, gold=change(search.gold))
    for stores in ((search.store, other.store), (other.store, search.store)):
        with pytest.raises(StoreError, match=r"must agree in gold: ") as refused:
            merge(stores, open_store(tmp_path / "merged"))
        assert not (tmp_path / "merged").exists()
    assert re.search(where.replace("'train3' and 'somebody'", "'somebody' and 'train3'"), refused.value.problem)


def test_a_record_damaged_since_an_earlier_merge_is_replaced(halves, tmp_path, caplog):
    target = open_store(tmp_path / "merged")
    stores = [each.store for each in halves]
    merge(stores, target)
    whole = tree(tmp_path / "merged")
    for folder in ("folds", "stages", "configurations"):
        for path in (tmp_path / "merged" / folder).iterdir():
            path.write_bytes(b"damaged " + path.read_bytes()[:50])
    merge(stores, target)
    assert {name: content for name, content in tree(tmp_path / "merged").items() if "damaged" not in name} == whole
