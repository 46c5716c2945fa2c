"""Rows that no fold may part stay together whatever else is said of the folds, and in whatever order."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from pathlib import Path

import pytest

from tune_polar.errors import SpecError
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.recipe.tree import at

AUTHOR = RecipeOptions(together=("author",))


def folds(name: str, options: RecipeOptions) -> dict[str, object]:
    found = load_recipe(name, options).recipe.folds
    return {"plan": found.name, **found.model_dump()}


def with_changes(changes: Mapping[str, object], **more: object) -> RecipeOptions:
    return RecipeOptions(changes=changes, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("recipe", "changes", "plan"),
    [
        ("classifier", {"folds.plan": "holdout"}, "holdout"),
        ("classifier", {"folds": "holdout"}, "holdout"),
        ("classifier", {"folds": {"plan": "holdout", "share": 0.3}}, "holdout"),
        ("classifier", {"folds": {"count": 4}}, "stratified"),
        ("zhegu", {"folds.plan": "stratified"}, "stratified"),
    ],
)
def test_a_group_is_kept_whatever_is_set_of_the_folds(recipe: str, changes: dict[str, object], plan: str) -> None:
    found = folds(recipe, with_changes(changes, together=("author",)))
    assert (found["plan"], found["together"]) == (plan, ("author",))


def test_groups_come_beside_the_columns_that_are_kept_together_already() -> None:
    assert folds("classifier", with_changes({"folds.together": ["thread", "author"]}, together=("author", "day")))[
        "together"
    ] == ("thread", "author", "day")


def test_folds_are_as_many_as_asked_for_whatever_plan_is_set() -> None:
    assert folds("zhegu", with_changes({"folds.plan": "stratified"}, folds=3))["count"] == 3


def test_folds_of_a_plan_that_counts_none_are_refused_with_a_remedy_that_works() -> None:
    with pytest.raises(SpecError, match=r"^--folds must go with folds that are counted .*got folds.plan: holdout"):
        load_recipe("classifier", with_changes({"folds.plan": "holdout"}, folds=3))


def test_an_ablation_has_the_folds_that_it_asks_for(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "recipe: own\nextends: classifier\nablations: {ten: {title: ten folds, changes: {folds.count: 10}},\n"
        "  other: {title: another seed, changes: {folds.seed: 7}}}\n"
    )
    found = load_recipe(str(path), RecipeOptions(folds=3))
    counts = {name: recipe.folds.model_dump()["count"] for name, (_, recipe) in found.ablations.items()}
    assert (counts["ten"], counts["other"]) == (10, 3)


def test_a_plan_that_parts_groups_is_refused_with_a_remedy_that_works() -> None:
    rule = r"^--group must go with folds .*stratified, holdout\), got folds.plan: leave_groups_out\n"
    with pytest.raises(SpecError, match=rule + r".*--set folds.plan=stratified"):
        load_recipe("zhegu", AUTHOR)
    with pytest.raises(SpecError, match=r"^--set folds.together: must be a list"):
        load_recipe("classifier", with_changes({"folds.together": "thread"}, together=("author",)))


ABLATIONS = """
ablations:
  half: {title: a half, changes: {folds: {plan: holdout, share: 0.5}}}
"""


def own(tmp_path: Path, text: str) -> str:
    path = tmp_path / "own.yaml"
    path.write_text("recipe: own\nextends: classifier\n" + text)
    return str(path)


def test_what_a_recipe_keeps_together_another_plan_keeps_too(tmp_path: Path) -> None:
    name = own(tmp_path, "folds: {together: [author]}\n" + ABLATIONS)
    assert folds(name, with_changes({"folds.plan": "holdout"}))["together"] == ("author",)
    half = load_recipe(name, RecipeOptions(folds=3, together=("thread",))).ablations["half"][1].folds
    assert half.model_dump() == {"order": "file", "share": 0.5, "seed": 42, "together": ("author", "thread")}
    with pytest.raises(SpecError, match=r"own.yaml:3: folds.together: must be \[\] with the plan given, which"):
        folds(name, with_changes({"folds.plan": "given"}))
    assert folds(name, with_changes({"folds.plan": "given", "folds.together": []}))["plan"] == "given"


def test_an_ablation_that_would_part_groups_is_named(tmp_path: Path) -> None:
    given = "ablations: {as_given: {title: as given, changes: {folds.plan: given}}}\n"
    with pytest.raises(SpecError, match=r"got folds.plan: given in the ablation as_given\n"):
        load_recipe(own(tmp_path, given), AUTHOR)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"model.head.dropout": 0.5, "model.head": "mlp"}, ("stages", "model", "head")),
        ({"encoder.adapter.rank": 4, "encoder.adapter": "lora"}, ("encoder", "adapter")),
        ({"folds.share": 0.4, "folds.plan": "holdout"}, ("folds",)),
        ({"folds.share": 0.4, "folds": {"plan": "holdout"}}, ("folds",)),
        ({"model.batches.by": "classes", "model.batches": "balanced"}, ("stages", "model", "batches")),
        ({"head.hidden": 8, "model.head": "mlp"}, ("stages", "model", "head")),
        ({"model.optimizer.lr": 0.1, "model.optimizer": {"lr": 0.2, "weight_decay": 0.3}}, ("stages", "model")),
        ({"model.head.dropout": 0.5, "stages": {"model": {"head": {"type": "mlp"}}}}, ("stages", "model", "head")),
    ],
)
def test_no_order_of_changes_drops_one(changes: dict[str, object], place: tuple[str, ...], tmp_path: Path) -> None:
    def read(recipe: Recipe) -> object:
        return at(recipe.model_dump(), place)

    orders = [dict(order) for order in permutations(changes.items())]
    found = [read(load_recipe("classifier", with_changes(order)).recipe) for order in orders]
    assert all(each == found[0] for each in found)
    for value in (each for each in changes.values() if isinstance(each, float)):
        assert f": {value}" in str(found[0])
    ablations = [{"a": {"title": "a", "changes": order}} for order in orders]  # two alike in one file are refused
    as_ablations = [load_recipe({"recipe": "own", "extends": "classifier", "ablations": each}) for each in ablations]
    assert [read(each.ablations["a"][1]) for each in as_ablations] == found
