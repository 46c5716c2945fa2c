"""Points of a space: what may be proposed, when, and that all of it makes a recipe."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.samplers import RandomSampler

from tests.recipe.conftest import MINE
from tune_polar.recipe.configuration import canonical_json, configuration_id
from tune_polar.recipe.fill import fill, value_at
from tune_polar.recipe.loaded_space import is_free
from tune_polar.recipe.space import NotProposedError, Scalar

ALL_KEYS = [
    "finder.optimizer.lr",
    "finder.losses",
    "finder.losses.soft_triple.centers",
    "sorter.losses.asymmetric.gamma_negative.x",
    "sorter.losses.asymmetric.gamma_negative.y/z",
    "decide.vote.tau",
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

    def __init__(self, values: dict[str, Scalar] | None = None) -> None:
        self._values = values or {}
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
    assert list(point) == ALL_KEYS == list(space().keys)
    assert asking.asked == [
        ("finder.optimizer.lr", 1e-5, 1e-2, None, True),
        ("finder.losses", "soft_triple", "cross_entropy"),
        ("finder.losses.soft_triple.centers", 1, 21, 5, False),
        ("sorter.losses.asymmetric.gamma_negative.x", 0, 6, 0.5, False),
        ("sorter.losses.asymmetric.gamma_negative.y/z", 0, 6, 0.5, False),
        ("decide.vote.tau", 0.2, 0.8, None, False),
    ]


# -- what does nothing is not proposed ------------------------------------------------------------------------------


def test_a_key_of_a_component_follows_the_component_that_was_proposed(space):
    point = space().suggest(Scripted({"finder.losses": "cross_entropy"}))
    assert list(point) == [key for key in ALL_KEYS if key != "finder.losses.soft_triple.centers"]


def test_one_choice_may_be_several_losses(space):
    both = "cross_entropy + soft_triple"
    loaded = space({"[soft_triple, cross_entropy]": f"[soft_triple, cross_entropy, {both}]"})
    point = loaded.suggest(Scripted({"finder.losses": both}))
    assert list(point) == ALL_KEYS  # of each of them
    filled = loaded.fill(point)
    assert list(filled.stages["finder"].losses) == ["cross_entropy", "soft_triple"]
    assert loaded.value_in(filled, "finder.losses") == both
    assert loaded.point_at(lambda key: loaded.value_in(filled, key)) == point


def test_a_key_of_a_component_follows_the_recipe_where_none_is_searched(space, load):
    over = load(changes={"sorter.losses": "cross_entropy"}).recipe
    loaded = space(over=over)
    assert not [key for key in loaded.suggest(Scripted()) if key.startswith("sorter.")]
    assert not loaded.searches("sorter.losses.asymmetric.gamma_negative.x")
    assert space().searches("sorter.losses.asymmetric.gamma_negative.x")
    assert space().searches("sorter.losses.asymmetric.gamma_negative")
    assert not space().searches("sorter.optimizer.lr")


LINE = "finder.optimizer.lr: {type: float, low: 1e-5, high: 1e-2, log: true}"


@pytest.mark.parametrize("chooser", ["sorter.head", "sorter.head.type"])
def test_a_key_that_only_another_component_has_is_proposed_with_it(space, chooser):
    edits = {
        LINE: f"{chooser}: {{type: categorical, choices: [mlp, linear]}}\n"
        "  sorter.head.hidden: {type: int, low: 8, high: 16}\n"
        "  sorter.head.dropout: {type: float, low: 0, high: 0.5}"
    }
    loaded = space(edits)
    assert set(loaded.suggest(Scripted())) >= {"sorter.head.hidden", "sorter.head.dropout"}
    linear = loaded.suggest(Scripted({chooser: "linear"}))
    assert ("sorter.head.hidden" in linear, "sorter.head.dropout" in linear) == (False, True)
    assert loaded.fill(linear).stages["sorter"].head.model_dump() == {"dropout": 0.0}


def test_a_key_of_a_section_that_is_left_out_is_not_proposed(space):
    edits = {
        LINE: "sorter.start: {type: categorical, choices: [finder, null]}\n"
        "  sorter.start.fold: {type: categorical, choices: [same, best]}"
    }
    loaded = space(edits)
    assert loaded.suggest(Scripted())["sorter.start.fold"] == "same"
    without = loaded.suggest(Scripted({"sorter.start": None}))
    assert "sorter.start.fold" not in without
    assert loaded.fill(without).stages["sorter"].start is None


def test_the_size_of_the_embedded_encoder_is_searched_with_it_alone(space, load):
    edits = {LINE: "encoder.tiny.hidden: {type: int, low: 32, high: 128, step: 32}"}
    assert "encoder.tiny.hidden" not in space(edits).suggest(Scripted())
    over = load(encoder="tiny").recipe
    assert space(edits, over=over).suggest(Scripted())["encoder.tiny.hidden"] == 32


def test_a_decision_that_nothing_scored_rests_on_is_not_searched(space, load):
    over = load({"of: system, m": "of: kinds, m"}).recipe
    assert "decide.vote.tau" not in space(over=over).suggest(Scripted())


def test_a_setting_that_only_one_kind_of_decision_has_is_searched_with_it_alone(space, load):
    edits = {LINE: "decide.model.rule: {type: categorical, choices: [max_f1, fixed]}"}
    text = "space: s\nrecipe: mine\nparameters:\n  " + LINE + "\n"
    over = load(text=MINE).recipe  # decided by argmax
    assert space({**edits}, over=over, text=text).suggest(Scripted()) == {}


def test_a_condition_on_a_key_that_is_itself_inactive_follows_the_recipe(space):
    edits = {"decide.vote.tau: {type: float,": "decide.vote.tau: {when: {finder.centers: [10]}, type: float,"}
    loaded = space(edits)
    assert "decide.vote.tau" in loaded.suggest(Scripted({"finder.losses": "cross_entropy"}))  # 10 is the recipe's own
    assert "decide.vote.tau" not in loaded.suggest(Scripted({"finder.losses.soft_triple.centers": 1}))


def test_conditions_of_several_keys_must_all_hold(space):
    loaded = space({"step: 5}": "step: 5, when: {finder.losses: [soft_triple], finder.lr: [1e-5]}}"})
    assert "finder.losses.soft_triple.centers" in loaded.suggest(Scripted())
    assert "finder.losses.soft_triple.centers" not in loaded.suggest(Scripted({"finder.optimizer.lr": 1e-3}))
    assert "finder.losses.soft_triple.centers" not in loaded.suggest(Scripted({"finder.losses": "cross_entropy"}))


@pytest.mark.parametrize("chooser", ["sorter.head", "sorter.head.type"])
@pytest.mark.parametrize("condition", ["sorter.head", "sorter.head.type"])
def test_a_condition_on_a_component_is_one_on_its_type(space, chooser, condition):
    edits = {
        LINE: f"{chooser}: {{type: categorical, choices: [mlp, linear]}}\n"
        f"  sorter.batches.size: {{type: int, low: 8, high: 16, when: {{{condition}: [mlp]}}}}"
    }
    loaded = space(edits)
    assert "sorter.batches.size" in loaded.suggest(Scripted())
    assert "sorter.batches.size" not in loaded.suggest(Scripted({chooser: "linear"}))
    alone = {LINE: edits[LINE].split("\n  ")[1]}
    assert "sorter.batches.size" in space(alone).suggest(Scripted())


# -- vectors --------------------------------------------------------------------------------------------------------


def test_a_vector_has_one_value_for_each_column_of_the_task(space, load):
    edits = {
        "labels: [hurt, x, y/z]": "labels: [hurt, x, y/z, w.v]",
        "targets: [x, y/z]": "targets: [x, y/z, w.v]",
        "          y/z: 2": "          y/z: 2\n          w.v: 3",
    }
    loaded = space(over=load(edits).recipe)
    point = loaded.suggest(Scripted({"sorter.losses.asymmetric.gamma_negative.w.v": 5.5}))
    filled = loaded.fill(point)
    assert filled.stages["sorter"].losses["asymmetric"].gamma_negative == {"x": 0.0, "y/z": 0.0, "w.v": 5.5}


def test_a_vector_over_a_value_that_serves_all_gives_each_its_own(space, load):
    edits = {"        gamma_negative:\n          x: 4\n          y/z: 2": "        gamma_negative: 3"}
    loaded = space(over=load({**edits, "{centers: 10}": "{centers: 11}"}).recipe)
    assert loaded.published()["sorter.losses.asymmetric.gamma_negative.y/z"] == 3.0
    point = loaded.suggest(Scripted({"sorter.losses.asymmetric.gamma_negative.x": 5.5}))
    assert loaded.fill(point).stages["sorter"].losses["asymmetric"].gamma_negative == {"x": 5.5, "y/z": 0.0}


def test_one_number_may_be_searched_for_all_columns(space):
    vector = (
        "  sorter.losses.asymmetric.gamma_negative:\n"
        "    type: vector\n    element: {type: float, low: 0, high: 6, step: 0.5}"
    )
    loaded = space({vector: "  sorter.losses.asymmetric.gamma_negative: {type: float, low: 0, high: 6}"})
    point = loaded.suggest(Scripted({"sorter.losses.asymmetric.gamma_negative": 2.0}))
    assert loaded.fill(point).stages["sorter"].losses["asymmetric"].gamma_negative == 2.0
    assert loaded.published() is None  # the recipe has one for each


# -- all that is proposed makes a recipe ----------------------------------------------------------------------------


def shown_at(recipe, key):
    """The value at a key, a component by its name."""
    value = value_at(recipe, key)
    return next(iter(value)) if key == "finder.losses" else value


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(data=st.data())
def test_every_value_that_may_be_proposed_makes_a_recipe(space, data):
    loaded = space()
    point = loaded.suggest(Drawn(data))
    filled = loaded.fill(point)
    for key, value in point.items():
        assert shown_at(filled, key) == value
        assert type(shown_at(filled, key)) is type(value)
    shuffled = dict(data.draw(st.permutations(list(point.items()))))
    assert loaded.fill(shuffled) == filled
    untouched = {key: shown_at(loaded.recipe, key) for key in point}
    assert fill(filled, untouched) == loaded.recipe


def test_every_value_that_optuna_proposes_makes_a_recipe(space):
    loaded = space()
    study = optuna.create_study(sampler=RandomSampler(seed=1))
    points = [loaded.suggest(study.ask()) for _ in range(100)]
    assert len({configuration_id(loaded.fill(point)) for point in points}) == 100
    for point in points:
        for key, value in point.items():
            assert loaded.singles[key].as_proposed(value) == value


def test_the_ends_of_a_range_belong_to_it(space):
    loaded = space()
    for key in ("finder.optimizer.lr", "finder.losses.soft_triple.centers", "decide.vote.tau"):
        parameter = loaded.parameters[key]
        for end in (parameter.low, parameter.high):
            assert parameter.as_proposed(end) == end


CENTERS = "finder.losses.soft_triple.centers"


@pytest.mark.parametrize(
    ("key", "value", "proposed"),
    [
        (CENTERS, 11, 11),
        (CENTERS, 11.0, 11),
        ("finder.optimizer.lr", 1e-3, 1e-3),
        ("finder.losses", "soft_triple", "soft_triple"),
    ],
)
def test_a_value_as_the_sampler_would_have_proposed_it(space, key, value, proposed):
    found = space().parameters[key].as_proposed(value)
    assert found == proposed
    assert type(found) is type(proposed)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *((CENTERS, value) for value in (12, 26, True, None, "11", math.nan)),
        *(("finder.optimizer.lr", value) for value in (1, None, math.nan, math.inf, "1")),
        *(("finder.losses", value) for value in ("other", None, True, ("soft_triple", "mse"))),
    ],
)
def test_a_value_that_no_sampler_proposes(space, key, value):
    with pytest.raises(NotProposedError):
        space().parameters[key].as_proposed(value)


# -- the recipe as a point ------------------------------------------------------------------------------------------


def test_the_recipe_is_a_point_where_it_lies_in_the_space(space, load):
    recipe = load(changes={CENTERS: 11}).recipe
    loaded = space(over=recipe)
    point = loaded.published()
    assert point == {
        "finder.optimizer.lr": 1e-3,
        "finder.losses": "soft_triple",
        CENTERS: 11,
        "sorter.losses.asymmetric.gamma_negative.x": 4.0,
        "sorter.losses.asymmetric.gamma_negative.y/z": 2.0,
        "decide.vote.tau": 0.4,
    }
    assert loaded.fill(point) == recipe


@pytest.mark.parametrize(
    "changes",
    [
        {CENTERS: 12},  # off the grid of steps
        {"finder.optimizer.lr": 1},
        {"decide.vote.tau": 0.9},
        {"sorter.losses.asymmetric.gamma_negative.y/z": 2.25},
        {"finder.losses.cross_entropy.weight": 0.5},  # two losses
    ],
)
def test_a_recipe_outside_the_space_is_no_point(space, load, changes):
    over = load(changes={CENTERS: 11, **changes}).recipe
    assert space(over=over).published() is None


def test_inactive_keys_are_left_out_of_the_recipes_point(space, load):
    over = load(changes={"finder.losses": "cross_entropy"}).recipe
    point = space(over=over).published()
    assert point["finder.losses"] == "cross_entropy"
    assert CENTERS not in point


def test_a_section_that_is_left_out_is_a_choice(space, load):
    edits = {LINE: "sorter.start: {type: categorical, choices: [finder, null]}"}
    over = load(changes={CENTERS: 11}).recipe
    assert space(edits, over=over).published()["sorter.start"] == "finder"
    over = load(changes={CENTERS: 11, "sorter.start": None}).recipe
    point = space(edits, over=over).published()
    assert point["sorter.start"] is None
    assert space(edits, over=over).fill(point) == over


def test_whole_and_broken_numbers_are_the_same_choice(space, load):
    over = load(changes={CENTERS: 11, "gamma_positive": 1, "la": 20}).recipe
    extra = (
        "  sorter.losses.asymmetric.gamma_positive: {type: categorical, choices: [0, 1]}\n"
        "  finder.losses.soft_triple.la: {type: int, low: 1, high: 30}\n"
    )
    loaded = space({"  decide.vote.tau:": f"{extra}  decide.vote.tau:"}, over=over)
    point = loaded.published()
    found = point["sorter.losses.asymmetric.gamma_positive"], point["finder.losses.soft_triple.la"]
    assert found == (1, 20)
    assert loaded.fill(point) == over


# -- profiles and kinds of values -----------------------------------------------------------------------------------


def test_a_profile_replaces_ranges_and_keeps_their_place(space):
    loaded = space(profile="tiny")
    assert list(loaded.parameters) == list(space().parameters)
    found = loaded.parameters["finder.optimizer.lr"]
    assert (found.low, found.high) == (1e-3, 1e-1)
    assert loaded.parameters["decide.vote.tau"] == space().parameters["decide.vote.tau"]


def test_a_point_keeps_its_values_in_any_order_of_keys(space):
    loaded = space()
    point = loaded.suggest(Scripted({"finder.losses": "cross_entropy"}))
    assert loaded.fill(json.loads(canonical_json(point))) == loaded.fill(point)


def test_decision_values_are_told_from_training_values(recipe):
    assert all(is_free(key, recipe) for key in ("decide.vote.k", "decide.vote.tau", "decide.kinds.rule"))
    assert not is_free("finder.optimizer.lr", recipe)
    assert not is_free("decide.kinds.per", recipe)
