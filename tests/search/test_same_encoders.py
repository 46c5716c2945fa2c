"""What trains and what predicts is the encoder that a search began with, on whichever machine, however much later."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from one_slot import ONE_SLOT, Slot
from polar_search import SMALL, polar_folder, small_corpus, space_over
from simulated_search import recipe_of

from tune_polar.errors import ModelError, SearchError
from tune_polar.model.random_encoder import write_random_encoder
from tune_polar.recipe.fill import fill
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.recipe.reference import reference_origin
from tune_polar.search.make_plan import SearchPlan, make_plan
from tune_polar.search.prepared_search import PreparedSearch
from tune_polar.search.ray.fold_runner import FoldRunner
from tune_polar.search.ray.worker_setup import ERROR_KEY
from tune_polar.search.resume_plan import plan_from_manifest
from tune_polar.serve.from_store import store_models
from tune_polar.serve.recorded_model import recorded
from tune_polar.store.store import Store, open_store
from tune_polar.trial.stage_inputs import with_commits

COMMIT, LATER = "0123456789abcdef0123456789abcdef01234567", "1123456789abcdef0123456789abcdef01234567"
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def write_encoder(folder: Path, seed: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    texts = small_corpus().train.texts
    about = {"model_type": "bert", **SIZES, "vocab_size": 600, "max_position_embeddings": 128}
    write_random_encoder(folder, about, texts, seed)
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the hub, offline, with small/bert; main is one of its two commits."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    repository = tmp_path / "hub" / "models--small--bert"
    for seed, commit in enumerate((COMMIT, LATER)):
        write_encoder(repository / "snapshots" / commit, seed)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT, encoding="utf-8")
    return repository


def recipe_with(name: str, **changes: object) -> Recipe:
    steps = {"finder.optimizer.max_steps": 2, "finder.optimizer.eval_every_steps": 2}
    encoder = {"encoder": {"name": name, "pooling": "auto", "max_length_tokens": 32}}
    return fill(recipe_of({**SMALL, **encoder}), steps | changes)


def planned(folder: Path, recipe: Recipe) -> SearchPlan:
    return make_plan(recipe, "tiny", polar_folder(folder), variants=(("as given", recipe),), trials=1, seed=1)


def prepared(plan: SearchPlan, folder: Path) -> tuple[PreparedSearch, Store]:
    store = open_store(folder)
    search = PreparedSearch(plan, store, ONE_SLOT)
    search.create("tune-polar test")
    return search, store


def test_a_search_keeps_the_commit_that_an_encoder_had(cache: Path, tmp_path: Path) -> None:
    recipe = recipe_with("small/bert")
    space = space_over(recipe, {"finder.optimizer.lr": {"type": "float", "low": 3e-4, "high": 1e-2, "log": True}})
    source = polar_folder(tmp_path / "data")
    variants = (("as given", recipe), ("other", recipe_with("small/bert", **{"finder.encoder.pooling": "mean"})))
    searched = make_plan(recipe, "tiny", source, space=space, trials=2, seed=1)
    compared = make_plan(recipe, "tiny", source, variants=variants, trials=2, seed=1)
    assert searched.space is not None
    filled = searched.space.fill({"finder.optimizer.lr": 1e-3})
    for each in (searched.recipe, filled, *(variant for _, variant in compared.variants)):
        assert {stage.encoder.revision for stage in each.stages.values()} == {COMMIT}
    (cache / "refs" / "main").write_text(LATER, encoding="utf-8")
    resumed = plan_from_manifest(searched.manifest("tune-polar test"), None, None)
    assert resumed.recipe == searched.recipe
    assert resumed.inputs == searched.inputs
    anew = make_plan(recipe, "tiny", source, space=space, trials=2, seed=1)
    assert anew.recipe.stages["finder"].encoder.revision == LATER
    assert anew.inputs != searched.inputs


def test_a_published_recipe_of_a_commit_is_the_published_one(cache: Path) -> None:
    recipe = load_recipe("st1", RecipeOptions(encoder="small/bert")).recipe
    commits = with_commits(recipe)
    assert commits.encoder.revision == COMMIT
    assert reference_origin(commits) == reference_origin(recipe) == "published"


def test_a_pooling_that_a_cache_had_not_makes_another_encoder_of_it(cache: Path, tmp_path: Path) -> None:
    without = planned(tmp_path / "data", recipe_with("small/bert"))
    of_one = planned(tmp_path / "data", recipe_with("small/bert", **{"finder.encoder.pooling": "mean"}))
    place = cache / "snapshots" / COMMIT / "1_Pooling"
    place.mkdir()
    (place / "config.json").write_text('{"pooling_mode_mean_tokens": true}', encoding="utf-8")
    from tune_polar.model.hub import pooling_file

    pooling_file.cache_clear()  # as in a new process
    with pytest.raises(SearchError, match="the encoder of stage finder must be the same"):
        plan_from_manifest(without.manifest("tune-polar test"), None, None)
    again = plan_from_manifest(of_one.manifest("tune-polar test"), None, None)
    assert again.inputs == of_one.inputs, "which pools as its recipe says, whatever lies in the cache"


@pytest.mark.parametrize("elsewhere", [True, False])
def test_another_machine_with_another_encoder_ends_the_search_and_says_why(tmp_path: Path, elsewhere: bool) -> None:
    """On the driver's own machine it is the same folder, and nobody reads it all a second time."""
    folder = write_encoder(tmp_path / "encoder")
    plan = planned(tmp_path / "data", recipe_with(str(folder)))
    search, store = prepared(plan, tmp_path / "s")
    slot = Slot(search, plan, store)
    config = slot.searcher.suggest("0")
    assert isinstance(config, dict)
    write_encoder(folder, seed=5)
    result = FoldRunner(config, slot.setup, 1, elsewhere=elsewhere).step()
    assert (ERROR_KEY in result) == elsewhere
    if elsewhere:
        slot.searcher.on_trial_complete("0", result)
        assert isinstance(slot.searcher.error, SearchError)
        assert "must be the one that the search began with (sha256:" in str(slot.searcher.error)
        assert not list(store.folds())
        assert not list(store.failures()), "the fault of no configuration"


