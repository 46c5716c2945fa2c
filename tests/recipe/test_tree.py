"""Laying values over one another, whoever does it: files, changes, points."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tune_polar.recipe.nodes import root
from tune_polar.recipe.tree import NOTHING, columns_at, merged, put

STAGE = root().below("stages").items
HEAD, LOSSES, START = (STAGE.below(key) for key in ("head", "losses", "start"))
GAMMA = LOSSES.below("asymmetric").below("gamma_negative")


@pytest.mark.parametrize(
    ("node", "old", "new", "expected"),
    [
        (HEAD, {"type": "mlp", "dropout": 0.3}, {"hidden": 8}, {"type": "mlp", "dropout": 0.3, "hidden": 8}),
        (HEAD, {"type": "mlp", "dropout": 0.3}, {"type": "mlp"}, {"type": "mlp", "dropout": 0.3}),
        (HEAD, {"type": "mlp", "dropout": 0.3}, {"type": "linear"}, {"type": "linear"}),
        (HEAD, {"type": "mlp", "dropout": 0.3}, "mlp", {"type": "mlp", "dropout": 0.3}),
        (HEAD, {"type": "mlp", "dropout": 0.3}, "linear", {"type": "linear"}),
        (HEAD, NOTHING, "linear", {"type": "linear"}),
        (HEAD, {"type": "mlp"}, 3, 3),
        (HEAD, 3, {"type": "mlp"}, {"type": "mlp"}),
        (LOSSES, {"mse": {"weight": 2}}, {"mse": {}}, {"mse": {"weight": 2}}),
        (LOSSES, {"mse": {"weight": 2}}, "mse", {"mse": {"weight": 2}}),
        (LOSSES, {"mse": {"weight": 2}}, {"huber": {}}, {"huber": {}}),
        (LOSSES, {"mse": {"weight": 2}}, {"huber": {}, "mse": {}}, {"huber": {}, "mse": {}}),
        (LOSSES, {"mse": {"weight": 2}, "huber": {"delta": 2}}, {"mse": None}, {"huber": {"delta": 2}}),
        (LOSSES, {"mse": {}, "huber": {"delta": 2}}, {"mse": None, "huber": {}}, {"huber": {"delta": 2}}),
        (LOSSES, NOTHING, {"mse": None}, {"mse": {}}),
        (LOSSES, {"mse": {}}, 3, 3),
        (START, {"stage": "a", "fold": "best"}, "a", {"stage": "a", "fold": "best"}),
        (START, {"stage": "a", "fold": "best"}, None, None),
        (START, None, "a", {"stage": "a"}),
        (GAMMA, {"x": 1, "y": 2}, {"x": 3}, {"x": 3, "y": 2}),
        (GAMMA, {"x": 1, "y": 2}, 3, 3),
        (GAMMA, 3, {"x": 1}, {"x": 1}),
        (root().below("stages"), {"a": {"keep": "last"}, "b": {}}, {"a": None}, {"b": {}}),
        (
            root().below("stages"),
            {"a": {"keep": "last"}},
            {"a": {"predicts": "value"}},
            {"a": {"keep": "last", "predicts": "value"}},
        ),
        (
            root().below("data"),
            {"labels": ["a"], "groups": ["g"]},
            {"labels": ["b"]},
            {"labels": ["b"], "groups": ["g"]},
        ),
        (None, {"a": 1}, {"b": 1}, {"b": 1}),
    ],
)
def test_one_value_over_another(node, old, new, expected):
    assert merged(old, new, node) == expected


def test_values_that_were_there_stay_as_they_are():
    old = {"type": "mlp", "dropout": 0.3}
    new = {"hidden": [1]}
    found = merged(old, new, HEAD)
    assert (old, new) == ({"type": "mlp", "dropout": 0.3}, {"hidden": [1]})
    found["hidden"].append(2)
    assert new == {"hidden": [1]}


def test_a_recipe_over_itself_is_itself(recipe, mine):
    for each in (recipe, mine):
        whole = each.model_dump()
        assert merged(whole, whole, root()) == whole
        assert merged(whole, {}, root()) == whole
        assert merged(NOTHING, whole, root()) == whole


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_what_is_put_somewhere_is_found_there_and_nothing_else_is_moved(recipe, data):
    from tune_polar.recipe.fill import object_at
    from tune_polar.recipe.keys import known_keys

    places = [place for place in known_keys(recipe) if place.node.is_leaf and place.node.names_one is None]
    place = data.draw(st.sampled_from(places))
    value = data.draw(st.integers() | st.text() | st.lists(st.integers(), max_size=3))
    tree = recipe.model_dump()
    put(tree, place.path, value, root())
    inner: object = tree
    for part in place.path:
        inner = inner[part]
    assert inner == value
    put(tree, place.path, object_at(recipe, place.path), root())
    assert tree == recipe.model_dump()


def test_columns_of_the_task_that_a_place_belongs_to(recipe):
    tree = recipe.model_dump()
    expected = {
        ("stages", "sorter", "losses"): ("x", "y/z"),
        ("stages", "finder"): ("hurt",),
        ("decide", "kinds", "at"): ("x", "y/z"),
        ("decide", "system"): ("x", "y/z"),
        ("decide", "none"): (),
        ("encoder", "name"): (),
        ("stages",): (),
    }
    assert {path: columns_at(tree, path) for path in expected} == expected
    assert columns_at({"decide": {"a": {"of": "b"}, "b": {"of": ["a"]}}}, ("decide", "a")) == ()


def test_the_grammar_is_read_without_heavy_libraries():
    program = (
        "import pkgutil, importlib, sys, tune_polar.recipe as r\n"
        "for m in pkgutil.walk_packages(r.__path__, 'tune_polar.recipe.'): importlib.import_module(m.name)\n"
        "print(*sorted({'numpy', 'torch', 'pandas', 'ray', 'optuna'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
