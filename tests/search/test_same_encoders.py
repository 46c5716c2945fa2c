"""What trains and what predicts is the encoder that a search began with, on whichever machine, however much later."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from one_slot import ONE_SLOT, Slot
from polar_search import SMALL, polar_folder, small_corpus, space_over
from simulated_search import recipe_of

from tune_polar.errors import ModelError, SearchError
from tune_polar.model.hub import pooling_file
from tune_polar.model.random_encoder import write_random_encoder
from tune_polar.recipe.fill import fill
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.recipe.reference import reference_origin
from tune_polar.recipe.sections import Encoder
from tune_polar.search.make_plan import SearchPlan, make_plan
from tune_polar.search.prepared_search import PreparedSearch
from tune_polar.search.ray.fold_runner import FoldRunner
from tune_polar.search.ray.remote_files import StoreAccess
from tune_polar.search.ray.worker_setup import ERROR_KEY, RECORD_KEY
from tune_polar.search.resume_plan import plan_from_manifest
from tune_polar.serve.from_store import store_models
from tune_polar.serve.recorded_model import recorded
from tune_polar.store.store import Store, open_store
from tune_polar.trial.encoder_identities import EncoderIdentities, recorded_for

COMMIT, LATER = "0123456789abcdef0123456789abcdef01234567", "1123456789abcdef0123456789abcdef01234567"
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def write_encoder(folder: Path, seed: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    texts = small_corpus().train.texts
    about = {"model_type": "bert", **SIZES, "vocab_size": 600, "max_position_embeddings": 128}
    write_random_encoder(folder, about, texts, seed)
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Of the hub, offline, with small/bert; main is one of its two commits."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    repository = tmp_path / "hub" / "models--small--bert"
    for seed, commit in enumerate((COMMIT, LATER)):
        write_encoder(repository / "snapshots" / commit, seed)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT, encoding="utf-8")
    pooling_file.cache_clear()
    yield repository
    pooling_file.cache_clear()


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
    commits = EncoderIdentities().with_commits(recipe)
    assert commits.encoder.revision == COMMIT
    assert reference_origin(commits) == reference_origin(recipe) == "published"


def test_a_pooling_that_a_cache_had_not_makes_another_encoder_of_it(cache: Path, tmp_path: Path) -> None:
    without = planned(tmp_path / "data", recipe_with("small/bert"))
    of_one = planned(tmp_path / "data", recipe_with("small/bert", **{"finder.encoder.pooling": "mean"}))
    place = cache / "snapshots" / COMMIT / "1_Pooling"
    place.mkdir()
    (place / "config.json").write_text('{"pooling_mode_mean_tokens": true}', encoding="utf-8")
    pooling_file.cache_clear()  # as in a new process
    with pytest.raises(SearchError, match="the encoder of stage finder must be the same"):
        plan_from_manifest(without.manifest("tune-polar test"), None, None)
    again = plan_from_manifest(of_one.manifest("tune-polar test"), None, None)
    assert again.inputs == of_one.inputs, "which pools as its recipe says, whatever lies in the cache"


class Joined:
    """A worker of a cluster that the driver of a search has joined."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        plan = planned(folder / "data", recipe)
        search, self.store = prepared(plan, folder / "s")
        self.slot = Slot(search, plan, self.store)
        config = self.slot.searcher.suggest("0")
        assert isinstance(config, dict)
        self.runner = FoldRunner(config, replace(self.slot.setup, joined=True), 1)

    def ended(self) -> dict[str, object]:
        """The result of the first fold."""
        while not (result := self.runner.step()).get("done"):
            assert ERROR_KEY not in result
        self.slot.searcher.on_trial_complete("0", result)
        return result


@pytest.mark.parametrize(("address", "joined"), [("10.0.0.1:6379", True), (None, False)])
def test_workers_of_a_joined_cluster_look_at_their_encoders(tmp_path: Path, address: str | None, joined: bool) -> None:
    """On a Ray of its own the driver has looked at the same files."""
    plan = planned(tmp_path / "data", recipe_with("tiny"))
    search = PreparedSearch(plan, open_store(tmp_path / "s"), replace(ONE_SLOT, address=address))
    assert search.worker_setup(StoreAccess(str(tmp_path / "s"))).joined == joined


@pytest.mark.parametrize(
    ("seed", "words"), [(5, "must be the one that the search began with ('sha256:"), (None, "no folder")]
)
def test_another_machine_with_another_encoder_or_none_ends_the_search(
    tmp_path: Path, seed: int | None, words: str
) -> None:
    folder = write_encoder(tmp_path / "encoder")
    worker = Joined(tmp_path, recipe_with(str(folder)))
    shutil.rmtree(folder)
    if seed is not None:
        write_encoder(folder, seed)
    assert ERROR_KEY in worker.ended()
    assert isinstance(worker.slot.searcher.error, SearchError)
    assert words in str(worker.slot.searcher.error)
    assert not list(worker.store.folds())
    assert not list(worker.store.failures()), "the fault of no configuration"


