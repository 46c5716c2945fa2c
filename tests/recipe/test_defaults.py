"""A recipe says what it must; the task says the rest, and a loaded recipe says everything."""

from __future__ import annotations

import pytest

from tests.recipe.conftest import MINE
from tune_polar.recipe.defaults import with_defaults
from tune_polar.recipe.recipe import Recipe

DATA = {
    "labels": ["yes", "a", "b"],
    "classes": {"topic": ["news", "sport"]},
    "numbers": {"grade": [1, 5], "open": []},
}
TASKS = {
    "binary": {"type": "binary", "target": "yes"},
    "labels": {"type": "multilabel", "targets": ["a", "b"]},
    "class": {"type": "multiclass", "target": "topic"},
    "number": {"type": "regression", "target": "grade"},
}


def recipe_of(stage: dict[str, object], **more: object) -> Recipe:
    values = {"recipe": "r", "data": DATA, "stages": {"model": stage}, "encoder": {"name": "some/one"}, **more}
    return Recipe.model_validate(with_defaults(values))


@pytest.mark.parametrize(
    ("task", "losses", "predicts", "decision", "metric"),
    [
        (
            "binary",
            ["cross_entropy"],
            "probability",
            {"type": "threshold", "rule": "smoothed_max_macro_f1"},
            "macro_f1",
        ),
        ("labels", ["cross_entropy"], "probability", {"type": "threshold", "rule": "smoothed_max_f1"}, "macro_f1"),
        ("class", ["cross_entropy"], "probability", {"type": "argmax"}, "macro_f1"),
        ("number", ["mse"], "value", {"type": "clip", "low": 1.0, "high": 5.0}, "pearson"),
    ],
)
def test_the_task_says_what_is_left_out(task, losses, predicts, decision, metric):
    recipe = recipe_of({"task": TASKS[task]})
    stage = recipe.stages["model"]
    assert list(stage.losses) == losses
    assert (stage.predicts, stage.head.name, stage.batches.name, stage.batches.size) == (
        predicts,
        "linear",
        "length_grouped",
        16,
    )
    assert (recipe.score.of, recipe.score.metric, stage.keep) == ("model", metric, metric)
    assert recipe.folds.model_dump() == {"order": "file", "count": 5, "seed": 42, "together": ()}
    assert recipe.seeds == (42,)
    found = recipe.model_dump()["decide"]["model"]
    assert {key: found[key] for key in decision} == decision
    assert found["of"] == "model"


@pytest.mark.parametrize(("task", "rule"), [("binary", "smoothed_max_macro_f1"), ("labels", "smoothed_max_f1")])
def test_a_written_threshold_has_the_rule_of_its_task_too(task, rule):
    left_out = recipe_of({"task": TASKS[task]})
    for decide in (
        {"it": {"type": "threshold", "of": "model"}},
        {"both": {"type": "mean", "of": ["model"]}, "it": {"type": "threshold", "of": "both"}},
        {"model": {"type": "threshold", "of": "model"}},
    ):
        recipe = recipe_of({"task": TASKS[task]}, decide=decide)
        assert recipe.decide[recipe.score.of].model_dump()["rule"] == rule
        assert recipe.score.metric == left_out.score.metric
    assert left_out.decide["model"].model_dump()["rule"] == rule
    written = recipe_of({"task": TASKS[task]}, decide={"it": {"type": "threshold", "of": "model", "rule": "max_f1"}})
    assert written.decide["it"].model_dump()["rule"] == "max_f1"


@pytest.mark.parametrize(
    "stage",
    [
        {"head": {"type": "projection"}},
        {"losses": {"soft_triple": {}}},
        {"predicts": "neighbours"},
        {"losses": {"cross_entropy": {}}, "head": "projection"},
    ],
)
def test_vectors_ask_for_neighbours_and_a_vote(stage):
    values = {**stage, "task": TASKS["binary"]}
    if values.get("head") == "projection":
        values["head"] = {"type": "projection"}
    recipe = recipe_of(values)
    found = recipe.stages["model"]
    assert (found.head.name, found.predicts, found.keep) == ("projection", "neighbours", "precision_at_1")
    assert recipe.decide["model"].name == "knn_vote"


def test_a_number_without_a_range_is_not_clipped():
    recipe = recipe_of({"task": {"type": "regression", "target": "open"}})
    assert recipe.decide["model"].model_dump() == {"of": "model", "low": None, "high": None}


def test_what_is_kept_is_the_scores_own_metric_where_it_fits():
    recipe = recipe_of({"task": TASKS["number"]}, score={"of": "model", "metric": "mae"})
    assert recipe.stages["model"].keep == "mae"
    assert recipe_of({"task": TASKS["class"]}, score={"metric": "accuracy"}).stages["model"].keep == "accuracy"


def test_stages_of_other_kinds_keep_by_their_own_metric():
    stages = {"grader": {"task": TASKS["number"]}, "model": {"task": TASKS["labels"], "start": "grader"}}
    recipe = recipe_of({}, stages={**stages, "model": {**stages["model"], "start": {"stage": "grader"}}})
    assert recipe.score.of == "model"
    assert {name: stage.keep for name, stage in recipe.stages.items()} == {"grader": "pearson", "model": "macro_f1"}


