"""The JSON Schemas for editors agree with what loading accepts and refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.recipe.conftest import SPACE, edited
from tests.recipe.shipped import SPACES, TRIALS
from tune_polar.errors import SpecError
from tune_polar.recipe.schema import DIALECT, recipe_schema, space_schema
from tune_polar.recipe.strict_yaml import parse_value, read_yaml


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


@pytest.mark.parametrize("schema", [recipe_schema(), space_schema()], ids=["recipe", "space"])
def test_both_are_schemas_of_the_dialect_they_name(schema):
    assert schema["$schema"] == DIALECT == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(schema)


def test_every_shipped_recipe_and_every_sketch_fits(recipes):
    paths = sorted([*TRIALS.glob("*.yaml"), *(Path(__file__).parent / "sketches").glob("*.yaml")])
    assert len(paths) >= 13
    assert {str(path): faults(recipes, read_yaml(path).content) for path in paths} == {str(p): [] for p in paths}


def test_every_shipped_space_fits(spaces):
    paths = sorted(SPACES.glob("*.yaml"))
    assert len(paths) >= 5
    assert {path.stem: faults(spaces, read_yaml(path).content) for path in paths} == {p.stem: [] for p in paths}


def test_the_small_recipe_and_space_fit_and_with_them_the_tests_below(recipes, spaces, recipe_text):
    assert faults(recipes, parse_value(recipe_text, "")) == []
    assert faults(spaces, parse_value(SPACE, "")) == []


@pytest.mark.parametrize(
    ("edits", "place"),
    [
        ({"      lr: 1e-3": "      lr: 0"}, "stages.finder.optimizer.lr"),
        ({"      lr: 1e-3": "      lr: abc"}, "stages.finder.optimizer.lr"),
        ({"      lr: 1e-3": "      lrr: 1e-3"}, "stages.finder.optimizer"),
        ({"k: 5": "k: 201"}, "decide.vote.k"),
        ({"k: 5": "k: 2.5"}, "decide.vote.k"),
        ({"k: 5": "j: 5"}, "decide.vote"),
        ({"of: sorter}": "of: sorter, rule: best}"}, "decide.kinds.rule"),
        ({"type: knn_vote": "type: knn"}, "decide.vote.type"),
        ({"recipe: mini\n": ""}, ""),
        ({"recipe: mini": "recipe: mini\nfoo: 1"}, ""),
        ({"recipe: mini": "recipe: mini\nchanges: {}"}, ""),
        ({"  sorter:\n": "  sorter: 3\n  x:\n"}, "stages.sorter"),
        ({"          y/z: 2": "          y/z: 21"}, "stages.sorter.losses.asymmetric.gamma_negative"),
        ({"soft_triple: {": "softtriple: {"}, "stages.finder.losses"),
        ({"{centers: 10}": "{centers: 0}"}, "stages.finder.losses.soft_triple.centers"),
        ({"{type: projection, size: 64}": "{type: projection, dropout: 0.1}"}, "stages.finder.head"),
        ({"{type: mlp}": "mpl"}, "stages.sorter.head"),
        ({"metric: macro_f1": "metric: f1"}, "score.metric"),
        ({"    title: no LLRD\n": ""}, "ablations.no_llrd"),
        ({"{finder.optimizer.xi: 1}": "{finder.optimizer.xi: 2}"}, "ablations.no_llrd.changes.finder.optimizer.xi"),
        ({"{finder.optimizer.xi: 1}": "{encoder.tiny.hidden: 33}"}, "ablations.no_llrd.changes.encoder.tiny.hidden"),
        (
            {"finder.optimizer.lr: 1e-2": "sorter.losses.asymmetric.gamma_negative.x: 21"},
            "profiles.tiny.changes.sorter.losses.asymmetric.gamma_negative.x",
        ),
        ({"encoders: [tiny, small]": "encoders: tiny"}, "profiles.tiny.encoders"),
    ],
)
def test_a_recipe_that_loading_refuses_does_not_fit(recipes, load, recipe_text, edits, place):
    assert place in faults(recipes, parse_value(edited(recipe_text, edits), ""))
    with pytest.raises(SpecError):
        load(edits, profile="tiny" if place.startswith("profiles") else None)


@pytest.mark.parametrize(
    ("document", "fits"),
    [
        ({"extends": "st1"}, True),
        ({"extends": "st1", "recipe": "x", "description": "y", "changes": {"detector.optimizer.lr": 1e-3}}, True),
        ({"extends": "st1", "changes": {"lr": 1e-3, "detector": {"optimizer": {"lr": 1}}}}, True),
        ({"extends": "st1", "stages": {"detector": {"optimizer": {"lr": 1}}, "other": None}}, True),
        ({"extends": "st1", "stages": {"a": {"like": "detector"}}, "decide": {"x": None}}, True),
        ({"extends": "st1", "ablations": {"no_fgm": None}}, True),
        ({"extends": "st1", "encoder": "tiny", "stages": {"a": {"start": "b", "head": "mlp", "losses": "mse"}}}, True),
        ({"extends": "st1", "stages": {"a": {"losses": "epm + language_contrast"}}}, True),
        ({"extends": "st1", "stages": {"a": {"losses": "epm + other"}}}, False),
        ({"extends": "st1", "stages": {"a": {"start": None}}}, True),
        ({"recipe": "x", "stages": {"m": {"task": {"type": "binary", "target": "t"}}}}, True),
        ({"recipe": "x"}, False),
        ({"extends": "st1", "detector": {}}, False),
        ({"extends": 3}, False),
        ({"extends": ""}, False),
        ({"extends": "st1", "changes": {"detector.optimizer.lr": 0}}, False),
        ({"extends": "st1", "changes": {"stages.detector.optimizer.lr": 0}}, False),
        ({"extends": "st1", "changes": []}, False),
        ({"extends": "st1", "stages": {"a": {"losses": {"mse": {"delta": 1}}}}}, False),
        ({"extends": "st1", "stages": {"a": {"head": {"type": "linear", "size": 3}}}}, False),
        ([], False),
        (None, False),
    ],
)
def test_documents(recipes, document, fits):
    assert recipes.is_valid(document) == fits


FLOAT = {"type": "float", "low": 0.1, "high": 1}


@pytest.mark.parametrize(
    ("parameters", "fits"),
    [
        ({"detector.optimizer.lr": FLOAT}, True),
        (
            {"detector": {"optimizer": {"lr": FLOAT}, "head": {"type": {"type": "categorical", "choices": ["mlp"]}}}},
            True,
        ),
        ({"lr": {**FLOAT, "when": {"detector.losses": ["soft_triple"]}}}, True),
        ({"gamma_negative": {"type": "vector", "element": FLOAT}}, True),
        ({"detector.start": {"type": "categorical", "choices": ["a", None]}}, True),
        ({"seeds": {"type": "int", "low": 1, "high": 2}}, False),
        ({"folds.count": {"type": "int", "low": 1, "high": 2}}, False),
        ({"score.of": {"type": "categorical", "choices": ["a"]}}, False),
        ({"detector.lr": {"type": "real", "low": 0.1, "high": 1}}, False),
        ({"detector.lr": {"low": 0.1, "high": 1}}, False),
        ({"detector.lr": {"type": "float", "low": "a", "high": 1}}, False),
        ({"detector.lr": {**FLOAT, "steps": 3}}, False),
        ({"detector.losses": {"type": "categorical", "choices": []}}, False),
        ({"detector.losses": {"type": "categorical", "choices": [[1]]}}, False),
        ({"gamma_negative": {"type": "vector", "element": {"type": "vector"}}}, False),
        ({"gamma_negative": {"type": "vector", "over": "labels", "element": FLOAT}}, False),
        ({}, False),
    ],
)
def test_spaces(spaces, parameters, fits):
    assert spaces.is_valid({"space": "x", "recipe": "st1", "parameters": parameters}) == fits
    profiles = {"tiny": {"parameters": parameters}}
    good = {"detector.lr": FLOAT}
    assert spaces.is_valid({"space": "x", "recipe": "st1", "parameters": good, "profiles": profiles}) == fits


def test_every_setting_has_its_meaning_in_the_schema(recipes):
    optimizer = recipes.schema["$defs"]["Optimizer"]["properties"]
    assert "Learning rate" in optimizer["lr"]["description"]
    assert "soft_triple" in recipes.schema["$defs"]["Stage"]["properties"]["losses"]["else"]["properties"]
    kept = recipes.schema["$defs"]["Stage"]["properties"]["keep"]["enum"]
    assert {"last", "precision_at_1", "macro_f1"} <= set(kept)


def test_a_schema_does_not_change_with_the_folder_it_is_made_in(tmp_path: Path, monkeypatch):
    before = (recipe_schema(), space_schema())
    monkeypatch.chdir(tmp_path)
    assert (recipe_schema(), space_schema()) == before
