"""Fold trials over one store: what is trained, what is found again, and what the record says of it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from trial_bench import Bench, quick_recipe

from tune_polar.spec.recipe import Recipe
from tune_polar.store.record import FoldRecord, StageRecord
from tune_polar.trial import stage as stage_module
from tune_polar.trial.run import fold_trial_steps, run_fold_trial


def run(bench: Bench, recipe: Recipe, fold: int = 0) -> FoldRecord:
    return run_fold_trial(bench.trial(recipe, fold), bench.materials(recipe))


def stage(bench: Bench, key: str | None) -> StageRecord:
    assert key is not None
    found = bench.store.stage(key)
    assert found is not None
    return found


def test_the_record_names_its_stages_and_their_scores(bench: Bench) -> None:
    recipe = quick_recipe()
    record = run(bench, recipe, fold=1)
    detector, classifier = stage(bench, record.detector_key), stage(bench, record.classifier_key)
    assert (record.configuration_id, record.fold, record.seed) == (bench.trial(recipe).configuration_id, 1, 42)
    assert (detector.stage, classifier.stage) == ("detector", "classifier")
    scores = {"precision_at_1": detector.best_value, "fold_macro_f1": classifier.best_value}
    assert record.scores == {**scores, "race": record.scores["race"]}
    assert record.reused == ()
    assert record.seconds >= detector.seconds + classifier.seconds
    assert bench.stages() == {f"{record.detector_key}.safetensors", f"{record.classifier_key}.safetensors"}


def test_a_recipe_of_st1_has_a_detector_alone(bench: Bench) -> None:
    record = run(bench, quick_recipe("st1"))
    assert record.classifier_key is None
    assert set(record.scores) == {"precision_at_1", "race"}
    assert bench.stages() == {f"{record.detector_key}.safetensors"}


def test_the_second_run_trains_nothing(bench: Bench) -> None:
    recipe = quick_recipe()
    first = run(bench, recipe)
    written = {path: path.stat().st_mtime_ns for path in bench.folder.rglob("*.safetensors")}
    second = run(bench, recipe)
    assert second.reused == ("detector", "classifier")
    assert second.scores == first.scores
    assert list(fold_trial_steps(bench.trial(recipe), bench.materials(recipe))) == []
    assert {path: path.stat().st_mtime_ns for path in bench.folder.rglob("*.safetensors")} == written


def test_configurations_that_differ_in_the_classifier_share_their_detector(bench: Bench) -> None:
    first, second = run(bench, quick_recipe()), run(bench, quick_recipe(classifier__dropout=0.4))
    assert first.configuration_id != second.configuration_id
    assert first.detector_key == second.detector_key
    assert first.classifier_key != second.classifier_key
    assert second.reused == ("detector",)
    assert len(bench.stages()) == 3


def test_decision_values_train_nothing(bench: Bench) -> None:
    first, second = run(bench, quick_recipe()), run(bench, quick_recipe(decision__k=5, decision__tau=0.7))
    assert first.configuration_id != second.configuration_id
    assert second.reused == ("detector", "classifier")


@pytest.mark.parametrize(("before", "after"), [("st1", "st3"), ("st3", "st2"), ("st2", "st1")])
def test_searches_of_all_subtasks_share_detectors(bench: Bench, before: str, after: str) -> None:
    first, second = run(bench, quick_recipe(before)), run(bench, quick_recipe(after))
    assert first.detector_key == second.detector_key
    assert second.reused == ("detector",)


def test_a_shared_detector_gives_the_classifier_that_one_trained_here_would(bench: Bench) -> None:
    recipe = quick_recipe()
    run(bench, quick_recipe("st1"))
    found = stage(bench, run(bench, recipe).classifier_key)
    for folder in ("stages", "weights"):
        for path in (bench.folder / folder).iterdir():
            path.unlink()
    anew = stage(bench, run(bench, recipe).classifier_key)
    np.testing.assert_array_equal(found.arrays["probability"], anew.arrays["probability"])


def test_lost_weights_are_trained_again(bench: Bench) -> None:
    detector = run(bench, quick_recipe("st1"))
    weights = bench.folder / "weights" / f"{detector.detector_key}.safetensors"
    content = weights.read_bytes()
    weights.unlink()
    record = run(bench, quick_recipe())
    assert record.reused == ()
    assert weights.read_bytes() == content


def test_lost_weights_do_not_matter_where_nothing_starts_from_them(bench: Bench) -> None:
    detector = run(bench, quick_recipe("st1"))
    (bench.folder / "weights" / f"{detector.detector_key}.safetensors").unlink()
    assert run(bench, quick_recipe("st1", decision__k=5)).reused == ("detector",)
    assert run(bench, quick_recipe(classifier__transfer="none")).reused == ("detector",)


def test_a_damaged_stage_is_trained_again(bench: Bench) -> None:
    recipe = quick_recipe("st1")
    first = run(bench, recipe)
    before = stage(bench, first.detector_key)
    path = bench.folder / "stages" / f"{first.detector_key}.safetensors"
    path.write_bytes(path.read_bytes()[:-7])
    assert run(bench, recipe).reused == ()
    after = stage(bench, first.detector_key)
    np.testing.assert_array_equal(before.arrays["neighbour_labels"], after.arrays["neighbour_labels"])


def test_without_transfer_the_classifier_has_no_detector_in_its_key(bench: Bench) -> None:
    base = run(bench, quick_recipe(classifier__transfer="none"))
    other = run(bench, quick_recipe(classifier__transfer="none", detector__lr=1e-4))
    assert base.detector_key != other.detector_key
    assert base.classifier_key == other.classifier_key
    assert base.classifier_key == bench.trial(quick_recipe(classifier__transfer="none")).classifier_key(None)
    assert other.reused == ("classifier",)


def test_best_fold_starts_from_the_detector_with_the_best_precision(bench: Bench) -> None:
    recipe = quick_recipe(classifier__transfer="best_fold")
    record = run(bench, recipe, fold=0)
    keys = [bench.trial(recipe, fold).detector_key for fold in range(3)]
    values = [stage(bench, key).best_value for key in keys]
    best = values.index(max(values))
    assert record.classifier_key == bench.trial(recipe, 0).classifier_key(keys[best])
    assert len({bench.trial(recipe, 0).classifier_key(key) for key in keys}) == 3
    assert len(bench.stages()) == 4
    assert run(bench, recipe, fold=1).classifier_key == bench.trial(recipe, 1).classifier_key(keys[best])


def test_closing_leaves_whole_stages_only(bench: Bench) -> None:
    recipe = quick_recipe()
    steps = fold_trial_steps(bench.trial(recipe), bench.materials(recipe))
    next(progress for progress in steps if progress.stage == "classifier")
    steps.close()
    assert bench.stages() == {f"{bench.trial(recipe).detector_key}.safetensors"}
    assert run(bench, recipe).reused == ("detector",)


def test_a_fold_trial_survives_json(bench: Bench) -> None:
    """What a worker is sent is what the driver meant."""
    trial = bench.trial(quick_recipe(), fold=2)
    again = type(trial).from_json(trial.to_json())
    assert again == trial
    assert (again.id, again.detector_key, again.classifier_key("x")) == (
        trial.id,
        trial.detector_key,
        trial.classifier_key("x"),
    )


def test_a_warm_worker_gives_the_bits_of_a_cold_one(bench: Bench) -> None:
    recipe = quick_recipe()
    warm = bench.materials(recipe)
    run_fold_trial(bench.trial(recipe, 0), warm)
    torch.rand(7)  # whatever else has drawn from the process's generator
    record = run_fold_trial(bench.trial(recipe, 1), warm)
    keys = [key for key in (record.detector_key, record.classifier_key) if key is not None]
    stored = {key: (bench.folder / f"stages/{key}.safetensors") for key in keys}
    first = {key: warm.stages.stage(key) for key in keys}
    for path in stored.values():
        path.unlink()
    again = run_fold_trial(bench.trial(recipe, 1), bench.materials(recipe))
    assert again.scores == record.scores
    assert len(keys) == 2
    for key in keys:
        one, other = first[key], warm.stages.stage(key)
        assert one is not None
        assert other is not None
        assert other.curve == one.curve
        assert other.arrays.keys() == one.arrays.keys()
        assert all(np.array_equal(other.arrays[name], one.arrays[name]) for name in one.arrays)


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Python looks for no cycles by itself, as it may not for long where few objects are made."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
def test_a_stage_that_has_ended_holds_no_memory(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights, gradients and moments of two stages at once do not fit where those of one do."""
    parameters: list[weakref.ref[torch.nn.Parameter]] = []
    inner, stages = stage_module.train_stage, []

    def alive() -> int:
        return sum(parameter() is not None for parameter in parameters)

    def train_stage(plan: stage_module.StagePlan, *others: object) -> object:
        assert alive() == 0, f"the {plan.stage} is built beside what is left of the stage before"
        parameters.extend(weakref.ref(parameter) for parameter in plan.model.parameters())
        stages.append(plan.stage)
        assert alive() > 10
        plan.model.whole = plan  # a knot such as libraries tie: counting references alone frees none of it
        return inner(plan, *others)

    monkeypatch.setattr(stage_module, "train_stage", train_stage)
    recipe = quick_recipe()
    run_fold_trial(bench.trial(recipe), bench.materials(recipe))
    assert stages == ["detector", "classifier"]
    assert alive() == 0