def test_another_machine_with_the_same_encoder_trains(tmp_path: Path) -> None:
    worker = Joined(tmp_path, recipe_with(str(write_encoder(tmp_path / "encoder"))))
    assert RECORD_KEY in worker.ended()
    assert len(list(worker.store.folds())) == 1


@pytest.mark.parametrize("trained", ["tiny", "folder"])
def test_what_texts_are_clustered_by_is_looked_at_too(tmp_path: Path, trained: str) -> None:
    folder, clustering = (write_encoder(tmp_path / name) for name in ("encoder", "clustering"))
    worker = Joined(tmp_path, clustered(trained if trained == "tiny" else str(folder), str(clustering)))
    assert RECORD_KEY in worker.ended()
    shutil.rmtree(tmp_path / "s")
    shutil.rmtree(tmp_path / "data")
    worker = Joined(tmp_path, clustered(trained if trained == "tiny" else str(folder), str(clustering)))
    write_encoder(clustering, seed=5)
    assert ERROR_KEY in worker.ended()


def clustered(name: str, by: str) -> Recipe:
    """Texts of one class, in clusters of another encoder's vectors."""
    finder = {
        "task": {"type": "binary", "target": "polarization"},
        "head": {"type": "linear"},
        "losses": {"cross_entropy": {"weight": 0.5}, "shared_con": {"weight": 0.5, "clusters": 2, "encoder": by}},
        "batches": {"type": "pairs", "size": 16},
        "optimizer": {"lr": 2e-3, "max_steps": 2, "max_epochs": None, "eval_every_steps": 2},
    }
    encoder = {"name": name, "pooling": "mean", "max_length_tokens": 32}
    return recipe_of(
        {
            **SMALL,
            "encoder": encoder,
            "stages": {"finder": finder},
            "decide": {"flag": {"type": "threshold", "of": "finder"}},
            "score": {"of": "flag"},
        }
    )


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


def test_a_configuration_that_pools_otherwise_predicts_by_the_same_encoder(cache: Path) -> None:
    by_auto, by_mean = (
        Encoder(name="small/bert", revision=COMMIT),
        Encoder(name="small/bert", revision=COMMIT, pooling="mean"),
    )
    of_pooling = f"small/bert@{COMMIT},pooling:0123456789ab"
    assert recorded_for(of_pooling, by_auto, by_auto) == of_pooling
    assert recorded_for(f"{of_pooling}+other@1", by_auto, by_mean) == f"small/bert@{COMMIT}+other@1"
    assert recorded_for(f"small/bert@{COMMIT}", by_mean, by_auto) is None, "how it pools nobody has looked at"
    assert recorded_for("sha256:1", Encoder(name="here"), Encoder(name="here", pooling="mean")) == "sha256:1"
    assert recorded_for("sha256:1", Encoder(name="here"), Encoder(name="there")) is None


def test_a_branch_is_recorded_as_the_commit_it_stood_for(cache: Path, tmp_path: Path) -> None:
    (cache / "refs" / "later").write_text(LATER, encoding="utf-8")
    recipe = fill(recipe_with("small/bert"), {"encoder.revision": "later"})
    plan = planned(tmp_path / "data", recipe)
    assert plan.recipe.stages["finder"].encoder.revision == plan.recipe.encoder.revision == LATER
    assert f"@{LATER}" in plan.inputs.stages["finder"].encoder


def test_an_encoder_that_no_stage_has_need_not_exist(tmp_path: Path) -> None:
    values = {**SMALL, "encoder": {"name": "not/here"}}
    values["stages"] = {"finder": {**SMALL["stages"]["finder"], "encoder": SMALL["encoder"]}}
    assert planned(tmp_path / "data", recipe_of(values)).recipe.encoder.name == "not/here"


def test_clusters_of_another_encoder_have_fingerprints_of_their_own(tmp_path: Path) -> None:
    one, other = (write_encoder(tmp_path / name, seed) for seed, name in enumerate(("one", "other")))
    plan = planned(tmp_path / "data", clustered("tiny", str(one)))
    filled = fill(plan.recipe, {"finder.losses.shared_con.encoder": str(other)})
    assert plan.inputs_for(plan.recipe) is plan.inputs
    assert plan.inputs_for(filled).stages["finder"].encoder != plan.inputs.stages["finder"].encoder
    worker = Joined(tmp_path / "other-way", clustered("tiny", str(other)))
    assert RECORD_KEY in worker.ended()
