"""What a store says about its search: states, the best, the published one, and whether all is done."""

from __future__ import annotations

import pytest

from tests.store.made_recipes import one_vote, regression, three_classes, two_stages
from tests.store.made_store import finished_store
from tune_polar.errors import DecisionError, StoreError
from tune_polar.evaluate import summary as summary_of_search
from tune_polar.evaluate.outcome import outcome_of
from tune_polar.evaluate.summary import summarise
from tune_polar.recipe.cells import Cell
from tune_polar.store.codec import encode_json
from tune_polar.store.failures import MAX_LOSSES, WORKER_LOST
from tune_polar.store.store import open_store
from tune_polar.store.training_facts import MemoryUse


def states(search) -> dict[int, str]:
    return {c.configuration.number: c.state for c in summarise(search.store).configurations}


def test_states_of_configurations(search, recipe_of):
    recipes = [recipe_of(finder__optimizer__lr=lr) for lr in (1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3, 7e-3)]
    search.put(recipes[0], 0)
    search.put(recipes[1], 1, folds=(0, 1))
    search.put(recipes[2], 2, folds=())
    search.fail(search.put(recipes[3], 3, folds=(0,)), cell=Cell(1, 42))
    search.fail(search.put(recipes[4], 4, folds=(0,)), kind=WORKER_LOST, cell=Cell(1, 42))
    lost = search.put(recipes[5], 5, folds=())
    for attempt in range(MAX_LOSSES):
        search.fail(lost, kind=WORKER_LOST, cell=Cell(1, 42), attempt=attempt)
    search.fail(search.put(recipes[6], 6), kind=WORKER_LOST, cell=Cell(1, 42))
    assert states(search) == {
        0: "finished",
        1: "incomplete",
        2: "incomplete",
        3: "infeasible",
        4: "incomplete",
        5: "infeasible",
        6: "finished",
    }
    summary = summarise(search.store)
    assert [c.configuration.number for c in summary.configurations] == list(range(7))
    assert {c.configuration.number for c in summary.finished} == {0, 6}
    assert [len(c.folds) for c in summary.configurations] == [3, 2, 0, 1, 1, 0, 3]
    assert [len(c.failures) for c in summary.configurations] == [0, 0, 0, 1, 1, 3, 1]
    assert summary.configurations[1].seconds == 122.0
    assert [c.outcome is not None for c in summary.configurations] == [True, *[False] * 5, True]


def test_scores_are_those_of_the_stored_predictions(search, recipe_of):
    configuration = search.put(recipe_of())
    (found,) = summarise(search.store).configurations
    predictions = search.predictions(configuration)
    outcome = outcome_of(configuration.recipe, search.gold.splits, predictions.cells)
    assert found.outcome.score == found.scores.score == outcome.score


def test_states_without_scores_read_no_stage(search, recipe_of):
    search.put(recipe_of())
    for path in (search.folder / "stages").iterdir():
        path.unlink()
    (found,) = summarise(search.store, "states").configurations
    assert (found.state, found.predictions, found.outcome) == ("finished", None, None)
    (found,) = summarise(search.store).configurations
    assert (found.state, found.outcome) == ("incomplete", None)


def test_a_finished_configuration_whose_stage_is_damaged_is_incomplete(search, recipe_of):
    configuration = search.put(recipe_of())
    key = search.key(configuration, "finder", Cell(1, 42))
    (search.folder / "stages" / f"{key}.safetensors").write_bytes(b"torn")
    (found,) = summarise(search.store).configurations
    assert found.state == "incomplete"
    assert found.predictions.missing_cells == (Cell(1, 42),)


def test_predictions_that_cannot_be_scored_make_a_configuration_infeasible(search, recipe_of, monkeypatch):
    search.put(recipe_of())

    def refuse(*_: object) -> None:
        raise DecisionError("votes must be chosen on two folds, got one", "Use more rows.")

    monkeypatch.setattr(summary_of_search, "outcome_of", refuse)
    for detail in ("scores", "outcomes"):
        (found,) = summarise(search.store, detail).configurations
        assert (found.state, found.outcome, found.scores) == ("infeasible", None, None)
    assert found.predictions.missing_cells == ()


