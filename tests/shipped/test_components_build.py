"""Every component that a recipe may name is built by its name with its own settings, and does what it is for once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
import pytest
import torch

from tune_polar.data.batches import BatchContext, make_batches
from tune_polar.data.columns import class_column, group_column, label_column, number_column
from tune_polar.data.plans import corpus_for, make_plans
from tune_polar.data.table import Corpus, Split
from tune_polar.decide.checkpoint_scores import keep_metric
from tune_polar.decide.choose_thresholds import THRESHOLD_RULES
from tune_polar.decide.kinds import build_decision
from tune_polar.decide.metrics import METRICS as MEASURED
from tune_polar.decide.rows import Gold
from tune_polar.model.heads import build_head
from tune_polar.model.losses import LossBatch, LossContext, build_loss
from tune_polar.recipe.components import BATCHES, DECISIONS, HEADS, LOSSES, METRICS, PLANS, TASKS
from tune_polar.recipe.components.decisions import ThresholdRule
from tune_polar.recipe.components.metrics import LAST, keeps_of
from tune_polar.recipe.defaults import with_defaults
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.registry import Component

ROWS, HIDDEN = 12, 8
# Settings without a default, by the name they have.
GIVEN: dict[str, Any] = {"target": "x", "targets": ("x", "y"), "of": "x", "by": "language", "rule": "max_f1"}
KINDS = {
    "binary": ("binary", 1, 2),
    "labels": ("multilabel", 2, 2),
    "class": ("multiclass", 3, 3),
    "number": ("regression", 1, 0),
}


def settings_of(kind: type[Component], *elsewhere: str) -> dict[str, Any]:
    """What a recipe that says nothing gives its builder."""
    given = GIVEN | ({"of": ("x", "y")} if kind.name in ("mean", "ensemble") else {})
    needed = {name: given[name] for name, field in kind.model_fields.items() if field.is_required()}
    return {name: value for name, value in kind(**needed).model_dump().items() if name not in elsewhere}


def losses() -> Iterator[tuple[str, str]]:
    yield from ((name, gold) for name in list(LOSSES) for gold in sorted(LOSSES[name].golds))


def test_every_kind_of_component_has_some():
    for registry in (TASKS, HEADS, LOSSES, BATCHES, PLANS, DECISIONS):
        assert len(list(registry)) >= 3, registry.word


@pytest.mark.parametrize(("name", "gold"), list(losses()))
def test_a_loss_has_a_gradient(name, gold):
    task, width, classes = KINDS[gold]
    on_vectors = LOSSES[name].heads == {"embeddings"}
    outputs = torch.randn(ROWS, HIDDEN if on_vectors else width, requires_grad=True)
    kind = "embeddings" if on_vectors else "values" if gold == "number" else "logits"
    context = LossContext(task, ("x", "y")[: 2 if gold == "labels" else 1], kind, outputs.shape[1], classes)
    loss = build_loss(name, context, **settings_of(LOSSES[name], "weight"))
    targets = {
        "binary": torch.arange(ROWS) % 2,
        "labels": (torch.arange(2 * ROWS).reshape(ROWS, 2) % 3 == 0).long(),
        "class": torch.arange(ROWS) % 3,
        "number": torch.linspace(1, 5, ROWS),
    }[gold]
    embeddings = torch.randn(ROWS, HIDDEN, requires_grad=True)
    positives, clusters = embeddings.detach() + 1.2 * torch.randn(ROWS, HIDDEN), torch.arange(ROWS) % 4
    groups = torch.arange(ROWS) % 2
    value = loss(LossBatch(outputs, embeddings, targets, positives=positives, clusters=clusters, groups=groups))
    assert value.shape == ()
    value.backward()
    gradients = [each.grad for each in (outputs, embeddings) if each.grad is not None]
    assert gradients
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("name", list(HEADS))
def test_a_head_gives_what_its_settings_say(name):
    head = build_head(name, HIDDEN, 3, **settings_of(HEADS[name]))
    given = head(torch.randn(ROWS, HIDDEN))
    assert given.shape == (ROWS, head.width)
    assert head.gives_embeddings == (HEADS[name].gives == "embeddings")


@pytest.mark.parametrize("name", list(BATCHES))
def test_batches_are_as_large_as_asked(name):
    codes = np.arange(40) % 2
    context = BatchContext(np.arange(40) % 7 + 3, lambda by: codes, np.random.default_rng(0))
    rows = next(iter(make_batches(name, context, **settings_of(BATCHES[name]))))
    assert 1 <= len(rows) <= 16
    assert set(rows.tolist()) <= set(range(40))


@pytest.mark.parametrize("name", list(PLANS))
def test_a_plan_validates_what_it_does_not_train_on(name):
    rows = 60
    columns = {
        "x": label_column(row % 2 for row in range(rows)),
        "topic": class_column([("a", "b")[row % 2] for row in range(rows)], ("a", "b")),
        "grade": number_column(float(row % 5) for row in range(rows)),
        "language": group_column([("deu", "eng", "zho")[row % 3] for row in range(rows)]),
        "split": group_column([("dev" if row % 5 == 0 else "train") for row in range(rows)]),
    }
    texts = tuple(f"text {row}" for row in range(rows))
    settings = settings_of(PLANS[name], "order")
    corpus = corpus_for(name, Corpus("made", {"train": Split("train", texts, texts, columns)}), **settings)
    plan = make_plans(name, corpus, stages={"model": {}}, targets={"model": ("x",)}, **settings)["model"]
    assert plan.count >= 1
    assert not (plan.training & plan.validation).any()


@pytest.mark.parametrize("name", list(DECISIONS))
def test_a_decision_is_built(name):
    decision = build_decision(name, **settings_of(DECISIONS[name], "of", "by", "per"))
    assert decision.decides
    assert set(DECISIONS[name].free) <= {*decision.parameters, "rule", "method"}


@pytest.mark.parametrize("name", list(TASKS))
def test_a_task_makes_a_whole_recipe(name):
    kind = TASKS[name]
    task = {"type": name, **{key: GIVEN[key] for key in kind.model_fields}}
    data: dict[str, Any] = {
        "label": {"labels": ["x", "y"]},
        "class": {"classes": {"x": ["a", "b"]}},
        "number": {"numbers": {"x": []}},
    }
    tree = {"recipe": "made", "data": data[kind.reads], "stages": {"model": {"task": task}}}
    recipe = Recipe.model_validate(with_defaults(tree))
    assert recipe.stages["model"].task.gold == kind.gold
    assert recipe.decide[recipe.score.of].name in list(DECISIONS)


@pytest.mark.parametrize("name", tuple(METRICS))
def test_a_metric_is_measured(name):
    golds = METRICS[name].golds or METRICS[name].kept_golds
    assert golds
    assert set(golds) <= set(keep_metric(name).kinds)


@pytest.mark.parametrize("name", [name for name in MEASURED if METRICS[name].golds])
def test_right_decisions_score_best(name):
    metric = MEASURED[name]
    for kind in METRICS[name].golds:
        values = np.arange(ROWS).reshape(-1, 1) % 2
        gold = Gold(
            kind,
            np.repeat(values, 2, axis=1) if kind == "labels" else values,
            ("x", "y") if kind in ("labels", "class") else ("x",),
        )
        right = gold.values.astype(np.float64) if kind == "number" else gold.values
        wrong = 1 - right
        assert metric.gain(metric.score(gold, right), metric.score(gold, wrong)) > 0
        assert name in (*keeps_of(kind, "value" if kind == "number" else "probability"), LAST)


def test_every_threshold_rule_may_be_written():
    assert set(get_args(ThresholdRule)) == set(THRESHOLD_RULES)
