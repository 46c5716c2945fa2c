"""Five systems that the grammar carries: each is valid but for what nothing trains yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recipe_file import load_recipe

SKETCHES = Path(__file__).parent / "sketches"
NAMES = ("st3", "mine", "psk", "zhegu", "impsh")


def sketch(name: str) -> Recipe:
    return load_recipe(str(SKETCHES / f"{name}.yaml")).recipe


def test_all_sketches_are_looked_at():
    assert {path.stem for path in SKETCHES.glob("*.yaml")} == set(NAMES)


def test_two_sizes_whose_mean_is_decided_by_language():
    recipe = sketch("psk")
    small, large = recipe.stages["small"], recipe.stages["large"]
    assert small.encoder.adapter == large.encoder.adapter
    assert (small.encoder.name, large.encoder.name) == ("google/gemma-3-12b-pt", "google/gemma-3-27b-pt")
    assert (large.optimizer.lr, large.batches.name, large.batches.size) == (1e-4, "length_grouped", 16)
    assert recipe.decide["mean"].weights == (0.5, 0.5)
    assert {name: each.name for name, each in recipe.decide.items()} == {
        "mean": "mean",
        "polarized": "threshold",
        "small": "threshold",  # of their own, for the page
        "large": "threshold",
    }


def test_a_regression_with_languages_held_out():
    recipe = sketch("zhegu")
    assert recipe.stages["regressor"].head.name == "linear"
    assert recipe.stages["regressor"].predicts == "value"
    assert recipe.decide["regressor"].model_dump() == {"of": "regressor", "low": 1.0, "high": 5.0}
    assert recipe.folds.model_dump(exclude={"order"}) == {
        "by": "language",
        "held_out": 2,
        "draws": None,
        "share": 0.2,
        "seed": 42,
    }


def test_pairs_with_auxiliary_losses_and_its_ablations():
    loaded = load_recipe(str(SKETCHES / "impsh.yaml"))
    assert (loaded.recipe.stages["hate"].keep, loaded.recipe.seeds) == ("macro_f1", (0, 1, 2, 3))
    losses = {name: list(recipe.stages["hate"].losses) for name, (_, recipe) in loaded.ablations.items()}
    assert losses == {"ce": ["cross_entropy"], "scl": ["cross_entropy", "sup_con"]}


@pytest.mark.parametrize("name", NAMES)
def test_a_sketch_can_be_recorded(name):
    recipe = sketch(name)
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
