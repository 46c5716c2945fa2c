"""What a recipe may name is built: every component's settings are the keyword arguments of the class of its name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic_core import PydanticUndefined

from tune_polar.data.batches import BATCHES as BATCH_MAKERS
from tune_polar.model.heads import HEADS, build_head
from tune_polar.model.losses import LOSSES, LossContext, build_loss
from tune_polar.recipe.components import BATCHES as BATCH_SETTINGS
from tune_polar.recipe.components import HEADS as HEAD_SETTINGS
from tune_polar.recipe.components import LOSSES as LOSS_SETTINGS
from tune_polar.recipe.registry import Component

TASK_KINDS = {"binary": "binary", "labels": "multilabel", "class": "multiclass", "number": "regression"}
OF_THE_SUM = {"weight"}  # settings of a loss that its sum reads


def keywords(builder: Any, settings: type[Component], elsewhere: set[str]) -> Iterator[tuple[str, object, object]]:
    """Each setting with its default in the recipe and in the builder."""
    parameters = inspect.signature(builder).parameters
    taken = {name: each.default for name, each in parameters.items() if each.kind is each.KEYWORD_ONLY}
    named = {name: field.default for name, field in settings.model_fields.items() if name not in elsewhere}
    assert taken.keys() == named.keys()
    for name, default in named.items():
        yield name, default, taken[name]


def test_there_is_something_to_look_at() -> None:
    assert set(LOSS_SETTINGS) >= {"soft_triple", "cross_entropy", "asymmetric", "mse", "huber"}
    assert set(HEAD_SETTINGS) >= {"projection", "mlp", "linear", "pooler"}
    assert set(LOSS_SETTINGS) == {name for name in LOSSES if name in LOSS_SETTINGS}
    assert set(HEAD_SETTINGS) == set(HEADS)
    assert set(BATCH_SETTINGS) <= set(BATCH_MAKERS)


@pytest.mark.parametrize("name", list(LOSS_SETTINGS))
def test_a_losss_settings_are_those_of_its_class(name: str) -> None:
    for setting, ours, theirs in keywords(LOSSES[name], LOSS_SETTINGS[name], OF_THE_SUM):
        assert ours == theirs, setting


@pytest.mark.parametrize("name", list(HEAD_SETTINGS))
def test_a_heads_settings_are_those_of_its_class(name: str) -> None:
    for setting, ours, theirs in keywords(HEADS[name], HEAD_SETTINGS[name], set()):
        assert ours == theirs, setting
    assert HEADS[name].gives_embeddings == (HEAD_SETTINGS[name].gives == "embeddings")
    assert build_head(name, 8, 3, **HEAD_SETTINGS[name]().model_dump()).width > 0


@pytest.mark.parametrize("name", list(BATCH_SETTINGS))
def test_settings_of_batches_are_those_of_their_maker(name: str) -> None:
    for setting, ours, theirs in keywords(BATCH_MAKERS[name], BATCH_SETTINGS[name], set()):
        assert theirs in (ours, inspect.Parameter.empty), setting
        assert ours is not PydanticUndefined


@pytest.mark.parametrize("name", list(LOSS_SETTINGS))
@pytest.mark.parametrize("gold", TASK_KINDS)
@pytest.mark.parametrize("gives", ["outputs", "embeddings"])
def test_both_floors_agree_which_losses_fit(name: str, gold: Any, gives: str) -> None:
    settings = LOSS_SETTINGS[name]
    outputs: Any = "embeddings" if gives == "embeddings" else "values" if gold == "number" else "logits"
    context = LossContext(TASK_KINDS[gold], ("a",), outputs, 1, 2)  # type: ignore[arg-type]
    fits = gold in settings.golds and gives in settings.heads
    loss = LOSSES[name]
    assert fits == (context.task_kind in loss.tasks and outputs in loss.reads)
    if fits:
        assert build_loss(name, context, **settings().model_dump(exclude=OF_THE_SUM)).reduction in ("sum", "mean")
