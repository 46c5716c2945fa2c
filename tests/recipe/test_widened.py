"""The line that TP001 gives can be written into a space, and the space is then wider."""

from __future__ import annotations

import pytest
import yaml

from tests.store.made_recipes import two_stages
from tune_polar.recipe.recorded import space_from_json
from tune_polar.recipe.space import Space
from tune_polar.recipe.widened import widened


def space_of(key, about, recipe=None):
    return space_from_json({"name": "s", "parameters": [{"key": key, **about}]}, recipe or two_stages())


@pytest.mark.parametrize(
    ("key", "about", "upward", "ends"),
    [
        ("finder.optimizer.lr", {"type": "float", "low": 1e-4, "high": 0.01, "log": True}, True, (1e-4, 0.1)),
        ("finder.optimizer.lr", {"type": "float", "low": 1e-4, "high": 0.01, "log": True}, False, (1e-5, 0.01)),
        ("finder.optimizer.fgm_epsilon", {"type": "float", "low": 0.5, "high": 1.0}, True, (0.5, 1.5)),
        ("finder.optimizer.fgm_epsilon", {"type": "float", "low": 0.5, "high": 1.0, "step": 0.25}, True, (0.5, 1.5)),
        ("finder.optimizer.fgm_epsilon", {"type": "float", "low": 0.2, "high": 1.0}, False, (0.0, 1.0)),
        ("finder.optimizer.xi", {"type": "float", "low": 0.5, "high": 0.9}, True, (0.5, 1.0)),
        ("finder.optimizer.xi", {"type": "float", "low": 0.5, "high": 0.9}, False, (0.1, 0.9)),
        ("finder.optimizer.xi", {"type": "float", "low": 0.2, "high": 0.9}, False, (0.1, 0.9)),  # above 0, not 0
        ("finder.head.size", {"type": "int", "low": 8, "high": 64, "log": True}, True, (8, 640)),
        (
            "finder.head.size",
            {"type": "int", "low": 8, "high": 64, "log": True},
            False,
            (2, 64),
        ),  # the least that it may be
    ],
)
def test_a_range_is_widened_as_far_as_the_recipe_allows(key, about, upward, ends):
    line = widened(key, space_of(key, about), upward=upward)
    written = yaml.safe_load(line)[key]
    assert (written["low"], written["high"]) == pytest.approx(ends)
    assert {name: value for name, value in written.items() if name not in ("low", "high")} == {
        name: value for name, value in about.items() if name not in ("low", "high")
    }
    Space.model_validate({"space": "s", "recipe": "r", "parameters": {key: written}})


def test_a_vector_is_widened_as_one():
    key = "sorter.losses.asymmetric.gamma_negative"
    recipe = two_stages(sorter__losses={"asymmetric": {"gamma_negative": {"x": 3, "y/z": 3}}})
    about = {"type": "vector", "element": {"type": "float", "low": 0.0, "high": 6.0}}
    line = widened(f"{key}.y/z", space_of(key, about, recipe), upward=True)
    assert yaml.safe_load(line) == {key: {"type": "vector", "element": {"type": "float", "low": 0.0, "high": 12.0}}}
