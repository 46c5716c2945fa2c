"""`chosen_on`: which values were chosen on an evaluation set, as long as they stand as they were chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tune_polar.assets import shipped_names
from tune_polar.errors import SpecError
from tune_polar.recipe.chosen_on import chosen_by
from tune_polar.recipe.fill import fill, value_at
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recipe_file import LoadedRecipe, RecipeOptions, load_recipe
from tune_polar.recipe.recorded import recipe_from_json, recipe_to_json

LR = "finder.optimizer.lr"
SAID = {"test": (LR, "decide.vote.tau"), "sbic": (LR,)}
MARGIN = "hate.losses.triplet.margin"


@pytest.fixture
def base(tmp_path: Path, recipe_text: str) -> Path:
    """The small recipe, which says where two of its values come from."""
    path = tmp_path / "base.yaml"
    path.write_text(f"{recipe_text}chosen_on:\n  test: [{LR}, decide.vote.tau]\n  sbic: [{LR}]\n")
    return path


def variant(base: Path, text: str, **options: object) -> LoadedRecipe:
    path = base.with_name("variant.yaml")
    path.write_text(f"extends: {base.name}\n{text}", encoding="utf-8")
    return load_recipe(str(path), RecipeOptions(**options))


def test_it_is_inherited_and_recorded(base):
    loaded = variant(base, "recipe: mine\n")
    assert loaded.recipe.chosen_on == SAID
    assert recipe_from_json(recipe_to_json(loaded.recipe)) == loaded.recipe
    assert {tuple(recipe.chosen_on) for _, recipe in loaded.ablations.values()} == {("test", "sbic")}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"changes: {{{LR}: 5e-4}}\n", {"test": ("decide.vote.tau",)}),
        (f"changes: {{{LR}: 1e-3}}\n", SAID),  # the same value
        ("stages: {finder: {optimizer: {lr: 5e-4}}}\n", {"test": ("decide.vote.tau",)}),
        (f"changes: {{{LR}: 5e-4, decide.vote.tau: 0.5}}\n", {}),
        ("chosen_on: {sbic: null}\n", {"test": (LR, "decide.vote.tau")}),
    ],
)
def test_a_key_with_another_value_is_forgotten(base, text, left):
    assert variant(base, text).recipe.chosen_on == left


def test_what_a_file_says_of_its_own_value_is_not_said_of_its_parents_sets(base):
    text = f"changes: {{{LR}: 5e-4}}\nchosen_on: {{mine: [{LR}]}}\n"
    assert variant(base, text).recipe.chosen_on == {"test": ("decide.vote.tau",), "mine": (LR,)}


def test_profiles_and_options_say_it_of_values_that_they_change(base):
    said = f"profiles: {{p: {{changes: {{{LR}: 5e-4, chosen_on.mine: [{LR}]}}}}}}\n"
    expected = {"test": ("decide.vote.tau",), "mine": (LR,)}
    assert variant(base, said, profile="p").recipe.chosen_on == expected
    assert variant(base, "", changes={"chosen_on": {"mine": [LR]}, LR: 5e-4}).recipe.chosen_on == expected


def test_an_option_may_say_it_of_what_ablations_take_away():
    said = {MARGIN: 0.9, "chosen_on.mine": [MARGIN]}
    loaded = load_recipe("impsh", RecipeOptions(changes=said))
    assert loaded.recipe.chosen_on == {"mine": (MARGIN,)}
    assert loaded.ablations["ce"][1].chosen_on == {}
    assert loaded.ablations["augsh"][1].chosen_on == {"mine": (MARGIN,)}
    whole = load_recipe("impsh", RecipeOptions(changes={MARGIN: 0.9, "chosen_on": {"mine": [MARGIN]}}))
    assert whole.recipe.chosen_on == {"mine": (MARGIN,)}


def test_options_profiles_and_ablations_change_values_too(base):
    told = "ablations: {other: {title: other, changes: {decide.vote.tau: 0.5}}}\n"
    loaded = variant(base, told)
    assert loaded.ablations["other"][1].chosen_on == {"test": (LR,), "sbic": (LR,)}
    assert variant(base, "", changes={LR: 5e-4}).recipe.chosen_on == {"test": ("decide.vote.tau",)}
    assert variant(base, "", encoder="tiny").recipe.chosen_on == {"test": ("decide.vote.tau",)}  # its profile's rate
    assert variant(base, "", changes={"chosen_on.dev": [LR]}).recipe.chosen_on["dev"] == (LR,)
    with pytest.raises(
        SpecError, match=r"--set chosen_on.dev: must list keys of this recipe, got 'finder.optimizer.lt'"
    ):
        variant(base, "", changes={"chosen_on.dev": ["finder.optimizer.lt"]})


@pytest.mark.parametrize(
    ("point", "left"),
    [
        ({LR: 5e-4}, {"test": ("decide.vote.tau",)}),
        ({LR: 1e-3, "decide.vote.tau": 0.4}, SAID),
        ({"decide.vote.tau": 0.5}, {"test": (LR,), "sbic": (LR,)}),
        ({"finder.optimizer.xi": 0.8}, SAID),
        ({"chosen_on": {"dev": (LR,)}}, {**SAID, "dev": (LR,)}),
    ],
)
def test_points_of_a_space_change_values_too(base, point, left):
    assert fill(load_recipe(str(base)).recipe, point).chosen_on == left


def test_a_set_is_known_by_its_name_or_its_files(base):
    evaluate = {"a": {"path": "x/SBIC_dev.csv"}, "sbic-test": {"path": "y.csv"}, "sbicish": {"path": "z.csv"}}
    recipe = fill(load_recipe(str(base)).recipe, {"data.evaluate": evaluate})
    assert [name for name in evaluate if chosen_by(recipe, name)] == ["a", "sbic-test"]
    assert chosen_by(recipe, "test") == {"test": (LR, "decide.vote.tau")}
    assert list(chosen_by(recipe, "sbic-test")) == ["sbic"]


HATEBERT = "GroNLP/hateBERT"


@pytest.mark.parametrize("encoder", [None, HATEBERT])
def test_shipped_recipes_say_where_margins_come_from(encoder):
    found = {name: load_recipe(name, RecipeOptions(encoder=encoder)).recipe for name in shipped_names("trials")}
    said = {name: recipe.chosen_on for name, recipe in found.items() if recipe.chosen_on}
    margins = {name: value_at(recipe, MARGIN) for name, recipe in found.items() if name in said}
    ihc = {"impsh": 0.3, "augsh": 0.3, "impsh-mining": 0.3, "impsh-released": 0.3}
    sbic = {"impsh-sbic": 0.4, "impsh-sbic-released": 0.45}
    if encoder == HATEBERT:
        ihc |= {"impsh": 0.4, "augsh": 0.4, "impsh-mining": 0.4}
        sbic |= {"impsh-sbic": 0.2}
    assert margins == ihc | sbic
    for name, sets in said.items():
        assert sets == dict.fromkeys(("test", "sbic" if name in ihc else "ihc", "dynahate"), (MARGIN,)), name


def test_a_recipe_without_it_says_nothing(recipe: Recipe):
    assert recipe.chosen_on == {}
