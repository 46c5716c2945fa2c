"""Stages and decisions have an order of their own, which no file and no record can change."""

from __future__ import annotations

import json

import pytest

from tune_polar.recipe.cells import Cell, cells
from tune_polar.recipe.configuration import canonical_json
from tune_polar.recipe.graph import circle_in, in_order
from tune_polar.recipe.recipe import Recipe


def test_stages_are_trained_after_what_they_start_from_and_the_scored_last(recipe, load):
    assert list(recipe.stages) == ["finder", "sorter"]
    alone = load({"    start: {stage: finder}\n": ""}).recipe
    assert list(alone.stages) == ["finder", "sorter"]  # the gate's keeper is read first
    scored = load({"of: system, m": "of: vote, m"}).recipe
    assert list(scored.stages) == ["finder", "sorter"] or list(scored.stages) == ["sorter", "finder"]
    unread = load({"    start: {stage: finder}\n": "", "of: system, m": "of: kinds, m"}).recipe
    assert list(unread.stages) == ["finder", "sorter"]


def test_decisions_come_after_those_they_read(recipe):
    assert list(recipe.decide) == ["vote", "kinds", "system"]


@pytest.mark.parametrize("turned", [True, False])
def test_no_order_of_keys_matters(load, recipe_text, turned):
    recipe = load().recipe
    values = json.loads(canonical_json(recipe.model_dump(mode="json")))  # keys sorted
    if turned:
        values["stages"] = dict(reversed(values["stages"].items()))
        values["decide"] = dict(reversed(values["decide"].items()))
    again = Recipe.model_validate(values)
    assert again == recipe
    assert list(again.stages) == list(recipe.stages)
    assert list(again.decide) == list(recipe.decide)


def test_losses_are_in_order_of_their_names(load):
    soft_triple = "      soft_triple: {centers: 10}"
    one = load({soft_triple: f"{soft_triple}\n      cross_entropy: {{}}"}).recipe
    assert list(one.stages["finder"].losses) == ["cross_entropy", "soft_triple"]


def test_components_of_a_stage_say_when_it_must_be_trained_anew(recipe, load):
    assert [each.name for each in recipe.stages["sorter"].components] == [
        "multilabel",
        "mlp",
        "asymmetric",
        "length_grouped",
    ]
    adapted = load({"encoder:\n": "encoder:\n  adapter: lora\n"}).recipe
    assert {each.name: each.version for each in adapted.stages["finder"].components} == {
        "lora": 1,
        "binary": 1,
        "projection": 1,
        "soft_triple": 1,
        "balanced": 1,
    }


def test_names_in_order_and_in_circles():
    edges = {"c": ["a", "b"], "b": ["a"], "a": [], "d": []}
    assert in_order(["c", "d"], edges) == ["a", "b", "c", "d"]
    assert circle_in(edges) is None
    assert circle_in({"a": ["b"], "b": ["c"], "c": ["b"]}) == ("b", "c", "b")
    assert circle_in({"a": ["a"]}) == ("a", "a")
    assert circle_in({"x": ["b"], "b": ["b2"], "b2": ["b"]}) == ("b", "b2", "b")


class Plan:
    count = 3


def test_cells_are_all_folds_with_one_seed_after_the_other(load):
    recipe = load({"recipe: mini": "recipe: mini\nseeds: [7, 3]"}).recipe
    assert [str(cell) for cell in cells(recipe, Plan())] == ["f0-s7", "f1-s7", "f2-s7", "f0-s3", "f1-s3", "f2-s3"]
    assert Cell(fold=0, seed=42) < Cell(fold=1, seed=0)
