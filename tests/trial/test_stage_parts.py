"""What a built stage depends on, what it starts from and what it leaves behind, with embedded and other encoders."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from graph_bench import DETECTOR, ONE_STAGE, TWO_STAGES, Bench, recipe_of, result_of
from transformers import BertModel

from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.data.table import Corpus
from tune_polar.errors import ModelError
from tune_polar.model.encoder import TextEncoder
from tune_polar.recipe.recipe import Recipe
from tune_polar.store.records import StageRecord
from tune_polar.store.store import open_store
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.run_fold_trial import run_fold_trial
from tune_polar.trial.stage_build import build_model, build_stage
from tune_polar.trial.stage_model import StageModel
from tune_polar.trial.stage_plan import StartingPoint, stage_seed
from tune_polar.trial.stage_training import run_stage


class Weights(dict[str, Any]):
    """Arrays by name, equal where their bits are."""

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, Weights)
        bits = ({name: array.tobytes() for name, array in each.items()} for each in (self, other))
        return next(bits) == next(bits)

    def __ne__(self, other: object) -> bool:
        return not self == other


def trained(
    graph: Bench, recipe: Recipe, name: str = "detector", fold: int = 0, start: StartingPoint | None = None
) -> tuple[StageRecord, Weights]:
    trial, context = graph.trial(recipe, fold), graph.context(recipe)
    record, weights = result_of(run_stage(lambda: build_stage(trial, name, context, start), context))
    return record, Weights((each, array.copy()) for each, array in weights.items())


def starting_point(graph: Bench, recipe: Recipe, fold: int = 0) -> StartingPoint:
    record, weights = trained(graph, recipe, fold=fold)
    return StartingPoint(record.key, weights)


def same(one: StageRecord, other: StageRecord) -> bool:
    """Equal but for the time they took."""
    arrays = one.arrays.keys() == other.arrays.keys() and all(
        value.dtype == other.arrays[name].dtype and np.array_equal(value, other.arrays[name])
        for name, value in one.arrays.items()
    )
    timed = {"seconds", "provenance"}
    about = [{key: value for key, value in each.header().items() if key not in timed} for each in (one, other)]
    return arrays and about[0] == about[1]


def disturb(seed: int) -> None:
    """Move every random state that a process shares."""
    torch.manual_seed(seed)
    torch.rand(seed)
    np.random.seed(seed)  # noqa: NPY002 (the very state that must not matter)


def equal_weights(one: TextEncoder, other: TextEncoder) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def built(graph: Bench, recipe: Recipe, start: StartingPoint | None, name: str = "classifier") -> StageModel:
    return build_model(graph.trial(recipe), name, graph.context(recipe), start)


# -- the same for the same trial ---------------------------------------------------------------------------------


def test_a_stage_is_the_same_whatever_ran_before(graph: Bench) -> None:
    recipe = recipe_of(TWO_STAGES)
    disturb(1)
    start = starting_point(graph, recipe)
    first = trained(graph, recipe, "classifier", start=start)
    trained(graph, recipe, fold=1)
    disturb(2)
    again = starting_point(graph, recipe)
    assert again.weights == start.weights
    second = trained(graph, recipe, "classifier", start=again)
    assert same(first[0], second[0])
    assert first[1] == second[1]


def test_the_process_keeps_its_own_random_state(graph: Bench) -> None:
    disturb(3)
    expected = torch.rand(4)
    disturb(3)
    trained(graph, recipe_of(ONE_STAGE))
    assert torch.equal(torch.rand(4), expected)


def test_stages_folds_and_seeds_have_seeds_of_their_own() -> None:
    seeds = {stage_seed(seed, stage, fold) for seed in (42, 43) for stage in ("a", "b") for fold in range(3)}
    assert len(seeds) == 12
    assert stage_seed(42, "detector", 0) == 3819376217, "the same on every machine"


# -- what a stage starts from ------------------------------------------------------------------------------------


def test_a_stage_starts_from_anothers_encoder(graph: Bench) -> None:
    recipe = recipe_of(TWO_STAGES)
    start = starting_point(graph, recipe)
    found = built(graph, recipe, start).encoder.state_dict()
    stored = {name: torch.from_numpy(array) for name, array in start.weights.items()}
    assert len(found) > 10
    assert all(torch.equal(tensor, stored[f"encoder.{name}"]) for name, tensor in found.items())
    untrained = built(graph, recipe, None, "detector").encoder.state_dict()
    assert not all(torch.equal(tensor, untrained[name]) for name, tensor in found.items())


def test_without_a_start_it_begins_with_the_encoder_nobody_has_trained(graph: Bench) -> None:
    recipe = recipe_of(TWO_STAGES, stages__classifier__start=None)
    context = graph.context(recipe)
    rows, seed = context.plans["classifier"].training_rows(0), stage_seed(42, "classifier", 0)
    untrained = context.encoder_source(recipe.stages["classifier"].encoder).start(
        rows, seed, recipe.stages["classifier"]
    )
    assert equal_weights(built(graph, recipe, None).encoder, untrained)
    assert not equal_weights(built(graph, recipe, starting_point(graph, recipe)).encoder, untrained)


def test_weights_of_another_encoder_are_refused(graph: Bench) -> None:
    start = starting_point(graph, recipe_of(ONE_STAGE))
    larger = recipe_of(TWO_STAGES, encoder__tiny__hidden=64)
    with pytest.raises(ModelError, match="stored weights must fit the model by name and shape"):
        built(graph, larger, start)


@pytest.mark.parametrize(("own", "expected"), [(None, 0.1), (0.0, 0.0), (0.3, 0.3)])
def test_anothers_dropout_is_not_its_own(graph: Bench, own: float | None, expected: float) -> None:
    changes = {"stages__detector__encoder_dropout": 0.4, "stages__classifier__encoder_dropout": own}
    recipe = recipe_of(TWO_STAGES, **changes)
    encoder = built(graph, recipe, starting_point(graph, recipe)).encoder
    shares = {part.p for part in encoder.modules() if isinstance(part, torch.nn.Dropout)} - {0.0}
    assert shares == ({expected} - {0.0})


def test_the_starting_vectors_see_the_folds_training_texts_only(graph: Bench, sample: Corpus) -> None:
    """Other validation texts, made of the same characters: the same start."""
    recipe = recipe_of(ONE_STAGE)
    held_out = set(graph.context(recipe).plans["detector"].validation_rows(0).tolist())
    texts = tuple(text[::-1] if row in held_out else text for row, text in enumerate(sample.train.texts))
    other = replace(sample, splits={"train": replace(sample.train, texts=texts)})
    turned = replace(graph, corpus=other, plans=graph.context(recipe).plans)
    starts = [built(each, recipe, None, "detector").encoder for each in (graph, turned)]
    assert equal_weights(*starts)


def test_a_stage_trains_on_its_rows_alone(graph: Bench, sample: Corpus) -> None:
    """Other labels in the rows that it does not learn from: the same stage."""
    recipe = recipe_of(TWO_STAGES, stages__classifier__start=None, stages__classifier__keep="last")
    names = recipe.stages["classifier"].columns
    plain = sample.train.values("polarization") == 0
    generator = np.random.default_rng(0)
    plans = graph.context(recipe).plans

    def with_labels(inside: bool) -> Bench:
        columns = dict(sample.train.columns)
        for name in names:
            values = sample.train.values(name)
            turned = generator.integers(0, 2, len(values)) if not inside else 1 - values
            columns[name] = replace(columns[name], values=np.where(plain != inside, turned, values))
        train = replace(sample.train, columns=columns)
        return replace(graph, corpus=replace(sample, splits={**sample.splits, "train": train}), plans=plans)

    usual = trained(graph, recipe, "classifier")
    assert trained(with_labels(inside=False), recipe, "classifier")[1] == usual[1]
    assert trained(with_labels(inside=True), recipe, "classifier")[1] != usual[1]


@pytest.mark.parametrize("rate", [0.0, 0.01])
def test_centers_move_where_they_have_a_rate(graph: Bench, rate: float) -> None:
    recipe = recipe_of(ONE_STAGE, stages__detector__losses__soft_triple__centers_lr=rate)
    before = built(graph, recipe, None, "detector").losses.kept()["centers"].numpy()
    after = trained(graph, recipe)[0].arrays["extra/centers"]
    assert after.shape == (20, 16)
    assert (np.abs(after - before).max(axis=1) > 1e-4).all() == (rate > 0)
    assert np.array_equal(after, before) == (rate == 0)


def test_splits_without_rows_leave_nothing(graph: Bench) -> None:
    alone = replace(graph, corpus=sample_corpus(0, rows_train=150, rows_dev=0, rows_test=0))
    assert trained(alone, recipe_of(ONE_STAGE))[0].splits == ("validation",)


def test_beside_the_weights_lies_what_new_rows_are_compared_with_and_no_text(graph: Bench, sample: Corpus) -> None:
    recipe = recipe_of(TWO_STAGES)
    context = graph.context(recipe)
    record, weights = trained(graph, recipe)
    left = weights
    rows = context.plans["detector"].training_rows(0)
    vectors, classes = left["neighbours/vectors"], left["neighbours/classes"]
    assert (vectors.shape, vectors.dtype, classes.dtype) == ((len(rows), 16), np.float32, np.int32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-5)
    assert classes.tolist() == sample.train.values("polarization")[rows].tolist()
    characters = [chr(code) for code in left["tokenizer/characters"]]
    assert len(set(characters)) == len(characters) > 50
    assert set(characters) <= set(unicodedata.normalize("NFKC", "".join(sample.train.texts)).lower())
    classifier = trained(graph, recipe, "classifier", start=StartingPoint(record.key, weights))[1]
    assert not [name for name in classifier if name.startswith("neighbours/")]


# -- pretrained encoders -----------------------------------------------------------------------------------------


def recipe_on(bert: Path | str, **changes: object) -> Recipe:
    stage = {
        "task": {"type": "binary", "target": "polarization"},
        "head": {"type": "pooler"},
        "batches": {"size": 16},
        "optimizer": {"max_steps": 4, "eval_every_steps": 2, "lr": 1e-3},
    }
    encoder = {"name": str(bert), "max_length_tokens": 32}
    recipe = {**ONE_STAGE, "encoder": encoder, "stages": {"hate": stage}, "decide": {}, "score": {"of": "hate"}}
    return recipe_of(recipe, **changes)


def test_a_pooler_begins_as_it_was_pretrained(graph: Bench, bert: Path) -> None:
    reference = BertModel.from_pretrained(bert)
    model = built(graph, recipe_on(bert), None, "hate")
    assert torch.equal(model.head.pooler.weight, reference.pooler.dense.weight)  # type: ignore[attr-defined]
    assert torch.equal(model.encoder.word_embeddings.weight, reference.embeddings.word_embeddings.weight)
    fresh = built(graph, recipe_on("tiny"), None, "hate")
    start = torch.nn.Linear(fresh.encoder.hidden_size, fresh.encoder.hidden_size).weight.abs().max()
    assert fresh.head.pooler.weight.abs().max() < 1.1 * start, "the embedded encoder has none"  # type: ignore[attr-defined]


def test_a_pretrained_encoder_trains_with_frozen_layers(graph: Bench, bert: Path) -> None:
    recipe = recipe_on(bert, stages__hate__encoder={"frozen_layers": 1})
    record, weights = trained(graph, recipe, "hate")
    reference = BertModel.from_pretrained(bert).state_dict()
    after = {name: torch.from_numpy(array) for name, array in weights.items()}
    assert not any(
        name.startswith(("encoder.backbone.embeddings.", "encoder.backbone.encoder.layer.0.")) for name in after
    )
    same_bits = {
        name for name, value in reference.items() if torch.equal(after.get(f"encoder.backbone.{name}", value), value)
    }
    assert all(name in same_bits for name in reference if name.startswith(("embeddings.", "encoder.layer.0.")))
    assert any(name not in same_bits for name in reference if name.startswith("encoder.layer.1."))
    assert 0.0 <= record.best_value <= 1.0


def test_two_encoders_in_one_recipe(graph: Bench, bert: Path) -> None:
    """Each stage has its own; one that starts from another has the same."""
    recipe = recipe_on(bert)
    detector = {**DETECTOR, "encoder": {"name": "tiny"}}
    stages = {"hate": recipe.stages["hate"].model_dump(mode="json"), "detector": detector}
    both = recipe_of({**ONE_STAGE, "encoder": {"name": str(bert)}, "stages": stages, "score": {"of": "hate"}})
    record = run_fold_trial(graph.trial(both), graph.context(both))
    assert set(record.stages) == {"hate", "detector"}
    for name, width in (("hate", 16), ("detector", 64)):
        weights = graph.store.weights(record.stages[name])
        assert weights is not None
        assert weights["encoder.backbone.embeddings.word_embeddings.weight"].shape[1] == width


def test_a_source_serves_stages_that_freeze_unlike_layers(graph: Bench, bert: Path) -> None:
    recipe = recipe_on(bert)
    context = graph.context(recipe)
    plain = recipe.stages["hate"].encoder
    frozen = plain.model_copy(update={"frozen_layers": 1})
    assert context.encoder_source(plain) is context.encoder_source(frozen)
    assert context.encoder_source(plain) is not context.encoder_source(plain.model_copy(update={"pooling": "mean"}))


def test_a_trial_says_which_encoder_it_lacks(graph: Bench, tmp_path: Path) -> None:
    recipe = recipe_on(tmp_path / "nowhere")
    trial = FoldTrial(recipe, graph.trial(recipe_of(ONE_STAGE)).cell, graph.trial(recipe_of(ONE_STAGE)).inputs)
    bench = replace(graph, store=open_store(tmp_path))
    with pytest.raises(ModelError, match="which is no folder"):
        build_model(trial, "hate", bench.context(recipe), None)


def test_frozen_layers_are_in_memory_once_and_the_rest_is_a_stages_own(graph: Bench, bert: Path) -> None:
    recipe = recipe_on(bert, stages__hate__encoder={"frozen_layers": 1})
    context = graph.context(recipe)
    trial, settings = graph.trial(recipe), recipe.stages["hate"]
    source = context.encoder_source(settings.encoder)
    one, other = (build_model(trial, "hate", context, None).encoder for _ in range(2))
    assert source.is_pretrained
    below = one.below(1)
    assert below
    for name, parameter in one.named_parameters():
        shared = parameter.data_ptr() == other.get_parameter(name).data_ptr()
        assert shared == (name in below), name
        assert parameter.requires_grad != shared
