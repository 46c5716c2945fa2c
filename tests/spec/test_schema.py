"""The JSON Schemas for editors agree with what loading accepts and refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tune_polar.assets import shipped
from tune_polar.errors import SpecError
from tune_polar.spec.draft import known_keys
from tune_polar.spec.schema import DIALECT, recipe_schema, space_schema
from tune_polar.spec.strict_yaml import parse_value, read_yaml


@pytest.fixture(scope="module")
def recipes() -> Draft202012Validator:
    return Draft202012Validator(recipe_schema())


@pytest.fixture(scope="module")
def spaces() -> Draft202012Validator:
    return Draft202012Validator(space_schema())


def faults(validator: Draft202012Validator, document: object) -> list[str]:
    """Places of the document that break the schema, and those inside an alternative that does not fit."""
    found = list(validator.iter_errors(document))
    for error in found:
        found.extend(error.context)
    return sorted(".".join(map(str, error.absolute_path)) for error in found)


@pytest.mark.parametrize("schema", [recipe_schema(), space_schema()])
def test_both_are_schemas_of_the_dialect_they_name(schema):
    assert schema["$schema"] == DIALECT == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(schema)


def test_every_shipped_recipe_fits(recipes):
    paths = sorted(shipped("trials").glob("*.yaml"))
    assert len(paths) >= 6
    assert {path.stem: faults(recipes, read_yaml(path).content) for path in paths} == {p.stem: [] for p in paths}


def test_every_shipped_space_fits(spaces):
    paths = sorted(shipped("search_spaces").glob("*.yaml"))
    assert len(paths) >= 3
    assert {path.stem: faults(spaces, read_yaml(path).content) for path in paths} == {p.stem: [] for p in paths}


def test_the_small_recipe_fits_and_with_it_the_tests_below(recipes, recipe_text):
    assert faults(recipes, parse_value(recipe_text, "")) == []


@pytest.mark.parametrize(
    ("edits", "place"),
    [
        ({"  lr: 1e-3": "  lr: 0"}, "detector.lr"),
        ({"  lr: 1e-3": "  lr: abc"}, "detector.lr"),
        ({"  lr: 1e-3": "  lrr: 1e-3"}, "detector"),
        ({"  k: 5": "  k: 201"}, "decision.k"),
        ({"  k: 5": "  k: 2.5"}, "decision.k"),
        ({"  k: 5": "  threshold_rule: best"}, "decision.threshold_rule"),
        ({"recipe: mini\n": ""}, ""),
        ({"recipe: mini": "recipe: mini\nfoo: 1"}, ""),
        ({"recipe: mini": "recipe: mini\nchanges: {}"}, ""),
        ({"classifier:\n": "classifier: 3\nx:\n"}, "classifier"),
        ({"    y/z: 2": "    y/z: 21"}, "classifier.gamma_negative.y/z"),
        ({"    title: no LLRD\n": ""}, "ablations.no_llrd"),
        ({"{classifier.xi: 1}": "{classifier.xi: 2}"}, "ablations.no_llrd.changes.classifier.xi"),
        ({"{classifier.xi: 1}": "{classifier.x: 1}"}, "ablations.no_llrd.changes"),
        ({"{classifier.xi: 1}": "{encoder.tiny.hidden: 33}"}, "ablations.no_llrd.changes.encoder.tiny.hidden"),
        ({"detector.lr: 1e-2": "classifier.gamma_negative.x: 21"}, "profiles.tiny.changes.classifier.gamma_negative.x"),
        (
            {"detector.lr: 1e-2": "classifier.gamma_negative: {x: 21}"},
            "profiles.tiny.changes.classifier.gamma_negative.x",
        ),
        ({"encoders: [tiny, small]": "encoders: tiny"}, "profiles.tiny.encoders"),
    ],
)
def test_a_recipe_that_loading_refuses_does_not_fit(recipes, load, recipe_text, edits, place):
    text = recipe_text
    for old, new in edits.items():
        text = text.replace(old, new, 1)
    assert place in faults(recipes, parse_value(text, ""))
    with pytest.raises(SpecError):
        load(edits, profile="tiny" if place.startswith("profiles") else None)


@pytest.mark.parametrize(
    ("document", "fits"),
    [
        ({"extends": "st1"}, True),
        ({"extends": "st1", "recipe": "x", "description": "y", "changes": {"detector.lr": 1e-3}}, True),
        ({"extends": "st1", "changes": {"classifier.gamma_negative.racial/ethnic": 3}}, True),
        ({"extends": "st1", "changes": {"detector": {"lr": 1}}}, False),
        ({"extends": "st1", "detector": {}}, False),
        ({"extends": 3}, False),
        ({"extends": ""}, False),
        ({"extends": "st1", "changes": {"detector.lr": 0}}, False),
        ({"extends": "st1", "changes": []}, False),
        ([], False),
        (None, False),
    ],
)
def test_variants(recipes, document, fits):
    assert recipes.is_valid(document) == fits


def test_every_key_of_a_recipe_may_be_changed(recipes):
    known = recipes.schema["$defs"]["Changes"]["properties"]
    assert {"seed", "detector.lr", "encoder.tiny.hidden", "classifier.gamma_negative"} <= set(known)
    for section in ("detector", "classifier", "decision", "encoder", "folds", "task"):
        assert {f"{section}.{name}" for name in known_keys((section,))} <= set(known)


@pytest.mark.parametrize(
    ("parameters", "fits"),
    [
        ({"detector.lr": {"type": "float", "low": 0.1, "high": 1}}, True),
        ({"detector.lr": {"type": "float", "low": 0.1, "high": 1, "when": {"detector.loss": ["soft_triple"]}}}, True),
        ({"classifier.gamma_negative.racial/ethnic": {"type": "int", "low": 1, "high": 3}}, True),
        ({"detector.lrr": {"type": "float", "low": 0.1, "high": 1}}, False),
        ({"detector": {"type": "float", "low": 0.1, "high": 1}}, False),
        ({"seed": {"type": "int", "low": 1, "high": 2}}, False),
        ({"encoder.name": {"type": "categorical", "choices": ["a"]}}, False),
        ({"detector.lr": {"type": "real", "low": 0.1, "high": 1}}, False),
        ({"detector.lr": {"low": 0.1, "high": 1}}, False),
        ({"detector.lr": {"type": "float", "low": "a", "high": 1}}, False),
        ({"detector.lr": {"type": "float", "low": 0.1, "high": 1, "steps": 3}}, False),
        ({"detector.loss": {"type": "categorical", "choices": []}}, False),
        ({"detector.head_lr": {"type": "categorical", "choices": [None]}}, False),
        ({"classifier.gamma_negative": {"type": "vector", "over": "labels", "element": {"type": "vector"}}}, False),
        ({}, False),
    ],
)
def test_spaces(spaces, parameters, fits):
    assert spaces.is_valid({"space": "x", "recipe": "st1", "parameters": parameters}) == fits
    profiles = {"tiny": {"parameters": parameters or {"x": {}}}}
    good = {"detector.lr": {"type": "float", "low": 0.1, "high": 1}}
    assert spaces.is_valid({"space": "x", "recipe": "st1", "parameters": good, "profiles": profiles}) == fits


def test_a_schema_does_not_change_with_the_folder_it_is_made_in(tmp_path: Path, monkeypatch):
    before = (recipe_schema(), space_schema())
    monkeypatch.chdir(tmp_path)
    assert (recipe_schema(), space_schema()) == before
