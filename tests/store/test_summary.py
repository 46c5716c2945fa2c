"""What a store says about its search: states, the best, the published one, and whether all is done."""

from __future__ import annotations

import numpy as np
import pytest

from tune_polar.errors import StoreError
from tune_polar.store.outcome import outcome_of
from tune_polar.store.record import MAX_LOSSES, WORKER_LOST
from tune_polar.store.store import open_store
from tune_polar.store.summary import summarise


def states(search) -> dict[int, str]:
    return {c.configuration.number: c.state for c in summarise(search.store).configurations}


def test_states_of_configurations(search, recipe_of):
    recipes = [recipe_of(detector__lr=lr) for lr in (1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3, 7e-3)]
    search.put(recipes[0], 0)
    search.put(recipes[1], 1, folds=(0, 1))
    search.put(recipes[2], 2, folds=())
    search.put(recipes[3], 3, folds=(0,))
    search.store.put_failure(search.failure(search.trial(recipes[3], 1)))
    search.put(recipes[4], 4, folds=(0,))
    search.store.put_failure(search.failure(search.trial(recipes[4], 1), WORKER_LOST))
    search.put(recipes[5], 5, folds=())
    for attempt in range(MAX_LOSSES):
        search.store.put_failure(search.failure(search.trial(recipes[5], 1), WORKER_LOST, attempt))
    search.put(recipes[6], 6)
    search.store.put_failure(search.failure(search.trial(recipes[6], 1), WORKER_LOST))
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
    assert summary.configurations[1].seconds == 4.0
    assert [c.outcome is not None for c in summary.configurations] == [True, *[False] * 5, True]


def test_scores_are_those_of_the_stored_predictions(search, recipe_of):
    configuration = search.put(recipe_of())
    (found,) = summarise(search.store).configurations
    assert found.outcome.score == outcome_of(search.predictions(configuration)).score


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
    key = search.trial(configuration.recipe, 1).detector_key
    (search.folder / "stages" / f"{key}.safetensors").write_bytes(b"torn")
    (found,) = summarise(search.store).configurations
    assert found.state == "incomplete"
    assert found.predictions.missing_folds == (1,)


def test_predictions_that_cannot_be_scored_make_a_configuration_infeasible(search, recipe_of, with_arrays):
    recipe = recipe_of()
    search.put(recipe, folds=(0, 1))
    trial = search.trial(recipe, 2)
    search.store.put_stage(search.stage(trial, "detector"))
    good = search.stage(trial, "classifier", trial.detector_key)
    search.store.put_stage(with_arrays(good, probability=np.full_like(good.arrays["probability"], 1.5)))
    search.store.put_fold(search.record(trial))
    (found,) = summarise(search.store).configurations
    assert (found.state, found.outcome) == ("infeasible", None)


def test_the_best_comes_first_and_ties_go_to_the_one_proposed_first(search, recipe_of):
    first, second, other = recipe_of(), recipe_of(decision__k=3), recipe_of(classifier__lr=2e-3)
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
    assert summary.published.configuration.number == 2


def test_a_search_without_a_finished_configuration_has_no_best(search, recipe_of):
    search.put(recipe_of(), folds=(0,), origin="sampled")
    summary = summarise(search.store)
    assert (summary.best, summary.published, summary.finished) == (None, None, ())


def test_a_search_is_complete_when_every_planned_configuration_has_ended(new_search, recipe_of):
    search = new_search(trials=2)
    assert not summarise(search.store).is_complete
    search.put(recipe_of())
    assert not summarise(search.store).is_complete
    bad = recipe_of(detector__lr=2e-3)
    search.put(bad, 1, folds=(0,))
    assert not summarise(search.store).is_complete
    search.store.put_failure(search.failure(search.trial(bad, 1)))
    assert summarise(search.store).is_complete


def test_rules_that_are_searched_are_all_decided_by(new_search, recipe_of):
    rule = {"type": "categorical", "choices": ["max_f1", "fixed", "prevalence_match"]}
    search = new_search(space={"name": "mini", "parameters": {"decision.threshold_rule": rule}})
    search.put(recipe_of(decision__threshold_rule="prevalence_match"))
    (found,) = summarise(search.store).configurations
    assert [decided.rule for decided in found.outcome.decisions] == ["prevalence_match", "max_f1", "fixed"]
    assert found.outcome.score == max(decided.score for decided in found.outcome.decisions)


def test_the_objective_is_the_recipes(new_search, detector_recipe_of):
    search = new_search(detector_recipe_of())
    assert summarise(search.store).objective == "detector"


def test_a_summary_can_be_made_again_from_a_copy(search, recipe_of, tmp_path):
    search.put(recipe_of())
    before = summarise(search.store)
    moved = search.folder.rename(tmp_path / "moved")
    after = summarise(open_store(moved))
    assert after.best.outcome.score == before.best.outcome.score
    assert after.url == str(moved)


def test_the_facts_of_the_manifest(search):
    summary = summarise(search.store)
    assert summary.facts.rows == {"train": 48, "dev": 14}
    assert summary.facts.detector_plan == summary.gold.detector_plan.hash
    assert summary.facts.recipe.recipe == "mini"


@pytest.mark.parametrize(
    "damage", [{"data": []}, {"trials": "many"}, {"space": {"parameters": []}}, {"versions": None}, {"inputs": {}}]
)
def test_a_manifest_of_something_else_is_named(new_search, damage):
    search = new_search(**damage)
    with pytest.raises(
        StoreError, match=r"manifest.json must describe a search, but: .*(.|\n)*Remedy: Give the folder"
    ):
        summarise(search.store)


@pytest.mark.parametrize("name", ["manifest.json", "gold.safetensors"])
def test_without_manifest_or_gold_there_is_no_summary(search, name):
    (search.folder / name).unlink()
    with pytest.raises(StoreError, match=name):
        summarise(search.store)