def test_the_best_comes_first_and_ties_go_to_the_one_proposed_first(search, recipe_of):
    first, second, other = recipe_of(), recipe_of(decide__vote__k=3), recipe_of(sorter__optimizer__lr=2e-3)
    search.put(second, 1, origin="sampled")
    search.put(first, 2, origin="published")
    search.put(other, 0, origin="sampled")
    summary = summarise(search.store)
    scores = {c.configuration.number: c.outcome.score for c in summary.configurations}
    assert scores[1] == scores[2]  # k only decides; the stages are the same
    assert scores[0] != scores[1]
    order = [c.configuration.number for c in summary.finished]
    assert order == sorted(scores, key=lambda number: (-scores[number], number))
    assert summary.best.configuration.number == order[0]
    assert summary.reference.configuration.number == 2


def test_a_search_without_a_finished_configuration_has_no_best(search, recipe_of):
    search.put(recipe_of(), folds=(0,), origin="sampled")
    summary = summarise(search.store)
    assert (summary.best, summary.reference, summary.finished) == (None, None, ())


def test_a_search_is_complete_when_every_planned_configuration_has_ended(new_search, recipe_of):
    search = new_search(trials=2)
    assert not summarise(search.store).is_complete
    search.put(recipe_of())
    assert not summarise(search.store).is_complete
    bad = recipe_of(finder__optimizer__lr=2e-3)
    search.put(bad, 1, folds=(0,))
    assert not summarise(search.store).is_complete
    search.fail(search.store.configurations()[1], cell=Cell(1, 42))
    assert summarise(search.store).is_complete


def test_values_that_cost_no_training_are_all_tried(new_search, recipe_of):
    rule = {"type": "categorical", "choices": ["max_f1", "fixed", "prevalence_match"]}
    k = {"type": "int", "low": 1, "high": 7}
    search = new_search(space={"decide.kinds.rule": rule, "decide.vote.k": k})
    search.put(recipe_of(decide__kinds__rule="prevalence_match"))
    summary = summarise(search.store)
    assert summary.alternatives == {"decide.kinds.rule": ("max_f1", "fixed", "prevalence_match")}
    (found,) = summary.configurations
    rules = [each.changes.get("decide.kinds.rule", "own") for each in found.scores.alternatives]
    assert sorted(rules) == ["fixed", "max_f1", "own"]
    scores = [each.score for each in found.scores.alternatives]
    assert scores == sorted(scores, reverse=True)
    assert found.scores.score == scores[0]
    assert found.scores.own.changes == {}
    assert {"decide.vote.k", "decide.vote.tau", "decide.kinds.at"} <= set(found.scores.best.settings)


def test_where_smaller_is_better_the_smallest_is_best(tmp_path):
    made = finished_store(tmp_path / "store", regression(score={"of": "model", "metric": "mae"}))
    summary = made.summary()
    scores = [row.scores.score for row in summary.finished]
    assert scores == sorted(scores)
    assert all(score > 0 for score in scores), "scores are kept as measured"
    assert summary.best.configuration.number == 1, "the one with the most skill"
    assert not summary.metric.larger_is_better


@pytest.mark.parametrize("make", [two_stages, one_vote, three_classes, regression])
@pytest.mark.parametrize("seeds", [(42,), (42, 7)])
def test_recipes_of_every_shape_are_summarised(tmp_path, make, seeds):
    made = finished_store(tmp_path / "store", make(seeds=seeds), (0.5, 0.95, 0.05))
    summary = made.summary()
    assert [row.state for row in summary.configurations] == ["finished"] * 3
    assert [row.configuration.number for row in summary.finished] == [1, 0, 2]
    assert summary.is_complete
    assert len(summary.cells) == 3 * len(seeds)
    assert summary.cells == made.cells
    for row in summary.configurations:
        assert [Cell(fold.fold, fold.seed) for fold in row.folds] == list(made.cells)
        assert len(row.scores.best.cell_scores) == len(row.scores.cells) == len(made.cells)
        assert set(row.scores.decisions) == set(row.configuration.recipe.decide)
    assert [row.scores for row in made.summary("scores").configurations] == [
        row.scores for row in summary.configurations
    ]


