"""What sources of unlike settings share, what a worker lets go of, and what it is said to hold."""

from __future__ import annotations

import gc
import shutil
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from graph_bench import ONE_STAGE, Bench, recipe_of

from tune_polar.data.table import Corpus
from tune_polar.errors import ModelError
from tune_polar.model.encoder import TextEncoder
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import Encoder
from tune_polar.trial import encoder_parts, tryout
from tune_polar.trial.encoder_parts import EncoderParts
from tune_polar.trial.encoder_source import EncoderSource
from tune_polar.trial.frozen_vectors import frozen_vectors
from tune_polar.trial.stage_build import build_stage
from tune_polar.trial.tryout import try_stages
from tune_polar.trial.tryout_result import StageTried


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of encoders, one for each time that weights are read."""
    names: list[str] = []
    load = encoder_parts.load_encoder

    def watched(name: str, **about: Any) -> Any:
        names.append(Path(name).name)
        return load(name, **about)

    monkeypatch.setattr(encoder_parts, "load_encoder", watched)
    return names


@pytest.fixture
def other(bert: Path, tmp_path: Path) -> Path:
    """The same weights under another name."""
    return Path(shutil.copytree(bert, tmp_path / "other"))


def settings(bert: Path, **changes: Any) -> Encoder:
    return Encoder.model_validate({"name": str(bert), "max_length_tokens": 32, **changes})


def recipe_on(*encoders: Path, losses: Mapping[str, Any] | None = None, **changes: Any) -> Recipe:
    """A stage for each encoder."""
    stages = {
        f"stage{number}": {
            "task": {"type": "binary", "target": "polarization"},
            "head": {"type": "linear"},
            "encoder": {"name": str(encoder), "max_length_tokens": 32, **changes},
            "batches": {"size": 16} if losses is None else {"type": "pairs", "size": 16},
            "optimizer": {"max_steps": 2, "eval_every_steps": 2, "lr": 1e-3},
            **({} if losses is None else {"losses": losses}),
        }
        for number, encoder in enumerate(encoders)
    }
    return recipe_of({**ONE_STAGE, "stages": stages, "decide": {}, "score": {"of": "stage0"}})


def weights_of(source: EncoderSource) -> set[int]:
    """Where they lie."""
    return {parameter.data_ptr() for parameter in source.untrained().parameters()}


# -- what is shared ----------------------------------------------------------------------------------------------


def test_weights_are_read_once_whatever_the_pooling_and_the_length(graph: Bench, bert: Path, loaded: list[str]) -> None:
    context = graph.context(recipe_of(ONE_STAGE))
    ways: list[dict[str, Any]] = [
        *({"pooling": pooling} for pooling in ("auto", "cls", "mean", "last_token")),
        {"max_length_tokens": 8},
        {"pooling": "mean", "max_length_tokens": 8},
        {"frozen_layers": 1},
    ]
    sources = [context.encoder_source(settings(bert, **way)) for way in ways]
    assert loaded == ["bert"]
    assert all(weights_of(source) == weights_of(sources[0]) for source in sources)
    assert [source.untrained().pooling for source in sources[:4]] == ["cls", "cls", "mean", "last_token"]


def test_a_pooling_computes_what_it_computes_alone(sample: Corpus, bert: Path) -> None:
    parts, rows, cpu = EncoderParts(), np.arange(20), torch.device("cpu")

    def vectors(source: EncoderSource) -> Any:
        return frozen_vectors(source.untrained(), source.train_tokens, rows, source.tokenizer.pad_id, cpu)

    found = []
    for pooling in ("cls", "mean", "last_token", "cls"):
        way = settings(bert, pooling=pooling)
        found.append(vectors(EncoderSource(way, sample, parts)))
        np.testing.assert_array_equal(found[-1], vectors(EncoderSource(way, sample)))
    assert not np.allclose(found[0], found[1])
    assert not np.allclose(found[0], found[2])


def test_tokens_are_made_once_whatever_the_pooling(sample: Corpus, bert: Path) -> None:
    parts = EncoderParts()
    for name in (str(bert), "tiny"):
        ways = [{}, {"pooling": "mean"}, {"max_length_tokens": 8}]
        one, pooled, short = (EncoderSource(settings(bert, name=name, **way), sample, parts) for way in ways)
        assert one.tokens is pooled.tokens
        assert one.train_tokens.lengths.max() > short.train_tokens.lengths.max() == 8


def test_a_base_as_it_is_stored_is_another_than_one_that_is_trained(
    graph: Bench, bert: Path, loaded: list[str]
) -> None:
    context = graph.context(recipe_of(ONE_STAGE))
    adapter = {"adapter": {"type": "lora", "rank": 2}}
    trained, base = (context.encoder_source(settings(bert, **way)) for way in ({}, adapter))
    assert loaded == ["bert", "bert"]
    assert not weights_of(trained) & weights_of(base)


def test_a_pooling_that_cannot_be_is_refused_and_the_rest_stays(
    graph: Bench, bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = graph.context(recipe_of(ONE_STAGE))
    first = context.encoder_source(settings(bert, pooling="mean"))
    monkeypatch.setattr("tune_polar.model.encoder.is_causal", lambda config: True)
    with pytest.raises(ModelError, match="pooling must not be cls for a decoder"):
        context.encoder_source(settings(bert, pooling="cls"))
    assert context.encoder_source(settings(bert, pooling="mean")) is first


# -- what stays --------------------------------------------------------------------------------------------------


def kept_after(graph: Bench, *recipes: Recipe) -> list[bool]:
    """Whether the encoder of each recipe's first stage is still in memory once a stage of the last one is built."""
    context = graph.context(recipes[0])
    seen = []
    for recipe in recipes:
        for name in recipe.stages:
            build_stage(graph.trial(recipe), name, context, None)
        source = context.encoder_source(recipe.stages["stage0"].encoder)
        seen.append(weakref.ref(source.untrained().backbone))
        del source
    gc.collect()
    return [each() is not None for each in seen]


