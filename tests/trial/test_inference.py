"""A trained stage without its data says of its validation rows what its record says, to 1e-5."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from graph_bench import ONE_STAGE, TWO_STAGES, Bench, recipe_of, result_of
from test_stage_parts import recipe_on
from transformers import BertConfig, BertModel, BertTokenizer

from tests.stand_in.install import pretended_cards
from tests.stand_in.known_cards import LAPTOP
from tune_polar.data.table import Corpus
from tune_polar.errors import ModelError
from tune_polar.recipe.recipe import Recipe
from tune_polar.store.records import StageRecord
from tune_polar.store.training_facts import Array
from tune_polar.trial.all_rows import all_rows_steps
from tune_polar.trial.all_rows_trial import StepsFound, all_rows_trial
from tune_polar.trial.inference import BatchSize, Encoders, TrainedStage, embedded_encoder, tokenizer_beside
from tune_polar.trial.run_fold_trial import run_fold_trial, weights_steps
from tune_polar.trial.stage_shape import StageShape

CPU = torch.device("cpu")


def left(graph: Bench, key: str) -> Mapping[str, Array]:
    weights = graph.store.weights(key)
    assert weights is not None
    return {name: weights[name] for name in weights}


def opened(recipe: Recipe, name: str, arrays: Mapping[str, Array]) -> TrainedStage:
    shape, tokenizer = StageShape.of(recipe, name), tokenizer_beside(arrays)
    return TrainedStage(name, shape, embedded_encoder(shape, tokenizer), tokenizer, arrays, CPU)


def record_of(graph: Bench, key: str) -> StageRecord:
    found = graph.store.stage(key)
    assert found is not None
    return found


@pytest.mark.parametrize("batch_rows", [7, 128])
def test_predictions_of_rows_held_out_are_those_of_the_record(graph: Bench, sample: Corpus, batch_rows: int) -> None:
    recipe = recipe_of(TWO_STAGES)
    for fold in (0, 2):
        for name, key in run_fold_trial(graph.trial(recipe, fold), graph.context(recipe)).stages.items():
            record, stage = record_of(graph, key), opened(recipe, name, left(graph, key))
            for split, texts in (("validation", sample.train.texts), ("dev", sample.splits["dev"].texts)):
                tokens = stage.tokens([texts[row] for row in record.rows(split)])
                found, stored = stage.table(tokens, BatchSize(batch_rows)), record.table(split)
                assert (found.shape, found.dtype) == (stored.shape, stored.dtype)
                assert np.abs(found.astype(float) - stored).max() < (1e-5 if name == "classifier" else 0.5)


@pytest.mark.skipif(torch.backends.cuda.is_built(), reason="the stand-in needs a torch built for the CPU")
def test_the_vectors_that_texts_are_compared_with_stay_with_the_model(graph: Bench, sample: Corpus) -> None:
    recipe = recipe_of(ONE_STAGE)
    record = record_of(graph, run_fold_trial(graph.trial(recipe), graph.context(recipe)).stages["detector"])
    arrays = left(graph, record.key)
    with pretended_cards(LAPTOP) as driver:
        stage, there = opened(recipe, "detector", arrays), torch.device("cuda", 0)
        stage.to(there)
        board, moved, plain = driver.boards[0], list[torch.Size](), torch.Tensor.to
        assert board.allocated >= stage.weight_bytes
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                torch.Tensor, "to", lambda tensor, *a, **k: moved.append(tensor.shape) or plain(tensor, *a, **k)
            )
            stage.table(stage.tokens(sample.train.texts[:1]), BatchSize())
        assert moved
        assert arrays["neighbours/vectors"].shape not in moved
        assert np.array_equal(stage.beside["neighbours/vectors"], arrays["neighbours/vectors"])
        stage.to(torch.device("cpu"))
        assert board.allocated - int(LAPTOP.workspace_mb * 2**20) == 0


def without(name: str) -> Any:
    return lambda arrays: {key: value for key, value in arrays.items() if key != name}


def with_(name: str, value: Array) -> Any:
    return lambda arrays: {**arrays, name: value}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (without("tokenizer/characters"), "must come with its characters"),
        (with_("tokenizer/characters", np.array([65, 65], dtype=np.int32)), "each once"),
        (with_("tokenizer/characters", np.array([-1], dtype=np.int32)), "code points"),
        (without("neighbours/vectors"), "vectors of its training rows"),
        (with_("neighbours/classes", np.array([7], dtype=np.int32)), "and a class below 2"),
        (without("head.layers.0.weight"), "stored weights must fit"),
        (with_("head.layers.0.weight", np.zeros((2, 2), dtype=np.float32)), "stored weights must fit"),
        (with_("encoder.backbone.embeddings.word_embeddings.weight", np.zeros((2, 2), dtype=np.float32)), "must fit"),
    ],
)
def test_what_is_no_stage_is_refused(graph: Bench, changed: Any, said: str) -> None:
    recipe = recipe_of(ONE_STAGE)
    key = run_fold_trial(graph.trial(recipe), graph.context(recipe)).stages["detector"]
    with pytest.raises(ModelError, match=said):
        opened(recipe, "detector", changed(left(graph, key)))


def weights_of(graph: Bench) -> set[str]:
    return {path.stem for path in (graph.folder / "weights").glob("*.safetensors")}


def test_weights_that_are_gone_are_trained_again_and_are_the_same(graph: Bench) -> None:
    recipe = recipe_of(TWO_STAGES)
    context, trial = graph.context(recipe), graph.trial(recipe)
    keys = run_fold_trial(trial, context).stages
    before = {name: left(graph, key) for name, key in keys.items()}
    for path in (graph.folder / "weights").iterdir():
        path.unlink()
    stages = {path: path.read_bytes() for path in (graph.folder / "stages").iterdir()}
    result_of(weights_steps(trial, context, ["classifier"]))
    assert keys["classifier"] in weights_of(graph)
    result_of(weights_steps(trial, context, list(keys)))
    assert weights_of(graph) == set(keys.values())
    assert {path: path.read_bytes() for path in (graph.folder / "stages").iterdir()} == stages, "records stay"
    for name, key in keys.items():
        again = left(graph, key)
        assert again.keys() == before[name].keys()
        assert all(np.array_equal(again[each], before[name][each]) for each in again)
    assert list(weights_steps(trial, context, list(keys))) == []


STEPS = {"detector": StepsFound(3, 4), "classifier": StepsFound(2, 4)}


def test_one_model_of_all_rows(graph: Bench, sample: Corpus) -> None:
    recipe = recipe_of(TWO_STAGES)
    context, inputs = graph.context(recipe), graph.trial(recipe).inputs
    trial = all_rows_trial(recipe, 42, inputs, STEPS)
    steps = all_rows_steps(trial, context, graph.store, STEPS)
    seen = [next(steps) for _ in range(2)]
    steps.close()  # as Ctrl-C does
    assert [(each.stage, each.step, each.total_steps) for each in seen] == [("detector", 1, 3), ("detector", 2, 3)]
    keys = result_of(all_rows_steps(trial, context, graph.store, STEPS))
    assert weights_of(graph) == set(keys.values())
    assert graph.stages() == set(), "it holds nothing out, and has no record to be scored by"
    assert not list((graph.folder / "checkpoints").glob("*"))
    assert list(all_rows_steps(trial, context, graph.store, STEPS)) == []
    index = left(graph, keys["detector"])["neighbours/classes"]
    assert index.tolist() == sample.train.values("polarization").tolist()
    assert opened(recipe, "classifier", left(graph, keys["classifier"])).weight_bytes > 1000
    other = all_rows_trial(recipe, 42, inputs, {**STEPS, "detector": StepsFound(4, 4)})
    assert other.stage_key("detector", None) != trial.stage_key("detector", None), "the steps are in its key"
    fold = graph.trial(recipe)
    assert fold.stage_key("detector", None) not in keys.values()


def test_the_schedule_is_that_of_the_folds(graph: Bench) -> None:
    """To the last step of the schedule it is what a fold of all these rows would keep; before that it is another."""
    recipe = recipe_of(ONE_STAGE)
    context, inputs = graph.context(recipe), graph.trial(recipe).inputs
    ends = []
    for of in (3, 30):
        steps = {"detector": StepsFound(3, of)}
        trial = all_rows_trial(recipe, 42, inputs, steps)
        keys = result_of(all_rows_steps(trial, context, graph.store, steps))
        ends.append(left(graph, keys["detector"])["head.layers.0.weight"])
    assert not np.array_equal(*ends)


def test_an_encoder_of_the_hub(graph: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "bert"
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set("".join(graph.corpus.train.texts)) - {" "})]
    config = BertConfig(
        vocab_size=len(names), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    BertModel(config).save_pretrained(folder)
    BertTokenizer(vocab={name: number for number, name in enumerate(names)}).save_pretrained(folder)
    recipe = recipe_on(folder)
    record = record_of(graph, run_fold_trial(graph.trial(recipe), graph.context(recipe)).stages["hate"])
    encoder, tokenizer = Encoders().load(str(folder), None, "auto")
    shape = StageShape.of(recipe, "hate")
    stage = TrainedStage("hate", shape, encoder, tokenizer, left(graph, record.key), CPU)
    tokens = stage.tokens([graph.corpus.train.texts[row] for row in record.rows("validation")])
    assert np.abs(stage.table(tokens, BatchSize()) - record.table("validation")).max() < 1e-5
