"""Points of a space: what may be proposed, when, and that all of it makes a recipe."""

from __future__ import annotations

import math
from collections.abc import Sequence

import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.samplers import RandomSampler

from tune_polar.spec.configuration import configuration_id
from tune_polar.spec.fill import fill, value_at
from tune_polar.spec.space import Scalar
from tune_polar.spec.space_file import split_point

ALL_KEYS = [
    "detector.lr",
    "detector.loss",
    "detector.centers",
    "classifier.gamma_negative.x",
    "classifier.gamma_negative.y/z",
    "decision.tau",
]


class Drawn:
    """Any value within what is asked for, as a sampler may choose it, drawn by hypothesis."""

    def __init__(self, data: st.DataObject) -> None:
        self._draw = data.draw

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        return low + step * self._draw(st.integers(0, (high - low) // step), label=name)

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        if step is None:
            return self._draw(st.floats(low, high), label=name)
        return min(low + step * self._draw(st.integers(0, round((high - low) / step)), label=name), high)

    def suggest_categorical(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        return self._draw(st.sampled_from(choices), label=name)


class Scripted:
    """Given values, or the low end; keeps what was asked."""

    def __init__(self, **values: Scalar) -> None:
        self._values = {name.replace("__", "."): value for name, value in values.items()}
        self.asked: list[tuple[object, ...]] = []

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> Scalar:
        self.asked.append((name, low, high, step, log))
        return self._values.get(name, low)

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> Scalar:
        self.asked.append((name, low, high, step, log))
        return self._values.get(name, low)

    def suggest_categorical(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        self.asked.append((name, *choices))
        return self._values.get(name, choices[0])


def test_each_parameter_is_asked_for_as_the_file_says(space):
    asking = Scripted()
    point = space().suggest(asking)
    assert list(point) == ALL_KEYS
    assert asking.asked == [
        ("detector.lr", 1e-5, 1e-2, None, True),
        ("detector.loss", "soft_triple", "cross_entropy"),
        ("detector.centers", 1, 21, 5, False),
        ("classifier.gamma_negative.x", 0, 6, 0.5, False),
        ("classifier.gamma_negative.y/z", 0, 6, 0.5, False),
        ("decision.tau", 0.2, 0.8, None, False),
    ]


def test_a_condition_on_a_searched_key_follows_what_was_proposed(space):
    point = space().suggest(Scripted(detector__loss="cross_entropy"))
    assert "detector.centers" not in point
    assert list(point) == [key for key in ALL_KEYS if key != "detector.centers"]


def test_a_condition_on_a_key_that_is_not_searched_follows_the_recipe(space, load):
    over = load(changes={"classifier.loss": "binary_cross_entropy"}).recipe
    point = space(over=over).suggest(Scripted())
    assert not [key for key in point if key.startswith("classifier.")]


def test_a_condition_on_a_key_that_is_itself_inactive_follows_the_recipe(space):
    edits = {"decision.tau: {type: float,": "decision.tau: {when: {detector.centers: [10]}, type: float,"}
    loaded = space(edits)
    assert "decision.tau" in loaded.suggest(Scripted(detector__loss="cross_entropy"))  # 10 is the recipe's own
    assert "decision.tau" not in loaded.suggest(Scripted(detector__centers=1))


def test_conditions_of_several_keys_must_all_hold(space):
    both = "when: {detector.loss: [soft_triple], detector.lr: [1e-5]}"
    loaded = space({"when: {detector.loss: [soft_triple]}": both})
    assert "detector.centers" in loaded.suggest(Scripted())
    assert "detector.centers" not in loaded.suggest(Scripted(detector__lr=1e-3))
    assert "detector.centers" not in loaded.suggest(Scripted(detector__loss="cross_entropy"))


def test_a_vector_has_one_value_for_each_label_of_the_recipe(space, load):
    over = load({"[x, y/z]\nencoder": "[x, y/z, w.v]\nencoder", "    y/z: 2": "    y/z: 2\n    w.v: 3"}).recipe
    loaded = space(over=over)
    point = loaded.suggest(Scripted(**{"classifier.gamma_negative.w.v": 5.5}))
    filled = loaded.fill(point)
    assert filled.classifier.gamma_negative == {"x": 0.0, "y/z": 0.0, "w.v": 5.5}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(data=st.data())
def test_every_value_that_may_be_proposed_makes_a_recipe(space, data):
    loaded = space()
    point = loaded.suggest(Drawn(data))
    filled = loaded.fill(point)
    for key, value in point.items():
        assert value_at(filled, key) == value
        assert type(value_at(filled, key)) is type(value)
    untouched = {key: value_at(loaded.recipe, key) for key in point}
    assert fill(filled, untouched) == loaded.recipe


def test_every_value_that_optuna_proposes_makes_a_recipe(space):
    loaded = space()
    study = optuna.create_study(sampler=RandomSampler(seed=1))
    points = [loaded.suggest(study.ask()) for _ in range(100)]
    assert len({configuration_id(loaded.fill(point)) for point in points}) == 100
    for point in points:
        for key, parameter in (("detector.centers", "detector.centers"), ("decision.tau", "decision.tau")):
            if key in point:
                assert loaded.parameters[parameter].as_proposed(point[key]) == point[key]


def test_the_ends_of_a_range_belong_to_it(space):
    loaded = space()
    for key in ("detector.lr", "detector.centers", "decision.tau"):
        parameter = loaded.parameters[key]
        for end in (parameter.low, parameter.high):
            assert parameter.as_proposed(end) == end


@pytest.mark.parametrize(
    ("key", "value", "proposed"),
    [
        ("detector.centers", 11, 11),
        ("detector.centers", 11.0, 11),
        ("detector.centers", 12, None),
        ("detector.centers", 26, None),
        ("detector.centers", True, None),
        ("detector.centers", None, None),
        ("detector.centers", "11", None),
        ("detector.lr", 1e-3, 1e-3),
        ("detector.lr", 1, None),
        ("detector.lr", None, None),
        ("detector.lr", math.nan, None),
        ("detector.loss", "soft_triple", "soft_triple"),
        ("detector.loss", "other", None),
        ("detector.loss", None, None),
    ],
)
def test_a_value_as_the_sampler_would_have_proposed_it(space, key, value, proposed):
    found = space().parameters[key].as_proposed(value)
    assert found == proposed
    assert type(found) is type(proposed)


# -- the recipe as a point --------------------------------------------------------------------------------------


def test_the_recipe_is_a_point_where_it_lies_in_the_space(space, load):
    recipe = load(changes={"detector.centers": 11}).recipe
    loaded = space(over=recipe)
    point = loaded.published()
    assert point == {
        "detector.lr": 1e-3,
        "detector.loss": "soft_triple",
        "detector.centers": 11,
        "classifier.gamma_negative.x": 4.0,
        "classifier.gamma_negative.y/z": 2.0,
        "decision.tau": 0.4,
    }
    assert loaded.fill(point) == recipe


@pytest.mark.parametrize(
    "changes",
    [
        {"detector.centers": 12},  # off the grid of steps
        {"detector.lr": 1},
        {"decision.tau": 0.9},
        {"classifier.gamma_negative.y/z": 2.25},
    ],
)
def test_a_recipe_outside_the_space_is_no_point(space, load, changes):
    over = load(changes={"detector.centers": 11, **changes}).recipe
    assert space(over=over).published() is None


def test_inactive_keys_are_left_out_of_the_recipes_point(space, load):
    over = load(changes={"detector.loss": "cross_entropy", "detector.centers": 12}).recipe
    assert "detector.centers" not in space(over=over).published()


def test_whole_and_broken_numbers_are_the_same_choice(space, load):
    over = load(changes={"detector.centers": 11, "classifier.gamma_positive": 1, "detector.la": 20}).recipe
    extra = (
        "  classifier.gamma_positive: {type: categorical, choices: [0, 1]}\n"
        "  detector.la: {type: int, low: 1, high: 30}\n"
    )
    loaded = space({"  decision.tau:": f"{extra}  decision.tau:"}, over=over)
    point = loaded.published()
    assert (point["classifier.gamma_positive"], point["detector.la"]) == (1, 20)
    assert loaded.fill(point) == over


# -- profiles ---------------------------------------------------------------------------------------------------


def test_a_profile_replaces_ranges_and_keeps_their_place(space):
    loaded = space(profile="tiny")
    assert list(loaded.parameters) == list(space().parameters)
    assert (loaded.parameters["detector.lr"].low, loaded.parameters["detector.lr"].high) == (1e-3, 1e-1)
    assert loaded.parameters["decision.tau"] == space().parameters["decision.tau"]


def test_what_a_manifest_keeps_of_a_space(space):
    kept = space().to_json()
    assert kept["name"] == "mini"
    assert kept["parameters"]["detector.centers"] == {
        "when": {"detector.loss": ["soft_triple"]},
        "type": "int",
        "low": 1,
        "high": 21,
        "step": 5,
        "log": False,
    }


def test_decision_values_are_told_from_training_values():
    training, decision = split_point({"decision.k": 3, "detector.lr": 1e-3, "decision.tau": 0.5})
    assert training == {"detector.lr": 1e-3}
    assert decision == {"decision.k": 3, "decision.tau": 0.5}
