"""Dotted keys: how one is split, what it is short for, and what is suggested instead of one that is not known."""

from __future__ import annotations

import pytest

from tests.recipe.conftest import MINE
from tune_polar.recipe.fill import fill, value_at
from tune_polar.recipe.keys import UnknownKeyError, key_of, known_keys, least_and_most, place_of, suggestion
from tune_polar.recipe.recipe import Recipe


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("recipe", ("recipe",)),
        ("folds.count", ("folds", "count")),
        ("finder", ("stages", "finder")),
        ("finder.optimizer.lr", ("stages", "finder", "optimizer", "lr")),
        ("stages.finder.optimizer.lr", ("stages", "finder", "optimizer", "lr")),
        ("finder.losses.soft_triple.centers", ("stages", "finder", "losses", "soft_triple", "centers")),
        ("finder.losses.triplet.margin", ("stages", "finder", "losses", "triplet", "margin")),
        ("finder.head.type", ("stages", "finder", "head", "type")),
        ("finder.head.dropout", ("stages", "finder", "head", "dropout")),
        (
            "sorter.losses.asymmetric.gamma_negative.y/z",
            ("stages", "sorter", "losses", "asymmetric", "gamma_negative", "y/z"),
        ),
        (
            "sorter.losses.asymmetric.gamma_negative.a.b",
            ("stages", "sorter", "losses", "asymmetric", "gamma_negative", "a.b"),
        ),
        ("sorter.rows.a.b", ("stages", "sorter", "rows", "a.b")),
        ("data.classes.a.b", ("data", "classes", "a.b")),
        ("decide.vote.k", ("decide", "vote", "k")),
        ("encoder.tiny.hidden", ("encoder", "tiny", "hidden")),
        ("finder.encoder.pooling", ("stages", "finder", "encoder", "pooling")),
        # shortened
        ("finder.lr", ("stages", "finder", "optimizer", "lr")),
        ("centers", ("stages", "finder", "losses", "soft_triple", "centers")),
        ("k", ("decide", "vote", "k")),
        ("pooling", ("encoder", "pooling")),
        ("gamma_negative.y/z", ("stages", "sorter", "losses", "asymmetric", "gamma_negative", "y/z")),
        ("sorter.gamma_negative.a.b", ("stages", "sorter", "losses", "asymmetric", "gamma_negative", "a.b")),
        ("asymmetric.clip", ("stages", "sorter", "losses", "asymmetric", "clip")),
        ("plan", ("folds", "plan")),
    ],
)
def test_a_key_is_split_along_the_schema(recipe, key, path):
    assert place_of(key, recipe).path == path
    assert place_of(key, recipe.model_dump()).path == path


@pytest.mark.parametrize(
    ("key", "rule"),
    [
        ("finder.optimizer.lrr", r"must be a known key of a recipe; did you mean 'finder.optimizer.lr'\?"),
        ("findr.optimizer.lr", r"must be a known key of a recipe; did you mean 'finder'\?"),
        (
            "finder.losses.soft_tripel.la",
            r"must be a known key of a recipe; did you mean 'finder.losses.soft_triple'\?",
        ),
        ("finder.batch_size", r"must be a known key of a recipe; did you mean 'finder.batches.size'\?"),
        ("batch_size", r"must be a known key of a recipe; did you mean 'batches.size'\?"),
        ("seed", r"must be a known key of a recipe; did you mean 'seeds'\?"),
        ("decide.vot.k", r"must be a known key of a recipe; did you mean 'decide.vote'\?"),
        ("finder.optimizer.lr.x", "must be a known key of a recipe: 'lr' has no parts"),
        (
            "x.y",
            r"must be a known key of a recipe: it starts with a section or a stage, one of \['recipe', .*'sorter'\]",
        ),
        (
            "lr",
            r"must be one key of the recipe, got 'lr'; did you mean 'finder.optimizer.lr' or 'sorter.optimizer.lr'\?",
        ),
        ("hidden", r"did you mean 'encoder.tiny.hidden' or 'finder.head.hidden' or 'sorter.head.hidden'\?"),
        ("finder.", "must be a known key of a recipe\n"),
        ("", "must be a known key of a recipe\n"),
        (".", "must be a known key of a recipe"),
        ("ablations", "must be a known key of a recipe"),
    ],
)
def test_what_is_no_key_says_what_may_be_meant(recipe, key, rule):
    with pytest.raises(UnknownKeyError, match=rule) as caught:
        place_of(key, recipe)
    assert isinstance(caught.value, KeyError)


def test_every_known_key_is_found_again_and_has_a_value(recipe, mine):
    for each in (recipe, mine):
        places = list(known_keys(each))
        assert len(places) > 40
        assert len({place.key for place in places}) == len(places)
        for place in places:
            assert place_of(place.key, each) == place
            value = value_at(each, place.key)
            assert fill(each, {place.key: value}) == each


