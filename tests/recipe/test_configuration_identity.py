"""What makes two configurations the same one, and that recorded ones come back as they were."""

from __future__ import annotations

import json

import pytest

from tests.recipe.conftest import MINE
from tune_polar.errors import SpecError
from tune_polar.recipe.configuration import (
    AS_GIVEN,
    PUBLISHED,
    Configuration,
    canonical_json,
    configuration_id,
    digest,
)
from tune_polar.recipe.fill import fill, value_at
from tune_polar.recipe.keys import known_keys
from tune_polar.recipe.recipe import NOT_SETTINGS
from tune_polar.recipe.recorded import recipe_from_json, recipe_to_json, space_from_json

# Keys of the small recipe, with another value that each may have; several are changed at once where one alone fits
# nothing. All that is not here has another value that is derived from its kind.
OTHER: dict[str, dict[str, object]] = {
    "data.labels": {"data.labels": ("hurt", "y/z", "x")},
    "data.strata": {"data.strata": ("y/z", "x")},
    "data.groups": {"data.groups": ("town",)},
    "data.classes": {"data.classes": {"topic": ("a", "b")}},
    "data.numbers": {"data.numbers": {"grade": (1, 6)}},
    "data.texts": {"data.texts": {"positive": {"column": "c"}}},
    "data.extra": {"data.extra": {"file": "x.csv"}},
    "data.evaluate": {"data.evaluate": {"other": "x.csv"}},
    "folds.plan": {"folds.plan": "holdout"},
    "folds.order": {"folds.order": "competition"},
    "folds.together": {"folds.together": ("author",)},
    "encoder.adapter": {"encoder.adapter": {"type": "lora"}},
    "encoder.quantize": {"encoder.adapter": {"type": "lora"}, "encoder.quantize": "nf4"},
    "encoder.name": {"encoder.name": "other"},
    "encoder.revision": {"encoder.revision": "other"},
    "encoder.tiny.hidden": {"encoder.tiny.hidden": 64},
    "finder.rows": {"finder.rows": {"topic": "a"}},
    "finder.start": {"sorter.start": None, "finder.start": {"stage": "sorter"}},
    "finder.task.type": {"finder.task": {"type": "multiclass", "target": "topic"}, "decide": {"vote": None}},
    "finder.task.target": {"finder.task.target": "x"},
    "finder.head.type": {
        "finder.head": {"type": "mlp"},
        "finder.losses": "cross_entropy",
        "finder.predicts": "probability",
        "finder.keep": "last",
        "decide.vote": {"type": "threshold", "of": "finder", "rule": "max_f1"},
    },
    "finder.batches.type": {"finder.batches.type": "shuffled"},
    "finder.batches.by": {"finder.batches.by": "topic"},
    "finder.keep": {"finder.keep": "last"},
    "decide.system.otherwise": {
        "data.classes": {"topic": ("a", "b")},
        "sorter.task": {"type": "multiclass", "target": "topic"},
        "sorter.losses": "cross_entropy",
        "sorter.keep": "macro_f1",
        "decide.kinds": {"type": "argmax", "of": "sorter"},
        "decide.system.otherwise": "b",
    },
    "finder.measures": {"finder.measures": ("alignment",)},
    "finder.precision": {"finder.precision": "fp32"},
    **{
        f"{stage}.optimizer.{key}": {f"{stage}.optimizer.{key}": 7}
        for stage in ("finder", "sorter")
        for key in ("max_steps", "eval_every_steps")
    },
    "finder.optimizer.schedule": {"finder.optimizer.schedule": "linear"},
    "sorter.optimizer.schedule": {"sorter.optimizer.schedule": "linear"},
    "sorter.precision": {"sorter.precision": "fp32"},
    "sorter.measures": {
        "data.classes": {"topic": ("a", "b")},
        "sorter.task": {"type": "multiclass", "target": "topic"},
        "sorter.losses": "cross_entropy",
        "sorter.keep": "macro_f1",
        "decide.kinds": {"type": "argmax", "of": "sorter"},
        "decide.system.otherwise": "b",
        "sorter.measures": ("alignment",),
    },
    "sorter.rows": {"sorter.rows": {"hurt": 0}},
    "sorter.start.fold": {"sorter.start.fold": "best"},
    "sorter.task.targets": {"sorter.task.targets": ("y/z", "x")},
    "sorter.head.type": {"sorter.head.type": "linear"},
    "sorter.losses.asymmetric.gamma_negative": {"sorter.losses.asymmetric.gamma_negative": 3},
    "sorter.losses.asymmetric.reduction": {"sorter.losses.asymmetric.reduction": "mean"},
    "sorter.batches.type": {"sorter.batches.type": "shuffled"},
    "sorter.keep": {"sorter.keep": "best_threshold_f1"},
    "decide.kinds.rule": {"decide.kinds.rule": "fixed"},
    "decide.kinds.per": {"decide.kinds.per": "author"},
    "decide.kinds.at": {"decide.kinds.at": 0.5},
    "score.of": {"score.of": "vote"},
    "score.metric": {"score.metric": "accuracy"},
    "report.by": {"report.by": "author"},
    "submission": {"submission": {"member": "x.csv"}},
    "chosen_on": {"chosen_on": {"test": ("finder.optimizer.lr",)}},
    "recipe": {"recipe": "other"},
    "sample": {"sample": "intimacy"},
    "description": {"description": "other"},
    "seeds": {"seeds": (43,)},
    "encoder.pooling": {"encoder.pooling": "mean"},
}
# What a recipe says of itself and its values, of what it is tried on, and of how often it is repeated, shown and handed
# in.
FREE = {"recipe", "description", "sample", "seeds", "report.by", "submission", "chosen_on"}
# What another value of would need another system.
FIXED = {
    "finder.predicts",
    "sorter.predicts",
    "sorter.start.stage",
    "sorter.task.type",
    "finder.task.type",
    "decide.vote.type",
    "decide.vote.of",
    "decide.kinds.type",
    "decide.kinds.of",
    "decide.system.type",
    "decide.system.of",
    "decide.system.by",
}