def test_evaluation_sets_are_scored_beside(tmp_path):
    summary = finished_store(tmp_path / "store", regression()).summary()
    assert set(summary.best.outcome.judged.scored.splits) == {"dev", "later"}


def test_cells_that_are_not_planned_count_for_nothing(search, recipe_of):
    configuration = search.put(recipe_of(), folds=(0, 1))
    search.store.put_fold(search.record(configuration, Cell(2, 7)))
    (found,) = summarise(search.store).configurations
    assert found.state == "incomplete"
    assert [(fold.fold, fold.seed) for fold in found.folds] == [(0, 42), (1, 42)]


def test_how_stages_were_made_to_fit_is_counted(search, recipe_of):
    configuration = search.configuration()
    parts, plain = MemoryUse(16, 4, False), MemoryUse(16, 16, False)
    for cell, use in zip(search.cells, (parts, parts, plain), strict=True):
        search.finish(configuration, cells=[cell], memory={"finder": use})
    (found,) = summarise(search.store, "states").configurations
    assert found.memory == {("finder", "batch 16 in parts of 4"): 2}


def test_a_summary_can_be_made_again_from_a_copy(search, recipe_of, tmp_path):
    search.put(recipe_of())
    before = summarise(search.store)
    moved = search.folder.rename(tmp_path / "moved")
    after = summarise(open_store(moved))
    assert after.best.outcome.score == before.best.outcome.score
    assert after.url == str(moved)


def test_the_facts_of_the_manifest(search):
    summary = summarise(search.store)
    facts = summary.facts
    assert facts.rows == {"train": 48, "dev": 14}
    assert list(facts.inputs) == list(search.recipe.stages) == ["finder", "sorter"]
    assert facts.inputs["finder"].folds == tuple(search.plans["finder"].hash_of(fold) for fold in range(3))
    assert facts.encoders == {"finder": "tiny:e", "sorter": "tiny:e"}
    assert summary.recipe == search.recipe
    assert (facts.space, list(facts.parameters)) == ("small", ["sorter.optimizer.lr"])
    assert facts.parameters["sorter.optimizer.lr"]["low"] == 1e-4
    assert facts.searched.keys == ("sorter.optimizer.lr",)
    assert (facts.data_name, facts.data_path) == ("made", "/data/made.csv")


def test_an_ablation_has_no_space(new_search):
    facts = summarise(new_search(space={}).store).facts
    assert (facts.kind, facts.space, facts.searched, facts.parameters, facts.alternatives) == (
        "ablation",
        None,
        None,
        {},
        {},
    )


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"data": []}, "data: "),
        ({"trials": "many"}, "trials: "),
        ({"trials": 0}, "trials: "),
        ({"kind": "guess"}, "kind: "),
        ({"space": {"parameters": []}}, "a recorded search space must be one of this version's: name"),
        ({"space": {"name": "x", "parameters": [{"key": "absent.lr"}]}}, "recorded search space|known key"),
        ({"recipe": {"recipe": "x"}}, "a recorded recipe must be one of this version's"),
        ({"versions": None}, "versions: "),
        ({"inputs": {}}, r"inputs must be of the stages \['finder', 'sorter'\], got \[\]"),
        ({"cells": []}, "cells: "),
        ({"cells": [[0, 42], [0, 42]]}, "each cell must be named once"),
        ({"cells": [[0, -1]]}, "cells.0.1"),
        ({"racing": None}, "racing: "),
    ],
)
def test_a_manifest_of_something_else_is_named(new_search, damage, message):
    search = new_search()
    path = search.folder / "manifest.json"
    path.write_bytes(encode_json({**search.store.manifest(), **damage}))
    with pytest.raises(
        StoreError, match=rf"manifest.json must describe a search, but: .*({message})(.|\n)*Remedy: Give the folder"
    ):
        summarise(search.store)


@pytest.mark.parametrize("name", ["manifest.json", "gold.safetensors"])
def test_without_manifest_or_gold_there_is_no_summary(search, name):
    (search.folder / name).unlink()
    with pytest.raises(StoreError, match=name):
        summarise(search.store)