def test_an_encoder_stays_as_long_as_trials_name_it(graph: Bench, bert: Path, other: Path, loaded: list[str]) -> None:
    assert kept_after(graph, recipe_on(bert), recipe_on(other)) == [False, True]
    loaded.clear()
    pooled = (recipe_on(bert, pooling=pooling) for pooling in ("cls", "mean", "cls"))
    assert kept_after(graph, *pooled) == [True, True, True]
    assert loaded == ["bert"]
    loaded.clear()
    assert kept_after(graph, recipe_on(bert, other), recipe_on(bert, other), recipe_on(other)) == [False, False, True]
    assert sorted(loaded) == ["bert", "other"], "both stay while a recipe names both"


def test_what_texts_are_clustered_by_is_named_too(graph: Bench, bert: Path, other: Path, loaded: list[str]) -> None:
    losses = {"cross_entropy": {"weight": 0.5}, "shared_con": {"weight": 0.5, "clusters": 2, "encoder": str(other)}}
    recipe = recipe_on(bert, losses=losses)
    context = graph.context(recipe)
    for fold in (0, 1):
        build_stage(graph.trial(recipe, fold), "stage0", context, None)
    assert loaded == ["bert", "other"]
    assert context.other_encoders_bytes(recipe.stages["stage0"].encoder) == size_of(context, other)


def size_of(context: Any, encoder: Path) -> int:
    backbone: TextEncoder = context.encoder_source(settings(encoder)).untrained()
    return sum(each.numel() * each.element_size() for each in backbone.parameters())


# -- what is told ------------------------------------------------------------------------------------------------


def test_a_tryout_counts_the_encoders_of_earlier_stages(
    graph: Bench, bert: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seconds in ("_TYPICAL_SECONDS", "_EVALUATED_SECONDS"):
        monkeypatch.setattr(tryout, seconds, 0.05)
    monkeypatch.setattr(tryout, "resident_bytes", lambda: 0)
    counted = {}
    for name, encoders in {"one": (bert, bert), "two": (bert, other)}.items():
        recipe = recipe_on(*encoders)
        context = graph.context(recipe)
        tried = list(try_stages(graph.trial(recipe), context))
        assert all(isinstance(each, StageTried) for each in tried)
        counted[name] = [each.host_predicted_bytes for each in tried if isinstance(each, StageTried)]
    size = size_of(context, bert)
    assert counted["one"][0] == counted["one"][1] == counted["two"][0]
    assert counted["two"][1] - counted["two"][0] == size > 0