def other_than(value: object) -> object:
    """A number that may stand where ``value`` stands."""
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value / 2 if value else 0.5
    return 0.25 if value is None else "other"


def changed(recipe, key: str):
    """The recipe with another value of ``key``."""
    if key in OTHER:
        return fill(recipe, OTHER[key])
    value = value_at(recipe, key)
    if value is None and key.endswith("hidden"):
        return fill(recipe, {key: 7})
    return fill(recipe, {key: other_than(value)})


def keys_of(recipe) -> list[str]:
    """Keys that one may change, a stage's own encoder left out: it has those of the recipe's."""
    own = [place.key for place in known_keys(recipe)]
    stages = [f"{stage}.encoder." for stage in recipe.stages]
    return [key for key in own if key not in FIXED and not any(key.startswith(stage) for stage in stages)]


def test_every_setting_and_nothing_else_makes_another_configuration(recipe):
    before = configuration_id(recipe)
    keys = keys_of(recipe)
    assert len(keys) > 60
    ids = {key: configuration_id(changed(recipe, key)) for key in keys}
    assert {key for key, found in ids.items() if found == before} == FREE
    settings = [found for found in ids.values() if found != before]
    assert len(set(settings)) == len(settings)
    assert {key.partition(".")[0] for key in FREE} == NOT_SETTINGS


def test_a_stages_own_encoder_is_a_setting_too(recipe):
    assert configuration_id(fill(recipe, {"finder.encoder.pooling": "mean"})) != configuration_id(recipe)


