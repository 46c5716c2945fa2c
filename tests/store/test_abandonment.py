"""A configuration that racing gave up: its record, and what status, merge and checks make of it."""

from __future__ import annotations

import dataclasses
import json

import pytest

from tune_polar.evaluate.coded_checks import checks_of
from tune_polar.evaluate.correction import corrected_best
from tune_polar.evaluate.summary import summarise
from tune_polar.recipe.cells import Cell
from tune_polar.store.abandonment import Abandonment, StoppedAt
from tune_polar.store.merge import merge
from tune_polar.store.store import open_store

DONE = (Cell(0, 42), Cell(1, 42))


def given_up(configuration_id: str, **changes: object) -> Abandonment:
    record = Abandonment(configuration_id, "model", DONE, None, 0.4, 0.02, 0.01, "b" * 12, 0.5)
    return dataclasses.replace(record, **changes)


def test_a_record_reads_as_it_was_written(search, recipe_of):
    record = given_up(search.put(recipe_of(), folds=(0, 1)).id, within=StoppedAt(Cell(2, 42), "finder", 75))
    assert not search.store.is_abandoned(record.configuration_id)
    assert search.store.put_abandonment(record)
    assert not search.store.put_abandonment(record)
    assert search.store.abandonments() == [record]
    assert search.store.is_abandoned(record.configuration_id)


@pytest.mark.parametrize(
    "changes",
    [
        {"configuration_id": "../up"},
        {"predicted": float("nan")},
        {"chance": 1.5},
        {"incumbent_score": float("inf")},
        {"cells": ("0",)},
        {"cells": [{"fold": "0", "seed": 42}]},
        {"within": (0, "x", 1)},
        {"within": {"cell": {"fold": 0, "seed": 42}, "stage": "x", "step": -1}},
    ],
)
def test_a_record_that_says_nonsense_is_set_aside(search, recipe_of, changes):
    data = json.loads(json.dumps(given_up("a" * 12).to_json() | changes))
    with pytest.raises(ValueError):  # noqa: PT011 (each check has words of its own)
        Abandonment.from_json(data)


def test_it_has_no_score_is_no_fault_and_leaves_a_search_complete(new_search, recipe_of):
    search = new_search(trials=3)
    search.put(recipe_of())
    search.put(recipe_of(finder__optimizer__lr=2e-3), 1)
    stopped = search.put(recipe_of(finder__optimizer__lr=3e-3), 2, folds=(0, 1))
    assert not summarise(search.store).is_complete
    search.store.put_abandonment(given_up(stopped.id))
    summary = summarise(search.store)
    assert [c.state for c in summary.configurations] == ["finished", "finished", "abandoned"]
    assert summary.is_complete
    assert stopped.id not in {c.configuration.id for c in summary.finished}
    assert [record.configuration_id for _, record in summary.abandoned] == [stopped.id]
    assert next(check for check in checks_of(summary) if check.code == "TP004").verdict == "silent"
    corrected = corrected_best(summary)
    assert not isinstance(corrected, str)
    assert corrected.entered == 2


def test_all_its_folds_count_more_than_that_it_was_given_up(search, recipe_of):
    configuration = search.put(recipe_of())
    search.store.put_abandonment(given_up(configuration.id))
    (row,) = summarise(search.store).configurations
    assert (row.state, row.abandonment) == ("finished", None)
    assert row.scores is not None


def test_merged_with_a_search_that_finished_it_it_is_finished(new_search, recipe_of, tmp_path):
    one = new_search(trials=1)
    configuration = one.put(recipe_of(), folds=(0, 1))
    one.store.put_abandonment(given_up(configuration.id))
    other = open_store(tmp_path / "other")
    other.create({**one.store.manifest(), "created": "2026-02-02T00:00:00+00:00", "racing": "none"}, one.gold)
    copy = dataclasses.replace(one, store=other, folder=tmp_path / "other")
    copy.put(recipe_of())
    for name, parts in (("ab", [one.store, other]), ("ba", [other, one.store])):
        target = open_store(tmp_path / name)
        merge(parts, target)
        (row,) = summarise(target).configurations
        assert row.state == "finished"
        assert len(target.abandonments()) == 1


def test_a_search_says_its_rule(search, new_search):
    assert summarise(search.store).facts.racing == "none"
    assert summarise(new_search(seed=1, racing="model").store).facts.racing == "model"
