"""Detector and classifier of the embedded encoder: what they depend on, what they start from, what they record."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TypeVar

import numpy as np
import pytest
import torch
from safetensors.torch import load
from trial_bench import Bench, quick_recipe

from tune_polar.data.corpus import Corpus
from tune_polar.data.sample import sample_corpus
from tune_polar.model.encoder import TextEncoder
from tune_polar.spec.fold_trial import FoldTrial
from tune_polar.spec.recipe import Recipe
from tune_polar.store.record import StageRecord
from tune_polar.store.store import open_store
from tune_polar.trial.classifier import _build, classifier_stage
from tune_polar.trial.detector import build_detector, detector_stage
from tune_polar.trial.materials import Materials
from tune_polar.trial.stage import StageModel, run_stage, stage_seed

T = TypeVar("T")


def result_of(steps: Generator[object, None, T]) -> T:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result


def trained_detector(trial: FoldTrial, materials: Materials) -> tuple[StageRecord, bytes]:
    return result_of(run_stage(lambda: detector_stage(trial, materials), materials))


def trained_classifier(trial: FoldTrial, materials: Materials, start: tuple[FoldTrial, bytes] | None) -> StageRecord:
    return result_of(run_stage(lambda: classifier_stage(trial, materials, start), materials))[0]


def detector(bench: Bench, recipe: Recipe, fold: int = 0) -> tuple[StageRecord, bytes]:
    return trained_detector(bench.trial(recipe, fold), bench.materials(recipe))


def classifier(bench: Bench, recipe: Recipe, fold: int = 0, start: FoldTrial | None = None) -> StageRecord:
    materials = bench.materials(recipe)
    begun = None if start is None else (start, trained_detector(start, materials)[1])
    return trained_classifier(bench.trial(recipe, fold), materials, begun)


def same(one: StageRecord, other: StageRecord) -> bool:
    """Equal but for the time they took."""
    arrays = one.arrays.keys() == other.arrays.keys() and all(
        value.dtype == other.arrays[name].dtype and np.array_equal(value, other.arrays[name])
        for name, value in one.arrays.items()
    )
    about = [
        (r.key, r.stage, r.fold, r.seed, r.best_step, r.best_value, r.steps, r.stopped, r.curve) for r in (one, other)
    ]
    return arrays and about[0] == about[1]


def disturb(seed: int) -> None:
    """Move every random state that a process shares."""
    torch.manual_seed(seed)
    torch.rand(seed)
    np.random.seed(seed)  # noqa: NPY002 (the very state that must not matter)


def built(bench: Bench, recipe: Recipe, start: tuple[FoldTrial, bytes] | None, fold: int = 0) -> StageModel:
    trial = bench.trial(recipe, fold)
    return _build(trial, bench.materials(recipe), start, stage_seed(recipe.seed, "classifier", fold))


def equal_weights(one: TextEncoder, other: TextEncoder) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.fixture(scope="module")
def whole_module(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("store")
    return Bench(corpus, open_store(folder), folder)


@pytest.fixture(scope="module")
def usual(whole_module: Bench) -> tuple[Recipe, StageRecord, bytes]:
    """A detector as the recipe has it, to compare others with."""
    recipe = quick_recipe()
    return recipe, *detector(whole_module, recipe)


@pytest.fixture(scope="module")
def usual_classifier(whole_module: Bench) -> StageRecord:
    return classifier(whole_module, quick_recipe())


# -- the same for the same trial ---------------------------------------------------------------------------------


def test_a_detector_is_the_same_whatever_ran_before(bench: Bench) -> None:
    recipe = quick_recipe("st1")
    disturb(1)
    first, weights = detector(bench, recipe)
    detector(bench, recipe, fold=1)
    disturb(2)
    again, same_weights = detector(bench, recipe)
    assert same(first, again)
    assert weights == same_weights


def test_a_classifier_is_the_same_whatever_ran_before(bench: Bench) -> None:
    recipe = quick_recipe()
    disturb(1)
    first = classifier(bench, recipe, start=bench.trial(recipe))
    classifier(bench, recipe, fold=1)
    disturb(2)
    assert same(first, classifier(bench, recipe, start=bench.trial(recipe)))


def test_the_process_keeps_its_own_random_state(bench: Bench) -> None:
    disturb(3)
    expected = torch.rand(4)
    disturb(3)
    recipe = quick_recipe()
    classifier(bench, recipe, start=bench.trial(recipe))
    assert torch.equal(torch.rand(4), expected)


def test_other_folds_and_seeds_differ(bench: Bench) -> None:
    recipe, other_seed = quick_recipe(), quick_recipe(seed=43)
    detectors = [detector(bench, recipe)[1], detector(bench, recipe, fold=1)[1], detector(bench, other_seed)[1]]
    assert len(set(detectors)) == 3
    classifiers = [classifier(bench, recipe), classifier(bench, recipe, fold=1), classifier(bench, other_seed)]
    assert len({record.key for record in classifiers}) == 3
    assert len({record.arrays["dev_probability"].tobytes() for record in classifiers}) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"detector__fgm_epsilon": 0},
        {"detector__xi": 0.5},
        {"detector__lr": 1e-4},
        {"detector__loss": "cross_entropy"},
        {"detector__batches": "length_grouped"},
        {"detector__centers": 3},
        {"detector__centers_lr": 0},
        {"detector__margin": 0.5},
        {"detector__weight_decay": 1.0},
        {"detector__encoder_dropout": 0.5},
        {"detector__head_hidden": 8},
    ],
    ids=str,
)
def test_every_setting_of_the_detector_matters(
    bench: Bench, usual: tuple[Recipe, StageRecord, bytes], changes: dict[str, object]
) -> None:
    changed = quick_recipe(**changes)
    record, weights = detector(bench, changed)
    assert record.key != usual[1].key
    before, after = load(usual[2]), load(weights)
    assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith("encoder."))


@pytest.mark.parametrize(
    "changes",
    [
        {"classifier__fgm_epsilon": 0},
        {"classifier__xi": 0.5},
        {"classifier__loss": "binary_cross_entropy"},
        {"classifier__gamma_negative.stereotype": 0},
        {"classifier__gamma_positive": 0},
        {"classifier__clip": 0.2},
        {"classifier__dropout": 0.5},
        {"classifier__encoder_dropout": 0.5},
        {"classifier__head_lr": 0.1},
    ],
    ids=str,
)
def test_every_setting_of_the_classifier_matters(
    bench: Bench, usual_classifier: StageRecord, usual: tuple[Recipe, StageRecord, bytes], changes: dict[str, object]
) -> None:
    changed = quick_recipe(**changes)
    record = classifier(bench, changed)
    assert record.key != usual_classifier.key
    assert bench.trial(changed).detector_key == usual[1].key
    assert not np.array_equal(record.arrays["probability"], usual_classifier.arrays["probability"])


# -- what a stage starts from ------------------------------------------------------------------------------------


def test_the_classifier_starts_from_the_detectors_encoder(bench: Bench) -> None:
    recipe = quick_recipe()
    trial, materials = bench.trial(recipe), bench.materials(recipe)
    _, weights = trained_detector(trial, materials)
    started = built(bench, recipe, (trial, weights)).encoder.state_dict()
    stored = load(weights)
    assert len(started) > 10
    assert all(torch.equal(tensor, stored[f"encoder.{name}"]) for name, tensor in started.items())
    untrained = build_detector(trial, materials).encoder.state_dict()
    assert not all(torch.equal(tensor, untrained[name]) for name, tensor in started.items())


def test_without_transfer_it_starts_from_the_encoder_nobody_has_trained(bench: Bench) -> None:
    recipe = quick_recipe(classifier__transfer="none")
    trial, materials = bench.trial(recipe), bench.materials(recipe)
    seed = stage_seed(recipe.seed, "classifier", 0)
    untrained = materials.encoder_source(recipe.encoder).start(materials.classifier_plan.training_rows(0), seed, None)
    assert equal_weights(built(bench, recipe, None).encoder, untrained)
    weights = trained_detector(trial, materials)[1]
    assert not equal_weights(built(bench, recipe, (trial, weights)).encoder, untrained)


@pytest.mark.parametrize(("of_classifier", "expected"), [(None, 0.1), (0.0, 0.0), (0.3, 0.3)])
def test_the_detectors_dropout_is_not_the_classifiers(
    bench: Bench, of_classifier: float | None, expected: float
) -> None:
    recipe = quick_recipe(detector__encoder_dropout=0.4, classifier__encoder_dropout=of_classifier)
    trial = bench.trial(recipe)
    weights = trained_detector(trial, bench.materials(recipe))[1]
    encoder = built(bench, recipe, (trial, weights)).encoder
    shares = {part.p for part in encoder.modules() if isinstance(part, torch.nn.Dropout)} - {0.0}
    assert shares == ({expected} - {0.0})


def test_the_starting_vectors_see_the_folds_training_texts_only(bench: Bench, corpus: Corpus) -> None:
    """Other validation texts, made of the same characters: the same start."""
    recipe = quick_recipe("st1")
    trial = bench.trial(recipe)
    held_out = set(bench.materials(recipe).detector_plan.validation_rows(0).tolist())
    texts = tuple(text[::-1] if row in held_out else text for row, text in enumerate(corpus.train.texts))
    turned = replace(bench, corpus=replace(corpus, splits={"train": replace(corpus.train, texts=texts)}))
    starts = [build_detector(trial, each.materials(recipe)).encoder for each in (bench, turned)]
    assert equal_weights(*starts)


# -- what the detector does --------------------------------------------------------------------------------------


def centers(bench: Bench, recipe: Recipe) -> tuple[torch.Tensor, np.ndarray]:
    """Before and after training, (classes · centers, dim)."""
    model = build_detector(bench.trial(recipe), bench.materials(recipe))
    return model.loss.centers.detach().T, detector(bench, recipe)[0].arrays["centers"]


def test_frozen_centers_stay_where_they_were(bench: Bench) -> None:
    before, after = centers(bench, quick_recipe("st1", detector__centers_lr=0))
    assert after.shape == (20, 16)
    np.testing.assert_array_equal(after, before.numpy())


def test_trained_centers_move(bench: Bench) -> None:
    before, after = centers(bench, quick_recipe("st1", detector__centers_lr=0.01))
    assert (np.abs(after - before.numpy()).max(axis=1) > 1e-4).all()


def test_cross_entropy_has_no_centers_and_learns(bench: Bench) -> None:
    recipe = quick_recipe("st1", detector__loss="cross_entropy", detector__max_steps=60, detector__eval_every_steps=10)
    record, weights = detector(bench, recipe)
    assert "centers" not in record.arrays
    assert record.curve[-1].training_loss < record.curve[0].training_loss
    model = build_detector(bench.trial(recipe), bench.materials(recipe))
    trained = load(weights)
    assert not torch.equal(model.loss.linear.weight, trained["loss.linear.weight"])


def test_soft_triple_learns(bench: Bench) -> None:
    record, _ = detector(bench, quick_recipe("st1", detector__max_steps=60, detector__eval_every_steps=10))
    assert record.curve[-1].training_loss < 0.8 * record.curve[0].training_loss
    assert record.best_value == max(point.value for point in record.curve)


def test_precision_at_1_is_that_of_the_stored_neighbours(bench: Bench, corpus: Corpus) -> None:
    record, _ = detector(bench, quick_recipe("st1"))
    gold = corpus.train.labels["polarization"][record.arrays["validation_rows"]]
    assert record.best_value == (record.arrays["neighbour_labels"][:, 0] == gold).mean()


# -- what the classifier does ------------------------------------------------------------------------------------


def test_the_classifier_trains_on_polarized_rows_only(bench: Bench, corpus: Corpus) -> None:
    """Other texts and labels in the rows that are not polarized: the same classifier."""
    recipe = quick_recipe(classifier__checkpoint="last")
    plain = corpus.train.labels["polarization"] == 0
    generator = np.random.default_rng(0)
    labels = {
        name: np.where(plain, generator.integers(0, 2, len(plain)), values) if name in recipe.task.labels else values
        for name, values in corpus.train.labels.items()
    }
    trial, materials = bench.trial(recipe), bench.materials(recipe)
    altered = replace(corpus, splits={**corpus.splits, "train": replace(corpus.train, labels=labels)})
    other = Materials(altered, materials.detector_plan, materials.classifier_plan, bench.store, materials.device)
    records = [trained_classifier(trial, each, None) for each in (materials, other)]
    assert same(*records)

    polarized = {name: np.where(plain, values, 1 - values) for name, values in labels.items() if name != "polarization"}
    turned = replace(corpus.train, labels={**labels, **polarized})
    third = Materials(
        replace(corpus, splits={**corpus.splits, "train": turned}),
        materials.detector_plan,
        materials.classifier_plan,
        bench.store,
        materials.device,
    )
    assert not same(records[0], trained_classifier(trial, third, None))


def test_binary_cross_entropy_learns(bench: Bench) -> None:
    recipe = quick_recipe(
        classifier__loss="binary_cross_entropy", classifier__max_steps=60, classifier__eval_every_steps=10
    )
    record = classifier(bench, recipe)
    assert record.curve[-1].training_loss < 0.9 * record.curve[0].training_loss


def test_a_classifier_of_st1_is_refused(bench: Bench) -> None:
    recipe = quick_recipe("st1")
    with pytest.raises(ValueError, match="recipe 'st1' must have a classifier to train one"):
        trained_classifier(bench.trial(recipe), bench.materials(recipe), None)


# -- what is recorded --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fold", [0, 2])
def test_records_hold_the_plans_validation_rows_and_dev(bench: Bench, fold: int) -> None:
    recipe = quick_recipe()
    plan = bench.materials(recipe).detector_plan
    found, _ = detector(bench, recipe, fold)
    labelled = classifier(bench, recipe, fold)
    rows, known = plan.validation_rows(fold), len(plan.training_rows(fold))
    for record in (found, labelled):
        np.testing.assert_array_equal(record.arrays["validation_rows"], rows)
        assert (record.fold, record.steps, [point.step for point in record.curve]) == (fold, 4, [2, 4])
    assert found.arrays["neighbour_labels"].shape == (len(rows), min(200, known))
    assert found.arrays["dev_neighbour_labels"].shape == (30, min(200, known))
    assert labelled.arrays["probability"].shape == (len(rows), 6)
    assert labelled.arrays["dev_probability"].shape == (30, 6)
    assert labelled.arrays["probability"].dtype == np.float32
    assert ((labelled.arrays["probability"] > 0) & (labelled.arrays["probability"] < 1)).all()


def test_without_dev_there_are_no_dev_arrays(bench: Bench) -> None:
    alone = replace(bench, corpus=sample_corpus(0, rows_train=150, rows_dev=0, rows_test=0))
    recipe = quick_recipe()
    assert "dev_neighbour_labels" not in detector(alone, recipe)[0].arrays
    assert "dev_probability" not in classifier(alone, recipe).arrays
