"""Components by name: what is registered, that one registered later is known everywhere, and where faults lie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tune_polar.errors import SpecError
from tune_polar.recipe.components import BATCHES, DECISIONS, HEADS, LOSSES, METRICS, PLANS, TASKS, Loss
from tune_polar.recipe.components.adapters import ADAPTERS
from tune_polar.recipe.components.decisions import ThresholdRule
from tune_polar.recipe.components.metrics import keeps_of, metrics_of
from tune_polar.recipe.fill import fill, value_at
from tune_polar.recipe.keys import UnknownKeyError, place_of
from tune_polar.recipe.registry import Component, Registry
from tune_polar.recipe.schema import recipe_schema
from tune_polar.recipe.settings_table import setting_rows

REGISTRIES = (TASKS, HEADS, LOSSES, BATCHES, PLANS, DECISIONS, ADAPTERS)
EVERY = [(registry, name) for registry in REGISTRIES for name in registry]


def test_what_there_is():
    assert list(TASKS) == ["binary", "multiclass", "multilabel", "regression"]
    assert {"projection", "mlp", "linear", "pooler"} == set(HEADS)
    of_pairs = {"triplet", "imp_con", "sup_con", "shared_con"}
    others = {"soft_triple", "cross_entropy", "asymmetric", "mse", "huber", "epm", "language_contrast"}
    assert of_pairs | others == set(LOSSES)
    assert {"knn_vote", "threshold", "argmax", "calibrate", "clip", "gate", "mean", "ensemble"} == set(DECISIONS)


@pytest.mark.parametrize(("registry", "name"), EVERY, ids=[f"{r.word} {name}" for r, name in EVERY])
def test_every_component_explains_itself_and_its_settings(registry, name):
    settings = registry[name]
    assert settings.name == name
    assert len((settings.__doc__ or "").split()) >= 3
    for key, about in settings.model_fields.items():
        assert about.description, key
    assert settings.version >= 1


def test_what_a_search_chooses_for_nothing():
    assert {name: set(DECISIONS[name].free) for name in DECISIONS if DECISIONS[name].free} == {
        "knn_vote": {"k", "tau"},
        "threshold": {"rule"},
        "calibrate": {"method"},
    }
    for name in DECISIONS:
        assert DECISIONS[name].free <= set(DECISIONS[name].model_fields)


def test_names_are_those_that_decide_knows():
    decide = pytest.importorskip("tune_polar.decide.metrics")
    thresholds = pytest.importorskip("tune_polar.decide.choose_thresholds")
    assert set(ThresholdRule.__args__) == set(thresholds.THRESHOLD_RULES)
    assert {"best_threshold_f1", "half_threshold_f1"} == set(METRICS) - set(decide.METRICS)
    for name, metric in decide.METRICS.items():
        if metric.reads == "decided":
            assert METRICS[name].golds == set(metric.kinds), name


@pytest.mark.parametrize(
    ("gold", "predicts", "scored", "kept"),
    [
        ("binary", "neighbours", "accuracy", "precision_at_1"),
        ("binary", "probability", "positive_f1", "best_threshold_f1"),
        ("labels", "probability", "macro_f1", "half_threshold_f1"),
        ("class", "probability", "micro_f1", "accuracy"),
        ("number", "value", "spearman", "mae"),
    ],
)
def test_metrics_by_kind(gold, predicts, scored, kept):
    assert scored in metrics_of(gold)
    assert kept in keeps_of(gold, predicts)
    assert "precision_at_1" not in metrics_of(gold)


# -- registries ---------------------------------------------------------------------------------------------------


class Toy(Component):
    """Something."""


TOYS: Registry[Toy] = Registry("toy")


@TOYS.register("ball")
class Ball(Toy):
    """Round."""

    size: Annotated[int, Field(ge=1)] = 1


@TOYS.register("box")
class Box(Toy):
    """Has corners."""

    corners: int
    inner: Annotated[Toy | None, TOYS.one(optional=True)] = None


class Shelf(BaseModel):
    model_config = ConfigDict(strict=True)
    best: Annotated[Toy, TOYS.one("ball")]
    others: Annotated[dict[str, Toy], TOYS.several()]


def faults(values: object) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(ValidationError) as caught:
        Shelf.model_validate(values)
    return [(fault["loc"], fault["type"]) for fault in caught.value.errors(include_url=False)]


def test_faults_inside_components_keep_their_place():
    values = {
        "best": {"type": "box", "corners": "x", "inner": {"type": "box", "corners": 4, "inner": {"size": 0}}},
        "others": {"ball": {"size": 0, "colour": "red"}, "boks": {}, "box": {"corners": 1, "inner": {"type": "x"}}},
    }
    assert faults(values) == [
        (("best", "corners"), "int_type"),
        (("best", "inner", "inner"), "rule"),
        (("others", "ball", "size"), "greater_than_equal"),
        (("others", "ball", "colour"), "extra_forbidden"),
        (("others", "boks"), "rule"),
        (("others", "box", "inner", "type"), "rule"),
    ]


@pytest.mark.parametrize("value", [None, 3, [], "ball", True])
def test_what_is_no_section_is_no_component(value):
    assert faults({"best": value, "others": {"ball": {}}}) == [(("best",), "section")]
    assert faults({"best": {}, "others": value}) == [(("others",), "section")]


def test_components_are_dumped_as_a_file_has_them():
    shelf = Shelf.model_validate({"best": {"size": 3}, "others": {"box": {"corners": 4}, "ball": {}}})
    expected = {
        "best": {"type": "ball", "size": 3},
        "others": {"ball": {"size": 1}, "box": {"corners": 4, "inner": None}},
    }
    assert shelf.model_dump() == expected
    assert list(shelf.others) == ["ball", "box"]
    assert Shelf.model_validate(shelf.model_dump()) == shelf
    assert Shelf.model_validate_json(shelf.model_dump_json()) == shelf
    assert Shelf(best=Ball(size=3), others={"box": Box(corners=4), "ball": Ball()}) == shelf


def test_a_component_is_registered_once_and_has_no_setting_named_like_its_tag():
    with pytest.raises(ValueError, match="the toy 'ball' must be registered once"):
        TOYS.register("ball")(Ball)
    with pytest.raises(ValueError, match="the toy 'typed' must have no setting named 'type'"):

        @TOYS.register("typed")
        class Typed(Toy):
            type: str = "x"

    assert "typed" not in TOYS


# -- one that is registered later -----------------------------------------------------------------------------------


@pytest.fixture
def focal() -> Iterator[type[Loss]]:
    """A loss of a user's own."""

    @LOSSES.register("focal")
    class Focal(Loss):
        """(1 − p)^γ · −log p of the gold class."""

        golds = frozenset({"class"})
        exponent: Annotated[float, Field(ge=0, le=9)] = Field(default=2.0, description="γ, focus on hard rows")

    yield Focal
    LOSSES.unregister("focal")


