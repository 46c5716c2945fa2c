"""Decisions and metrics as a recipe may name them, and the code that bears their names."""

from __future__ import annotations

import inspect

import pytest

from tune_polar.decide import kinds
from tune_polar.decide.checkpoint_scores import keep_metric
from tune_polar.decide.metrics import METRICS
from tune_polar.recipe.components import DECISIONS
from tune_polar.recipe.components.metrics import METRICS as NAMED

OF_THE_GRAPH = {"of", "by", "per"}  # what a decision reads, not how it decides


@pytest.mark.parametrize("name", tuple(DECISIONS))
def test_a_decision_takes_the_settings_that_a_recipe_gives_it(name):
    kind, fields = kinds.DECISIONS[name], DECISIONS[name].model_fields
    taken = {key: each.default for key, each in inspect.signature(kind).parameters.items()}
    written = {  # what has no default in a recipe is always given: its task says it
        key: taken.get(key) if field.is_required() else field.default
        for key, field in fields.items()
        if key not in OF_THE_GRAPH
    }
    assert written == taken
    assert ("by" in fields) == kind.is_gated
    assert set(kind.parameters) <= set(fields)


def test_every_decision_may_be_written():
    assert set(kinds.DECISIONS) == set(DECISIONS)


@pytest.mark.parametrize("name", NAMED)
def test_a_metric_scores_what_a_recipe_lets_it_score(name):
    metric, named = keep_metric(name), NAMED[name]
    golds = named.golds or named.kept_golds
    assert set(golds) <= set(metric.kinds)
    assert bool(named.golds) == (name in METRICS and metric.reads == "decided")


def test_every_metric_may_be_written():
    assert set(METRICS) <= set(NAMED)
