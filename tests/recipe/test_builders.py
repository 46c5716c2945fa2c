"""Each component's settings have one builder of the same name, which takes exactly these settings."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping

import pytest

from tune_polar.data.batches import BATCHES as BATCH_MAKERS
from tune_polar.data.plans import PLANS as PLAN_MAKERS
from tune_polar.decide.kinds import DECISIONS as DECISION_KINDS
from tune_polar.model.heads import HEADS as HEAD_CLASSES
from tune_polar.model.losses.base import LOSSES as LOSS_CLASSES
from tune_polar.recipe.components import BATCHES, DECISIONS, HEADS, LOSSES, PLANS
from tune_polar.recipe.registry import Component, Registry

# Settings that another floor reads: the weight in a sum of losses, what a graph of decisions is made of, the order in
# which a file is read.
ELSEWHERE = {"weight", "of", "by", "per", "order"}
PAIRS: tuple[tuple[Registry[Component], Mapping[str, object], set[str]], ...] = (
    (LOSSES, LOSS_CLASSES, {"weight"}),
    (HEADS, HEAD_CLASSES, set()),
    (BATCHES, BATCH_MAKERS, set()),
    (PLANS, PLAN_MAKERS, {"order"}),
    (DECISIONS, DECISION_KINDS, {"of", "by", "per"}),
)


def every() -> Iterator[tuple[str, type[Component], object, set[str]]]:
    for registry, builders, elsewhere in PAIRS:
        for name in registry:
            yield f"{registry.word} {name}", registry[name], builders[name], elsewhere


EVERY = list(every())


@pytest.mark.parametrize(("settings", "builder", "elsewhere"), [e[1:] for e in EVERY], ids=[e[0] for e in EVERY])
def test_a_builder_takes_the_settings_of_its_name(settings, builder, elsewhere):
    taken = {
        name: parameter.default
        for name, parameter in inspect.signature(builder).parameters.items()
        if parameter.kind == parameter.KEYWORD_ONLY
        or (parameter.kind == parameter.POSITIONAL_OR_KEYWORD and name in settings.model_fields)
    }
    assert set(taken) == set(settings.model_fields) - elsewhere
    for name, default in taken.items():
        about = settings.model_fields[name]
        if default is not inspect.Parameter.empty and not about.is_required():
            assert about.default == default, name


def test_every_builder_has_settings():
    for registry, builders, _ in PAIRS:
        assert set(builders) <= set(registry), registry.word