def test_the_last_decision_is_scored():
    stages = {"one": {"task": TASKS["binary"]}, "two": {"task": TASKS["labels"]}}
    decide = {
        "first": {"type": "threshold", "of": "one"},
        "second": {"type": "threshold", "of": "two"},
        "gated": {"type": "gate", "of": "second", "by": "first"},
    }
    recipe = recipe_of({}, stages=stages, decide=decide)
    assert recipe.score.of == "gated"
    assert list(recipe.decide) == ["first", "second", "gated"]


def test_a_gate_and_a_mean_of_stages_give_these_their_own_decisions():
    stages = {"one": {"task": TASKS["binary"]}, "two": {"task": TASKS["labels"]}}
    recipe = recipe_of({}, stages=stages, decide={"gated": {"type": "gate", "of": "two", "by": "one"}})
    assert {name: each.name for name, each in recipe.decide.items()} == {
        "one": "threshold",
        "two": "threshold",
        "gated": "gate",
    }
    stages = {"one": {"task": TASKS["number"]}, "two": {"task": TASKS["number"]}}
    recipe = recipe_of({}, stages=stages, decide={"both": {"type": "mean", "of": ["one", "two"]}})
    assert (recipe.score.of, set(recipe.decide)) == ("both", {"one", "two", "both"})


def test_the_embedded_encoder_gets_larger_steps():
    tiny = Recipe.model_validate(
        with_defaults({"recipe": "r", "data": DATA, "stages": {"m": {"task": TASKS["class"]}}})
    )
    stage = tiny.stages["m"]
    assert (stage.encoder.name, stage.encoder.pooling, stage.encoder.tiny.hidden) == ("tiny", "mean", 64)
    assert (stage.optimizer.lr, stage.optimizer.max_epochs, stage.batches.size) == (2e-3, 5.0, 32)
    told = {"task": TASKS["class"], "optimizer": {"lr": 1e-3}, "batches": {"type": "shuffled", "size": 8}}
    stage = Recipe.model_validate(with_defaults({"recipe": "r", "data": DATA, "stages": {"m": told}})).stages["m"]
    assert (stage.optimizer.lr, stage.batches.name, stage.batches.size) == (1e-3, "shuffled", 8)


@pytest.mark.parametrize(
    ("said", "bounds"),
    [
        ({}, (None, 5.0)),
        ({"max_steps": None}, (None, 5.0)),
        ({"max_steps": 40}, (40, None)),
        ({"max_epochs": 9}, (None, 9.0)),
        ({"max_steps": 40, "max_epochs": 9}, (40, 9.0)),
        ({"max_epochs": None}, (None, None)),
    ],
)
@pytest.mark.parametrize("encoder", ["tiny", "x/y"])
def test_a_bound_that_is_given_is_the_only_one(said, bounds, encoder):
    """What is asked for in epochs is not cut by steps that nobody asked for, nor the other way round."""
    recipe = recipe_of({"task": TASKS["class"], "optimizer": said}, encoder={"name": encoder})
    steps, epochs = bounds
    if encoder != "tiny" and not said.get("max_epochs"):
        epochs = None  # 3,000 steps, which no key says
    found = recipe.stages["model"].optimizer
    assert (found.max_steps, found.max_epochs) == (steps, epochs)


def test_a_stage_has_the_recipes_encoder_with_what_it_says_otherwise():
    recipe = recipe_of(
        {"task": TASKS["class"], "encoder": {"pooling": "mean"}}, encoder={"name": "x/y", "revision": "r"}
    )
    encoder = recipe.stages["model"].encoder
    assert (encoder.name, encoder.revision, encoder.pooling) == ("x/y", "r", "mean")


def test_three_lines_make_a_recipe(load):
    recipe = load(text=MINE).recipe
    assert recipe.stages["model"].columns == ("topic",)
    assert recipe.decide["model"].name == "argmax"
    assert recipe.score.model_dump() == {"of": "model", "metric": "macro_f1"}


def test_filling_in_again_changes_nothing(recipe, mine):
    for each in (recipe, mine):
        assert Recipe.model_validate(with_defaults(each.model_dump())) == each


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"stages": 3},
        {"stages": {"m": 3}},
        {"stages": {"m": {}}},
        {"stages": {"m": {"task": 3, "head": 3, "losses": 3, "batches": 3, "optimizer": 3, "encoder": 3}}},
        {"stages": {"m": {"task": {"type": ["binary"]}}}, "score": 3, "decide": 3, "folds": 3, "encoder": 3, "data": 3},
        {"stages": {"m": {"task": TASKS["binary"]}}, "decide": {"a": 3, "b": {"of": 3}, "c": {"of": "c"}}},
        {"stages": {"m": {"task": TASKS["binary"]}}, "decide": {"a": {"of": "b"}, "b": {"of": "a"}}},
        {"stages": {"m": {"task": TASKS["number"]}}, "data": {"numbers": {"grade": 3}}, "score": {"of": 3}},
        {"stages": {"m": {"task": {"type": "multilabel", "targets": 3}}}, "score": {"of": "m"}},
    ],
)
def test_values_that_cannot_be_read_are_left_for_the_check(values):
    filled = with_defaults(values)
    with pytest.raises(ValueError, match=r"."):
        Recipe.model_validate(filled)