def test_another_machine_with_the_same_encoder_trains(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "encoder")
    plan = planned(tmp_path / "data", recipe_with(str(folder)))
    search, store = prepared(plan, tmp_path / "s")
    slot = Slot(search, plan, store)
    config = slot.searcher.suggest("0")
    assert isinstance(config, dict)
    runner = FoldRunner(config, slot.setup, 1, elsewhere=True)
    while not (result := runner.step()).get("done"):
        assert ERROR_KEY not in result
    assert len(list(store.folds())) == 1


def test_what_predicts_is_the_encoder_that_was_trained(tmp_path: Path) -> None:
    """With frozen layers, whose weights no record has, another one would predict without a word."""
    folder = write_encoder(tmp_path / "encoder")
    recipe = recipe_with(str(folder), **{"finder.encoder.frozen_layers": 1, "finder.optimizer.fgm_epsilon": 0.0})
    plan = planned(tmp_path / "data", recipe)
    search, store = prepared(plan, tmp_path / "s")
    Slot(search, plan, store).run()
    found = recorded(store)
    composition = found.folds()
    (cell, name), *_ = composition.places.values()
    before = store_models(store, found, composition)(cell, name)
    shutil.rmtree(folder)
    write_encoder(folder, seed=5)
    with pytest.raises(ModelError, match=r"must be the one that the search began with"):
        store_models(store, found, composition)(cell, name)
    shutil.rmtree(folder)
    write_encoder(folder)
    after = store_models(store, found, composition)(cell, name)
    for one, other in zip(before.model.parameters(), after.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
