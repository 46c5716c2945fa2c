"""Kept scores: the numbers of an outcome, and when an entry no longer counts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.store.made_recipes import regression, three_classes
from tune_polar.data.columns import label_column
from tune_polar.evaluate import configuration_scores as scores_module
from tune_polar.evaluate.configuration_scores import StoredScores, scores_of
from tune_polar.evaluate.outcome import outcome_of
from tune_polar.evaluate.summary import summarise
from tune_polar.recipe.cells import Cell
from tune_polar.store.codec import decode_json
from tune_polar.store.own_key import own_key

RULES = {"decide.kinds.rule": ("max_f1", "fixed")}


@pytest.fixture
def kept(search, recipe_of):
    """A finished configuration, its fold records as read, and its scores."""
    configuration = search.put(recipe_of())
    predictions = search.predictions(configuration)
    scores = scores_of(outcome_of(configuration.recipe, search.gold.splits, predictions.cells, RULES))
    return search, configuration, search.store.folds(), scores


def stored(search, gold=None, cells=None, alternatives=RULES) -> StoredScores:
    found = StoredScores(search.store, gold or search.gold, cells or search.cells, alternatives)
    found.load()
    return found


def test_scores_are_the_numbers_of_the_outcome(kept):
    search, configuration, _, scores = kept
    outcome = outcome_of(configuration.recipe, search.gold.splits, search.predictions(configuration).cells, RULES)
    assert scores.metric == "macro_f1"
    assert scores.cells == search.cells
    assert [each.score for each in scores.alternatives] == [each.scored.score for each in outcome.alternatives]
    assert scores.score == outcome.score
    assert scores.as_written == outcome.proposed.score
    assert scores.best.settings == outcome.settings()
    assert scores.best.cell_scores == outcome.best.scored.cell_scores
    assert scores.decisions == {name: each.cross_fitted.score for name, each in outcome.decisions.items()}
    changed = next(each for each in scores.alternatives if each.changes)
    assert changed.changes == {"decide.kinds.rule": "fixed"}
    assert changed.settings["decide.kinds.rule"] == "fixed"
    assert changed.settings["decide.kinds.at"] == {"x": 0.5, "y/z": 0.5}


@pytest.mark.parametrize("make", [three_classes, regression])
def test_scores_of_every_shape_come_back(new_search, make):
    search = new_search(make(seeds=(42, 7)))
    configuration = search.finish(search.configuration())
    folds = search.store.folds()
    outcome = outcome_of(configuration.recipe, search.gold.splits, search.predictions(configuration).cells)
    stored(search, alternatives={}).put(configuration, folds, scores_of(outcome))
    assert stored(search, alternatives={}).get(configuration, folds) == scores_of(outcome)
    assert len(scores_of(outcome).best.cell_scores) == 6


def test_what_was_kept_is_found_by_a_fresh_record_and_by_one_that_was_read(kept):
    search, configuration, folds, scores = kept
    fresh = [search.record(configuration, cell) for cell in search.cells]
    stored(search).put(configuration, fresh, scores)
    for records in (fresh, folds, folds[::-1]):
        assert stored(search).get(configuration, records) == scores


def test_an_entry_counts_for_nothing_else(kept, new_search, recipe_of, monkeypatch):
    search, configuration, folds, scores = kept
    stored(search).put(configuration, folds, scores)
    train = search.gold.train
    turned = {**train.columns, "x": label_column((1 - train.values("x")).tolist())}
    other_gold = dataclasses.replace(
        search.gold, splits={**search.gold.splits, "train": dataclasses.replace(train, columns=turned)}
    )
    other = search.configuration(recipe=recipe_of(decide__vote__k=3))
    assert stored(search).get(other, folds) is None
    assert stored(search, gold=other_gold).get(configuration, folds) is None
    assert stored(search, alternatives={}).get(configuration, folds) is None
    assert stored(search, alternatives={"decide.kinds.rule": ("max_f1",)}).get(configuration, folds) is None
    assert stored(search, cells=search.cells[:2]).get(configuration, folds) is None
    assert stored(search, cells=(*search.cells, Cell(0, 7))).get(configuration, folds) is None
    assert stored(search).get(configuration, folds[:2]) is None
    trained_anew = [dataclasses.replace(folds[0], stages={**folds[0].stages, "finder": "0" * 32}), *folds[1:]]
    assert stored(search).get(configuration, trained_anew) is None
    monkeypatch.setattr(scores_module, "SCORING_VERSION", 99)
    assert stored(search).get(configuration, folds) is None
    monkeypatch.undo()
    assert stored(search).get(configuration, folds) == scores


def test_other_plans_make_other_scores(kept):
    search, configuration, folds, scores = kept
    stored(search).put(configuration, folds, scores)
    plan = search.gold.plans["finder"]
    swapped = dataclasses.replace(plan, training=plan.training[[1, 0, 2]], validation=plan.validation[[1, 0, 2]])
    gold = dataclasses.replace(search.gold, plans=dict.fromkeys(search.gold.plans, swapped))
    assert stored(search, gold=gold).get(configuration, folds) is None


def test_scores_of_an_unfinished_configuration_are_not_kept(kept):
    search, configuration, folds, scores = kept
    stored(search).put(configuration, folds[:2], scores)
    assert search.store.files.names("derived") == []


def test_entries_are_plain_and_name_their_keys(kept):
    search, configuration, folds, scores = kept
    stored(search).put(configuration, folds, scores)
    (path,) = (search.folder / "derived").iterdir()
    entry = decode_json(path.read_bytes())
    assert path.name == f"{configuration.id}-{entry['key'][:16]}-{own_key().mark}.json"
    assert entry["scores"]["cells"][0] == {"fold": 0, "seed": 42}


def test_kept_scores_read_no_stage_and_say_the_same(search, recipe_of):
    search.put(recipe_of())
    first = summarise(search.store, "scores").best.scores
    for path in (search.folder / "stages").iterdir():
        path.write_bytes(bytes(path.stat().st_size))
    assert summarise(search.store, "scores").best.scores == first
    assert np.isfinite(first.score)
