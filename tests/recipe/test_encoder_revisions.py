"""The commit of an encoder goes with its name: another encoder has none of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tune_polar.recipe.clustering import clustering_encoder
from tune_polar.recipe.encoder_revisions import with_revisions
from tune_polar.recipe.fill import fill
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.recipe.recorded import recipe_to_json
from tune_polar.recipe.strict_yaml import written_yaml

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def winner(tmp_path: Path) -> Path:
    """A recipe as a search writes its winner: every stage with an encoder of one commit."""
    path = tmp_path / "winner.yaml"
    recipe = with_revisions(load_recipe("st3", RecipeOptions(encoder="small/bert")).recipe, lambda _: COMMIT)
    path.write_text(written_yaml(recipe_to_json(recipe)), encoding="utf-8")
    return path


def revisions(recipe: Recipe) -> set[str | None]:
    return {recipe.encoder.revision, *(stage.encoder.revision for stage in recipe.stages.values())}


def test_the_same_encoder_keeps_it(winner: Path) -> None:
    assert revisions(load_recipe(str(winner), RecipeOptions()).recipe) == {COMMIT}
    assert revisions(load_recipe(str(winner), RecipeOptions(encoder="small/bert")).recipe) == {COMMIT}


@pytest.mark.parametrize("other", ["other/bert", "tiny"])
def test_another_encoder_has_none(winner: Path, other: str) -> None:
    recipe = load_recipe(str(winner), RecipeOptions(encoder=other)).recipe
    assert {stage.encoder.name for stage in recipe.stages.values()} == {other}
    assert revisions(recipe) == {None}


def test_a_change_of_the_name_alone_forgets_it(winner: Path) -> None:
    def encoders(**changes: str) -> set[tuple[str, str | None]]:
        sections = ("encoder", "detector.encoder", "classifier.encoder")
        options = RecipeOptions(changes={f"{key}.{name}": changes[name] for key in sections for name in changes})
        recipe = load_recipe(str(winner), options).recipe
        return {(each.name, each.revision) for each in (recipe.encoder, *(s.encoder for s in recipe.stages.values()))}

    assert encoders(name="other/bert") == {("other/bert", None)}
    assert encoders(revision="later", name="other/bert") == {("other/bert", "later")}
    assert encoders(name="small/bert") == {("small/bert", COMMIT)}


def test_what_texts_are_clustered_by_has_a_commit_of_its_own() -> None:
    changes = {"hate.losses.shared_con.encoder": "another/encoder"}
    recipe = load_recipe("sharedcon", RecipeOptions(encoder="small/bert", changes=changes)).recipe
    found = with_revisions(recipe, lambda encoder: encoder.name)
    assert revisions(found) == {"small/bert"}
    further = clustering_encoder(found.stages["hate"])
    assert further is not None
    assert further.revision == found.stages["hate"].losses["shared_con"].model_dump()["revision"] == "another/encoder"
    assert with_revisions(found, lambda _: None) == recipe


@pytest.mark.parametrize("key", ["encoder.name", "detector.encoder.name"])
def test_a_point_that_names_another_encoder_has_no_commit_of_the_one_before(key: str) -> None:
    recipe = with_revisions(load_recipe("st1", RecipeOptions(encoder="small/bert")).recipe, lambda _: COMMIT)
    found = fill(recipe, {key: "other/bert"}).stages["detector"].encoder
    assert (found.name, found.revision) == ("other/bert", None)
    given = {key.replace("name", "revision"): "later", key: "other/bert"}
    assert fill(recipe, given).stages["detector"].encoder.revision == "later"
    assert fill(recipe, {key: "small/bert"}) == recipe


def test_other_clusters_have_no_commit_of_those_before(tmp_path: Path) -> None:
    changes = {"hate.losses.shared_con.encoder": "one/encoder", "hate.losses.shared_con.revision": COMMIT}
    recipe = load_recipe("sharedcon", RecipeOptions(encoder="tiny", changes=changes)).recipe
    other = {"hate.losses.shared_con.encoder": "other/encoder"}
    path = tmp_path / "own.yaml"
    path.write_text(written_yaml(recipe_to_json(recipe)), encoding="utf-8")
    for found in (fill(recipe, other), load_recipe(str(path), RecipeOptions(changes=other)).recipe):
        further = clustering_encoder(found.stages["hate"])
        assert further is not None
        assert (further.name, further.revision) == ("other/encoder", None)