def test_one_stage_makes_its_keys_short(load):
    mine = load(text=MINE).recipe
    assert place_of("lr", mine).key == "model.optimizer.lr"
    assert place_of("size", mine).key == "model.batches.size"


def test_keys_go_by_the_stages_own_names():
    assert key_of(("stages", "finder", "head")) == "finder.head"
    assert key_of(("decide", "vote", "k")) == "decide.vote.k"
    assert key_of(("stages",)) == "stages"


@pytest.mark.parametrize(
    ("section", "word", "hint"),
    [
        (("stages", "finder"), "lr", "; did you mean 'optimizer.lr'?"),
        (("stages", "finder"), "checkpoint", "; did you mean 'keep'?"),
        (("stages", "finder"), "optimiser", "; did you mean 'optimizer'?"),
        (("stages", "finder", "optimizer"), "warmup", "; did you mean 'warmup_share'?"),
        (("stages", "finder", "head"), "sizes", "; did you mean 'size'?"),
        ((), "decid", "; did you mean 'decide'?"),
        ((), "extend", "; did you mean 'extends'?"),
        ((), "seed", "; did you mean 'seeds'?"),
        ((), "zzz", ""),
    ],
)
def test_a_mistyped_key_of_a_section(recipe, section, word, hint):
    assert suggestion(recipe, section, word) == hint


def test_ends_that_the_recipe_itself_sets(recipe):
    ends = {
        "finder.optimizer.xi": (None, 1.0),
        "decide.vote.k": (1.0, 200.0),
        "sorter.losses.asymmetric.gamma_negative.x": (0.0, 20.0),
        "finder.optimizer.head_lr": (None, 10.0),
        "finder.head.type": (None, None),
    }
    assert {key: least_and_most(place_of(key, recipe)) for key in ends} == ends


# -- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("finder.head.type", "projection"),
        ("finder.head", {"type": "projection", "size": 64, "hidden": None}),
        ("finder.head.dropout", None),  # of another head
        ("finder.losses.triplet.margin", None),
        ("finder.start.fold", None),
        ("sorter.start", {"stage": "finder", "fold": "same"}),
        ("sorter.losses.asymmetric.gamma_negative", {"x": 4.0, "y/z": 2.0}),
        ("sorter.losses.asymmetric.gamma_negative.y/z", 2.0),
        ("finder.losses.soft_triple.centers", 10),
        ("sorter.task.targets", ("x", "y/z")),
        ("decide.vote.tau", 0.4),
        ("folds.plan", "stratified"),
    ],
)
def test_a_value_by_its_key(recipe, key, value):
    assert value_at(recipe, key) == value


def test_one_value_for_all_columns_is_the_value_of_each(load):
    edits = {"        gamma_negative:\n          x: 4\n          y/z: 2": "        gamma_negative: 3"}
    recipe = load(edits).recipe
    assert value_at(recipe, "gamma_negative") == 3.0
    assert value_at(recipe, "gamma_negative.y/z") == 3.0
    assert fill(recipe, {"gamma_negative.x": 1}).stages["sorter"].losses["asymmetric"].gamma_negative == {
        "x": 1.0,
        "y/z": 3.0,
    }


def test_what_chooses_a_component_is_filled_in_before_its_settings(recipe):
    point = {"sorter.head.dropout": 0.3, "sorter.head.hidden": 7, "sorter.head.type": "mlp"}
    assert fill(recipe, point).stages["sorter"].head.model_dump() == {"hidden": 7, "dropout": 0.3}
    point = {"sorter.head.dropout": 0.3, "sorter.head.type": "linear"}
    assert fill(recipe, point).stages["sorter"].head.model_dump() == {"dropout": 0.3}
    point = {"sorter.losses.cross_entropy.weight": 2, "sorter.losses": "cross_entropy"}
    assert {name: each.weight for name, each in fill(recipe, point).stages["sorter"].losses.items()} == {
        "cross_entropy": 2
    }
    point = {"sorter.start.fold": "best", "sorter.start": "finder"}
    assert fill(recipe, point).stages["sorter"].start.fold == "best"
    assert fill(recipe, {"sorter.start": None}).stages["sorter"].start is None


def test_a_value_of_the_recipes_encoder_reaches_the_stages_that_share_it(load):
    recipe = load({"  sorter:\n": "  sorter:\n    encoder: {pooling: mean}\n"}).recipe
    filled = fill(recipe, {"encoder.pooling": "last_token", "encoder.max_length_tokens": 12})
    assert (filled.encoder.pooling, filled.encoder.max_length_tokens) == ("last_token", 12)
    found = {name: (stage.encoder.pooling, stage.encoder.max_length_tokens) for name, stage in filled.stages.items()}
    assert found == {"finder": ("last_token", 12), "sorter": ("mean", 12)}


def test_filling_leaves_the_recipe_as_it_was(recipe):
    before = recipe.model_dump()
    fill(recipe, {"finder.optimizer.lr": 1, "finder.losses": "cross_entropy", "sorter.start": None})
    assert recipe.model_dump() == before
    assert isinstance(recipe, Recipe)