def test_equal_settings_have_one_id_however_they_are_written(load):
    plain = configuration_id(load().recipe)
    assert len(plain) == 12
    for edits in (
        {"      lr: 1e-3": "      lr: 0.001"},
        {"xi: 0.9": "xi: 0.9\n      fgm_epsilon: 0"},
        {"          x: 4\n          y/z: 2\n": "          y/z: 2.0\n          x: 4.0\n"},
        {"of: sorter}": "of: sorter, rule: smoothed_max_f1}"},
        {"description: a small recipe\n": ""},
        {"  no_llrd:": "  other_name:"},
        {"start: {stage: finder}": "start: finder"},
        {"head: {type: mlp}": "head: mlp"},
        {"recipe: mini": "seeds: [1, 2]\nrecipe: other"},
        {"encoder:\n  name: some/encoder": "encoder: some/encoder"},
    ):
        assert configuration_id(load(edits).recipe) == plain, edits


def test_the_id_is_the_same_in_every_process():
    # Written down once: a change of how ids are made orphans every store there is.
    assert digest({"b": [1, 2.5, None, True], "a": "ξ"}, 12) == "d03f0304468a"
    assert canonical_json({"b": 1e-6, "a": "ξ"}) == '{"a":"ξ","b":1e-06}'


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_has_no_canonical_form(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": value})


# -- recorded forms -----------------------------------------------------------------------------------------------


def test_a_configuration_survives_json(recipe):
    point = {"finder.optimizer.lr": 2e-3, "finder.losses.soft_triple.centers": 3, "sorter.start": None}
    before = Configuration(fill(recipe, point), 7, "sampled", point)
    text = canonical_json(before.to_json())
    after = Configuration.from_text(text)
    assert after == before
    assert list(after.recipe.stages) == list(before.recipe.stages)
    assert after.id == before.id == json.loads(text)["id"]
    assert Configuration.from_text(text.encode()) == before


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"number": "7"}, "must hold number, origin, point and settings: number"),
        ({"point": [1]}, "point"),
        ({"point": {"a": [1]}}, "point.a"),
        ({"settings": None}, "settings"),
        ({"settings": {"recipe": "x"}}, "a recorded recipe must be one of this version's: folds"),
        ({"settings": {"recipe": "x", "task": {"subtask": "st1"}}}, "a recorded recipe must be one of this version's"),
    ],
)
def test_what_is_no_configuration_is_refused(recipe, damage, message):
    with pytest.raises(SpecError, match=message):
        Configuration.from_text(json.dumps({**Configuration(recipe, 7, "sampled").to_json(), **damage}))


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_what_is_no_record_is_refused(text):
    with pytest.raises(SpecError, match="a recorded configuration must hold number, origin, point and settings"):
        Configuration.from_text(text)


def test_a_recipe_survives_a_manifest(recipe, mine):
    for each in (recipe, mine):
        assert recipe_from_json(json.loads(canonical_json(recipe_to_json(each)))) == each


def test_a_space_survives_a_manifest(space, load):
    loaded = space(profile="tiny")
    again = space_from_json(json.loads(canonical_json(loaded.to_json())), loaded.recipe)
    assert again == loaded
    assert list(again.parameters) == list(loaded.parameters)  # what is asked for first stays first
    assert again.published() == loaded.published()
    assert loaded.to_json()["parameters"][2] == {
        "key": "finder.losses.soft_triple.centers",
        "when": {},
        "type": "int",
        "low": 1,
        "high": 21,
        "step": 5,
        "log": False,
    }


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "a recorded search space must be one of this version's"),
        ({"name": "x", "parameters": {}}, "parameters"),
        ({"name": "x", "parameters": [{"type": "int", "low": 1, "high": 2}]}, "must have a key of its own, got None"),
        ({"name": "x", "parameters": [{"key": "lr", "type": "int", "low": "1", "high": 2}]}, "low"),
        ({"name": "x", "parameters": [{"key": "nope", "type": "int", "low": 1, "high": 2}]}, "must be a known key"),
    ],
)
def test_what_is_no_recorded_space_is_refused(recipe, data, message):
    with pytest.raises(SpecError, match=message):
        space_from_json(data, recipe)


def test_the_recipe_itself_is_the_reference_whatever_it_is_called(load):
    mine = load(text=MINE).recipe
    assert Configuration(mine, 0, AS_GIVEN).is_reference
    assert Configuration(mine, 0, PUBLISHED).is_reference
    assert not Configuration(mine, 0, "sampled").is_reference