def test_a_component_registered_later_is_known_everywhere(focal, load, space):
    text = (
        "recipe: mine\ndata: {classes: {topic: [a, b]}}\nencoder: x/y\n"
        "stages:\n  model:\n    task: {type: multiclass, target: topic}\n    losses: {focal: {exponent: 3}}\n"
    )
    recipe = load(text=text).recipe
    assert recipe.stages["model"].losses["focal"] == focal(exponent=3)
    assert value_at(recipe, "exponent") == 3.0
    assert load(text=text, changes={"model.exponent": 1}).recipe.stages["model"].losses["focal"].exponent == 1.0
    with pytest.raises(
        SpecError, match=r"mini.yaml:7: stages.model.losses.focal.exponent: must be less than or equal to 9"
    ):
        load({"exponent: 3": "exponent: 33"}, text=text)
    with pytest.raises(SpecError, match=r"exponnt: must be a known key; did you mean 'exponent'\?"):
        load({"exponent: 3": "exponnt: 3"}, text=text)
    with pytest.raises(SpecError, match=r"losses.fokal: must be one of .*, got 'fokal'; did you mean 'focal'\?"):
        load({"focal:": "fokal:"}, text=text)
    ranges = (
        "space: s\nrecipe: mine\nparameters:\n"
        "  model.losses: {type: categorical, choices: [focal, cross_entropy]}\n"
        "  model.losses.focal.exponent: {type: float, low: 0, high: 4}\n"
    )
    loaded = space(over=recipe, text=ranges)
    assert loaded.published() == {"model.losses": "focal", "model.losses.focal.exponent": 3.0}
    with pytest.raises(SpecError, match=r"exponent: must be less than or equal to 9, got 40.0"):
        space({"high: 4": "high: 40"}, over=recipe, text=ranges)
    assert fill(recipe, {"model.losses": "cross_entropy"}).stages["model"].losses.keys() == {"cross_entropy"}
    schema = Draft202012Validator(recipe_schema())
    document = {"recipe": "r", "stages": {"m": {"losses": {"focal": {"exponent": 3}}}}}
    assert schema.is_valid(document)
    document["stages"]["m"]["losses"]["focal"]["exponent"] = 33
    assert not schema.is_valid(document)
    assert "STAGE.losses.focal.exponent" in {row.key for row in setting_rows()}


def test_and_forgotten_again(mine):
    with pytest.raises(UnknownKeyError):
        place_of("model.losses.focal.exponent", mine)
