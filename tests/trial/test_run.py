"""Fold trials over one store: what is trained, what is found again, and what the record says of it."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest
import torch
from graph_bench import CLASSIFIER, ONE_STAGE, TWO_STAGES, Bench, recipe_of

from tune_polar.recipe.recipe import Recipe
from tune_polar.store.records import FoldRecord, StageRecord
from tune_polar.trial import stage_training
from tune_polar.trial.run_fold_trial import fold_trial_steps, run_fold_trial


def run(graph: Bench, recipe: Recipe, fold: int = 0, seed: int | None = None) -> FoldRecord:
    return run_fold_trial(graph.trial(recipe, fold, seed), graph.context(recipe))


def stage(graph: Bench, key: str) -> StageRecord:
    found = graph.store.stage(key)
    assert found is not None
    return found


def one(**changes: object) -> Recipe:
    return recipe_of(ONE_STAGE, **changes)


def two(**changes: object) -> Recipe:
    return recipe_of(TWO_STAGES, **changes)


def test_the_record_names_its_stages_and_their_scores(graph: Bench) -> None:
    recipe = two()
    record = run(graph, recipe, fold=1)
    assert list(record.stages) == ["detector", "classifier"]
    found = {name: stage(graph, key) for name, key in record.stages.items()}
    trial = graph.trial(recipe, 1)
    assert (record.configuration_id, record.fold, record.seed) == (trial.configuration_id, 1, 42)
    assert record.id == trial.id
    assert {name: each.stage for name, each in found.items()} == {name: name for name in found}
    assert (found["detector"].start, found["classifier"].start) == (None, record.stages["detector"])
    assert record.scores == {
        "detector.precision_at_1": found["detector"].best_value,
        "classifier.best_threshold_f1": found["classifier"].best_value,
        "race": record.scores["race"],
    }
    assert record.reused == ()
    assert record.seconds >= sum(each.seconds for each in found.values())
    assert graph.stages() == set(record.stages.values())
    assert FoldRecord.from_json(record.to_json()) == record


def test_a_recipe_of_one_stage_has_one(graph: Bench) -> None:
    record = run(graph, one())
    assert list(record.stages) == ["detector"]
    assert set(record.scores) == {"detector.precision_at_1", "race"}
    assert graph.stages() == set(record.stages.values())


def test_the_second_run_trains_nothing(graph: Bench) -> None:
    recipe = two()
    first = run(graph, recipe)
    written = {path: path.stat().st_mtime_ns for path in graph.folder.rglob("*.safetensors")}
    second = run(graph, recipe)
    assert second.reused == ("detector", "classifier")
    assert (second.scores, second.curve) == (first.scores, first.curve)
    assert list(fold_trial_steps(graph.trial(recipe), graph.context(recipe))) == []
    assert {path: path.stat().st_mtime_ns for path in graph.folder.rglob("*.safetensors")} == written


def test_configurations_that_differ_in_a_later_stage_share_the_first(graph: Bench) -> None:
    first, second = run(graph, two()), run(graph, two(stages__classifier__head__dropout=0.4))
    assert first.configuration_id != second.configuration_id
    assert first.stages["detector"] == second.stages["detector"]
    assert first.stages["classifier"] != second.stages["classifier"]
    assert second.reused == ("detector",)
    assert len(graph.stages()) == 3


def test_decisions_train_nothing(graph: Bench) -> None:
    first, second = run(graph, two()), run(graph, two(decide__polarized__k=5, decide__manifestations__rule="fixed"))
    assert first.configuration_id != second.configuration_id
    assert second.reused == ("detector", "classifier")


@pytest.mark.parametrize(("before", "after"), [(one, two), (two, one)])
def test_recipes_share_the_stages_they_have_in_common(graph: Bench, before: Any, after: Any) -> None:
    first, second = run(graph, before()), run(graph, after())
    assert first.stages["detector"] == second.stages["detector"]
    assert second.reused == ("detector",)


def test_a_shared_stage_gives_what_one_trained_here_would(graph: Bench) -> None:
    run(graph, one())
    found = stage(graph, run(graph, two()).stages["classifier"])
    for folder in ("stages", "weights"):
        for path in (graph.folder / folder).iterdir():
            path.unlink()
    anew = stage(graph, run(graph, two()).stages["classifier"])
    np.testing.assert_array_equal(found.table("validation"), anew.table("validation"))


def weights_of(graph: Bench, key: str) -> Any:
    return graph.folder / "weights" / f"{key}.safetensors"


def test_a_stage_whose_weights_are_gone_is_trained_again_where_another_starts_from_it(
    graph: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    weights = weights_of(graph, run(graph, one()).stages["detector"])
    content = weights.read_bytes()
    weights.unlink()
    assert run(graph, two()).reused == ()
    assert weights.read_bytes() == content
    assert "the weights of stage detector of fold 0 are gone" in caplog.text


def test_lost_weights_do_not_matter_where_nothing_is_to_start_from_them(graph: Bench) -> None:
    key = run(graph, two()).stages["detector"]
    weights_of(graph, key).unlink()
    assert run(graph, one(decide__polarized__k=5)).reused == ("detector",)
    assert run(graph, two(decide__polarized__k=5)).reused == ("detector", "classifier")
    assert run(graph, two(stages__classifier__start=None)).reused == ("detector",)


def test_weights_of_all_stages_are_left(graph: Bench) -> None:
    record = run(graph, two())
    assert graph.store.weights_bytes().keys() == set(record.stages.values())


def test_a_damaged_stage_is_trained_again(graph: Bench) -> None:
    key = run(graph, one()).stages["detector"]
    before = stage(graph, key)
    path = graph.folder / "stages" / f"{key}.safetensors"
    path.write_bytes(path.read_bytes()[:-7])
    assert run(graph, one()).reused == ()
    np.testing.assert_array_equal(before.table("validation"), stage(graph, key).table("validation"))


def test_without_a_start_no_other_stage_is_in_the_key(graph: Bench) -> None:
    base = run(graph, two(stages__classifier__start=None))
    other = run(graph, two(stages__classifier__start=None, stages__detector__optimizer__lr=1e-4))
    assert base.stages["detector"] != other.stages["detector"]
    assert base.stages["classifier"] == other.stages["classifier"]
    assert other.reused == ("classifier",)


def test_best_starts_from_the_fold_with_the_best_value(graph: Bench) -> None:
    recipe = two(stages__classifier__start={"stage": "detector", "fold": "best"})
    record = run(graph, recipe, fold=0)
    keys = [graph.trial(recipe, fold).stage_key("detector", None) for fold in range(3)]
    values = [stage(graph, key).best_value for key in keys]
    best = values.index(max(values))
    assert record.stages["classifier"] == graph.trial(recipe, 0).stage_key("classifier", keys[best])
    assert set(record.stages.values()) <= set(graph.trial(recipe, 0).stage_keys)
    assert len(graph.trial(recipe, 0).stage_keys) == 4
    assert len(graph.stages()) == 4
    assert run(graph, recipe, fold=1).stages["classifier"] == graph.trial(recipe, 1).stage_key("classifier", keys[best])


def test_the_best_fold_of_a_metric_that_should_be_small_has_the_smallest(graph: Bench) -> None:
    first = {
        "task": {"type": "binary", "target": "polarization"},
        "optimizer": {"max_steps": 4, "eval_every_steps": 2},
        "keep": "log_loss",
    }
    stages = {"first": first, "second": {**first, "start": {"stage": "first", "fold": "best"}}}
    recipe = recipe_of({**ONE_STAGE, "stages": stages, "decide": {}, "score": {"of": "second"}})
    record = run(graph, recipe)
    keys = [graph.trial(recipe, fold).stage_key("first", None) for fold in range(3)]
    values = [stage(graph, key).best_value for key in keys]
    assert stage(graph, record.stages["second"]).start == keys[values.index(min(values))]


def test_closing_leaves_whole_stages_only(graph: Bench) -> None:
    recipe = two()
    steps = fold_trial_steps(graph.trial(recipe), graph.context(recipe))
    reached = next(progress for progress in steps if progress.stage == "classifier")
    assert (reached.number, reached.fold) == (1, 0)
    steps.close()
    assert graph.stages() == {graph.trial(recipe).stage_key("detector", None)}
    assert run(graph, recipe).reused == ("detector",)


def test_a_warm_worker_gives_the_bits_of_a_cold_one(graph: Bench) -> None:
    recipe = two()
    warm = graph.context(recipe)
    run_fold_trial(graph.trial(recipe, 0), warm)
    torch.rand(7)  # whatever else has drawn from the process's generator
    record = run_fold_trial(graph.trial(recipe, 1), warm)
    first = {key: stage(graph, key) for key in record.stages.values()}
    for key in first:
        (graph.folder / f"stages/{key}.safetensors").unlink()
    again = run_fold_trial(graph.trial(recipe, 1), graph.context(recipe))
    assert again.scores == record.scores
    for key, was in first.items():
        now = stage(graph, key)
        assert now.curve == was.curve
        assert now.arrays.keys() == was.arrays.keys()
        assert all(np.array_equal(now.arrays[name], was.arrays[name]) for name in was.arrays)


# -- longer graphs, and several seeds --------------------------------------------------------------------------------


def three(**changes: object) -> Recipe:
    """A chain of three: a detector, a classifier from it, and one of other labels from that."""
    types = {**CLASSIFIER, "start": {"stage": "classifier"}, "losses": {"cross_entropy": {}}}
    types = {**types, "task": {"type": "multilabel", "targets": ["stereotype", "vilification"]}}
    stages = {**TWO_STAGES["stages"], "types": types}
    return recipe_of({**TWO_STAGES, "stages": stages}, **changes)


def test_a_chain_of_three_stages_starts_each_from_the_one_before(graph: Bench) -> None:
    record = run(graph, three())
    assert set(record.stages) == {"detector", "classifier", "types"}
    types = stage(graph, record.stages["types"])
    assert types.start == record.stages["classifier"]
    assert types.table("validation").shape[1] == 2
    assert set(graph.trial(three()).stage_keys) == set(record.stages.values())
    before = run(graph, three(stages__detector__optimizer__lr=1e-4))
    assert all(before.stages[name] != record.stages[name] for name in record.stages), "all that rest on it"
    assert run(graph, three(stages__types__optimizer__lr=1e-4)).reused == ("detector", "classifier")


def test_two_stages_from_one_take_its_weights_from_the_store(graph: Bench) -> None:
    recipe = three(stages__types__start={"stage": "detector"})
    record = run(graph, recipe)
    for name in ("classifier", "types"):
        assert stage(graph, record.stages[name]).start == record.stages["detector"]
    weights_of(graph, record.stages["detector"]).unlink()
    for name in ("classifier", "types"):
        (graph.folder / "stages" / f"{record.stages[name]}.safetensors").unlink()
    again = run(graph, recipe)
    assert again.stages == record.stages
    assert again.reused == ()


def test_every_seed_is_a_cell_of_its_own(graph: Bench) -> None:
    recipe = two(seeds=[7, 8])
    records = [run(graph, recipe, 0, seed) for seed in recipe.seeds]
    assert [record.seed for record in records] == [7, 8]
    assert len({record.configuration_id for record in records}) == 1
    assert len({record.id for record in records}) == 2
    assert set(records[0].stages.values()).isdisjoint(records[1].stages.values())
    tables = [stage(graph, record.stages["classifier"]) for record in records]
    np.testing.assert_array_equal(tables[0].rows("validation"), tables[1].rows("validation"))
    assert not np.array_equal(tables[0].table("validation"), tables[1].table("validation"))
    assert graph.trial(two(), 0, 7).configuration_id == records[0].configuration_id, "seeds are no settings"


def test_a_stage_that_has_ended_holds_no_memory(graph: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights, gradients and moments of two stages at once do not fit where those of one do."""
    parameters: list[weakref.ref[torch.nn.Parameter]] = []
    inner, stages = stage_training.train_stage, []

    def alive() -> int:
        return sum(parameter() is not None for parameter in parameters)

    def train_stage(plan: stage_training.StagePlan, *others: object) -> object:
        assert alive() == 0, f"{plan.stage.name} is built beside what is left of the stage before"
        parameters.extend(weakref.ref(parameter) for parameter in plan.model.parameters())
        stages.append(plan.stage.name)
        assert alive() > 10
        plan.model.whole = plan  # a knot such as libraries tie: counting references alone frees none of it
        return inner(plan, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(stage_training, "train_stage", train_stage)
    run(graph, two())
    assert stages == ["detector", "classifier"]
    assert alive() == 0
