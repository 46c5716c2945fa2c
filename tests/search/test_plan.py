"""The plan of a search: refused where it cannot run, written to the manifest, and read back as it was."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from polar_search import SMALL, TWO_STAGES, polar_folder, small_corpus, space_over
from simulated_search import cells_of, recipe_of

from tune_polar.data.findings import Finding
from tune_polar.data.plans.fold_plan import FoldPlan, partition
from tune_polar.data.source import Source, parse_source
from tune_polar.errors import DataError, FoldPlanError, SearchError, SpecError, StoreError, TunePolarError
from tune_polar.evaluate.manifest_facts import manifest_facts
from tune_polar.recipe.configuration import canonical_json
from tune_polar.recipe.fill import fill
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.recipe import Recipe
from tune_polar.search.make_plan import SearchPlan, make_plan
from tune_polar.search.optuna.sampler import Sampler
from tune_polar.search.resources import table_sizes
from tune_polar.search.resume_plan import plan_from_manifest
from tune_polar.store.gold import Gold, gold_of

Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return polar_folder(tmp_path_factory.mktemp("polar"))


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return recipe_of(TWO_STAGES)


@pytest.fixture(scope="module")
def searched(recipe: Recipe) -> LoadedSpace:
    return space_over(recipe)


@pytest.fixture(scope="module")
def plan(recipe: Recipe, source: Source, searched: LoadedSpace) -> SearchPlan:
    return make_plan(recipe, "tiny", source, space=searched, trials=4, seed=7)


@pytest.fixture
def manifest(plan: SearchPlan) -> Manifest:
    return stored(plan.manifest("tune-polar search two"))


def stored(manifest: dict[str, object]) -> Manifest:
    """As it comes back from a store."""
    content: Manifest = json.loads(canonical_json(manifest))
    return content


def test_a_plan_comes_back_from_its_manifest(plan: SearchPlan, manifest: Manifest) -> None:
    again = plan_from_manifest(manifest, None, None)
    assert again.recipe == plan.recipe
    assert again.inputs == plan.inputs
    assert again.space == plan.space
    assert again.cells == plan.cells == cells_of(2)
    assert (again.profile, again.trials, again.seed, again.kind) == ("tiny", 4, 7, "search")
    created = {"created": manifest["created"]}
    assert stored(again.manifest("tune-polar search two")) | created == manifest


def test_a_manifest_says_what_was_agreed(manifest: Manifest) -> None:
    assert set(manifest) == {
        *("kind", "recipe", "profile", "space", "variants", "data", "inputs", "variant_inputs", "cells"),
        *("trials", "seed", "racing", "floors", "tried", "machines", "command", "created", "versions"),
    }
    assert manifest["cells"] == [[0, 42], [1, 42]]
    assert set(manifest["inputs"]) == {"finder", "sorter"}
    assert set(manifest["data"]) == {"source", "files", "name", "fingerprint", "rows", "doubts"}
    assert manifest["data"]["rows"] == {"train": 150, "dev": 30}


def test_a_manifest_counts_what_is_doubtful_and_says_no_word_of_it(plan: SearchPlan) -> None:
    found = Finding(
        "warning", "text-list", "home/posts.csv", 3, "implied", "the first is taken, got 'a secret'", 4, (3, 5)
    )
    doubted = replace(plan, corpus=replace(plan.corpus, warnings=(found,)))
    manifest = stored(doubted.manifest("search"))
    assert manifest["data"]["doubts"] == [{"code": "text-list", "column": "implied", "count": 4}]
    assert manifest_facts(manifest, "here").doubts[0].count == 4
    assert "secret" not in json.dumps(manifest)


def test_points_to_try_come_back_and_those_outside_are_refused(
    recipe: Recipe, source: Source, searched: LoadedSpace
) -> None:
    point = Sampler(searched, 3).ask(1)
    plan = make_plan(recipe, "tiny", source, space=searched, trials=4, seed=7, tried=(point,))
    manifest = stored(plan.manifest("search"))
    assert plan_from_manifest(manifest, None, None).tried == (point,)
    key = next(key for key, value in point.items() if isinstance(value, float))
    with pytest.raises(SearchError, match=f"points to try must lie in the search space, got {key}: 1000000"):
        plan_from_manifest({**manifest, "tried": [{**point, key: 1e6}]}, None, None)
    for damaged in (3, [3], [{key: [1]}]):
        with pytest.raises(StoreError, match=r"manifest\.json must describe a search"):
            plan_from_manifest({**manifest, "tried": damaged}, None, None)


def test_every_seed_has_every_fold(source: Source) -> None:
    seeds = (3, 1, 2)
    plan = make_plan(recipe_of({**SMALL, "seeds": list(seeds)}), "tiny", source, trials=1, seed=0)
    assert plan.cells == cells_of(2, seeds)
    again = plan_from_manifest(stored(plan.manifest("search")), None, None)
    assert again.cells == plan.cells


def test_one_split_is_one_cell(source: Source) -> None:
    plan = make_plan(recipe_of({**SMALL, "folds": {"plan": "holdout", "share": 0.2}}), "tiny", source, trials=1, seed=0)
    assert plan.cells == cells_of(1)
    assert plan.held_out == pytest.approx(0.25, abs=0.03)


def test_a_resumed_search_proposes_in_the_order_of_the_space_file(plan: SearchPlan, manifest: Manifest) -> None:
    """JSON's sorted keys would draw other values and look at conditions before their keys."""
    again = plan_from_manifest(manifest, None, None)
    assert plan.space is not None
    assert again.space is not None
    assert list(again.space.parameters) == list(plan.space.parameters)
    assert Sampler(again.space, again.seed).ask(1) == Sampler(plan.space, plan.seed).ask(1)


def test_a_new_total_of_trials(manifest: Manifest) -> None:
    assert plan_from_manifest(manifest, None, 9).trials == 9


def test_racing_is_as_it_was_begun_unless_another_rule_is_given(plan: SearchPlan, manifest: Manifest) -> None:
    assert plan_from_manifest(manifest, None, None).racing == "none"
    assert plan_from_manifest(manifest, None, None, "doubling").racing == "doubling"
    raced = stored(replace(plan, racing="model").manifest("search"))
    assert plan_from_manifest(raced, None, None).racing == "model"
    with pytest.raises(SpecError, match=r"--racing must be one of none, .*got 'fast'"):
        plan_from_manifest({**manifest, "racing": "fast"}, None, None)


def test_no_trials_is_no_search(recipe: Recipe, source: Source, manifest: Manifest) -> None:
    with pytest.raises(SearchError, match="--trials must be at least 1, got 0"):
        make_plan(recipe, "tiny", source, trials=0, seed=7)
    with pytest.raises(SearchError, match="--trials must be at least 1, got -3"):
        plan_from_manifest(manifest, None, -3)


# -- variants --------------------------------------------------------------------------------------------------------


def test_an_ablation_comes_back_with_its_variants(recipe: Recipe, source: Source) -> None:
    bare = fill(recipe, {"sorter.losses": "cross_entropy"})
    variants = (("as given", recipe), ("no_asl", bare), ("no_transfer", fill(recipe, {"sorter.start": None})))
    plan = make_plan(recipe, "tiny", source, variants=variants, trials=len(variants), seed=7)
    again = plan_from_manifest(stored(plan.manifest("ablate")), None, None)
    assert again.kind == "ablation"
    assert again.variants == variants
    assert again.space is None
    assert all(again.inputs_for(each) is again.inputs for _, each in variants), "they read the same"


def test_a_variant_that_reads_another_column_has_fingerprints_of_its_own(source: Source) -> None:
    recipe, shuffled = recipe_of(SMALL), recipe_of(_shuffled())
    plan = make_plan(recipe, "tiny", source, variants=(("shuffled", shuffled),), trials=1, seed=0)
    own = plan.inputs_for(shuffled)
    assert own.stages["finder"].rows != plan.inputs.stages["finder"].rows
    assert own.stages["finder"].folds == plan.inputs.stages["finder"].folds
    assert plan.inputs_for(shuffled) is own, "found once"
    manifest = stored(plan.manifest("ablate"))
    assert set(manifest["variant_inputs"]) == {"shuffled"}
    assert plan_from_manifest(manifest, None, None).variant_inputs == {"shuffled": own}
    manifest["variant_inputs"]["shuffled"]["finder"]["encoder"] = "another"
    with pytest.raises(SearchError, match="the encoder of stage finder of shuffled must be the same"):
        plan_from_manifest(manifest, None, None)


def _shuffled() -> dict[str, Any]:
    values = copy.deepcopy(dict(SMALL))
    values["stages"]["finder"]["batches"] = {"type": "shuffled", "size": 16}
    return values


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"folds": {"count": 3}}, "folds"),
        ({"seeds": [1, 2]}, "seeds"),
        ({"data": {"labels": ["polarization"]}}, "data"),
        ({"score": {"of": "vote", "metric": "accuracy"}}, "score.metric"),
    ],
)
def test_variants_that_could_not_be_compared_are_refused(
    source: Source, changed: dict[str, object], named: str
) -> None:
    other = recipe_of({**SMALL, **changed})
    with pytest.raises(SpecError, match=f"other must leave {named} as the recipe has it"):
        make_plan(recipe_of(SMALL), "tiny", source, variants=(("other", other),), trials=1, seed=0)


def test_a_variant_on_other_rows_is_refused(recipe: Recipe, source: Source) -> None:
    values = copy.deepcopy(dict(TWO_STAGES))
    values["stages"]["sorter"]["rows"] = {}
    with pytest.raises(SpecError, match=r"all must leave sorter\.rows as the recipe has it"):
        make_plan(recipe, "tiny", source, variants=(("all", recipe_of(values)),), trials=1, seed=0)


# -- what is not what it was -----------------------------------------------------------------------------------------


def test_other_data_is_refused_and_named(manifest: Manifest, tmp_path: Path) -> None:
    other = polar_folder(tmp_path, small_corpus(1))
    with pytest.raises(SearchError, match="the rows of train must be the same as when the search began") as caught:
        plan_from_manifest(manifest, other, None)
    assert manifest["data"]["fingerprint"][:12] in caught.value.problem
    assert "--data" in caught.value.remedy


def test_other_texts_to_predict_are_refused_and_named(manifest: Manifest, tmp_path: Path) -> None:
    own, other = small_corpus(), small_corpus(1)
    source = polar_folder(tmp_path, replace(own, splits={**own.splits, "dev": other.splits["dev"]}))
    with pytest.raises(SearchError, match="the texts of dev, test and evaluation sets must be the same"):
        plan_from_manifest(manifest, source, None)


def test_the_same_data_elsewhere_is_accepted(manifest: Manifest, plan: SearchPlan, tmp_path: Path) -> None:
    assert plan_from_manifest(manifest, polar_folder(tmp_path), None).inputs == plan.inputs


@pytest.mark.parametrize("stage", ["finder", "sorter"])
@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("splits", "0" * 64, "the texts of dev, test and evaluation sets"),
        ("folds", ["0" * 64, "1" * 64], "the folds of stage STAGE"),
        ("encoder", "0" * 64, "the encoder of stage STAGE"),
        ("rows", "0" * 64, "what stage STAGE reads of train"),
    ],
)
def test_inputs_that_have_changed_are_named(
    manifest: Manifest, stage: str, key: str, value: object, named: str
) -> None:
    manifest["inputs"][stage][key] = value
    with pytest.raises(SearchError, match=f"^{named.replace('STAGE', stage)} must be the same as when the search"):
        plan_from_manifest(manifest, None, None)


def test_other_fold_settings_are_other_folds(manifest: Manifest) -> None:
    manifest["recipe"]["folds"]["seed"] = 43
    with pytest.raises(SearchError, match="the folds of stage finder must be the same"):
        plan_from_manifest(manifest, None, None)


def test_cells_of_folds_that_there_are_not_are_refused(manifest: Manifest) -> None:
    manifest["cells"].append([2, 42])
    with pytest.raises(SearchError, match=r"the cells must be of the 2 folds of the search, got \['f2-s42'\]"):
        plan_from_manifest(manifest, None, None)


def test_recorded_cells_are_taken_as_they_are(manifest: Manifest) -> None:
    manifest["cells"] += [[0, 7], [1, 7]]
    assert plan_from_manifest(manifest, None, None).cells == cells_of(2, (42, 7))


def rolled(plan: SearchPlan) -> dict[str, FoldPlan]:
    """Other folds of the same rows."""
    one = plan.plans["finder"]
    folds = np.roll(one.validation.argmax(axis=0), 1)
    return dict.fromkeys(plan.plans, partition(one.kind, folds, one.count))


def test_a_resumed_search_keeps_its_recorded_folds(plan: SearchPlan, manifest: Manifest) -> None:
    """As they are, even where the libraries that make folds would make others by now."""
    plans = rolled(plan)
    for name, about in manifest["inputs"].items():
        about["folds"] = [plans[name].hash_of(fold) for fold in range(2)]
    again = plan_from_manifest(manifest, None, None, gold=gold_of(plan.corpus, plans))
    assert {name: each.hash for name, each in again.plans.items()} == {name: each.hash for name, each in plans.items()}
    with pytest.raises(SearchError, match="the folds of stage finder must be the same"):
        plan_from_manifest(manifest, None, None)


def test_recorded_folds_that_are_not_the_searchs_are_refused(plan: SearchPlan, manifest: Manifest) -> None:
    with pytest.raises(SearchError, match="the folds of stage finder must be the same"):
        plan_from_manifest(manifest, None, None, gold=gold_of(plan.corpus, rolled(plan)))


def test_folds_that_are_not_recorded_are_made_anew(plan: SearchPlan, manifest: Manifest) -> None:
    gold = gold_of(plan.corpus, plan.plans)
    without = Gold(gold.splits, {"finder": gold.plans["finder"]}, gold.repeated)
    assert plan_from_manifest(manifest, None, None, gold=without).inputs == plan.inputs


@pytest.mark.parametrize("rows", [149, 150])
def test_recorded_folds_do_not_hide_other_data(plan: SearchPlan, manifest: Manifest, tmp_path: Path, rows: int) -> None:
    other = polar_folder(tmp_path, small_corpus(1, rows))
    with pytest.raises(SearchError, match="the rows of train must be the same as when the search began"):
        plan_from_manifest(manifest, other, None, gold=gold_of(plan.corpus, plan.plans))


# -- further files ---------------------------------------------------------------------------------------------------


def test_files_that_the_recipe_names_are_found_from_any_folder(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (home / "others.csv").write_text("id,text,polarization\na,怎么样,1\nb,很好,0\n")
    recipe = recipe_of({**SMALL, "data": {**SMALL["data"], "evaluate": {"others": {"path": "others.csv"}}}})
    monkeypatch.chdir(home)
    plan = make_plan(recipe, "tiny", source, trials=1, seed=0)
    assert len(plan.corpus.splits["others"]) == 2
    manifest = stored(plan.manifest("search"))
    assert manifest["recipe"]["data"]["evaluate"]["others"]["path"] == "others.csv", (
        "as it is written: ids do not depend on it"
    )
    monkeypatch.chdir(elsewhere)
    assert plan_from_manifest(manifest, None, None).inputs == plan.inputs
    (home / "others.csv").rename(elsewhere / "others.csv")
    assert plan_from_manifest(manifest, None, None).inputs == plan.inputs
    (elsewhere / "others.csv").unlink()
    with pytest.raises(DataError, match=r"others\.csv"):
        plan_from_manifest(manifest, None, None)


# -- neighbours ------------------------------------------------------------------------------------------------------


def test_k_must_find_its_neighbours_in_the_smallest_fold(source: Source) -> None:
    many = fill(recipe_of(SMALL), {"decide.vote.k": 100})
    with pytest.raises(SpecError, match=r"decide\.vote\.k must be at most the training rows .* \(75\), got 100"):
        make_plan(many, "tiny", source, trials=1, seed=0)
    with pytest.raises(SpecError, match=r"decide\.vote\.k must be at most .* got 100"):
        make_plan(recipe_of(SMALL), "tiny", source, variants=(("many", many),), trials=1, seed=0)


def test_k_is_held_against_the_rows_that_its_own_stage_trains_on(source: Source) -> None:
    values = copy.deepcopy(dict(SMALL))
    values["data"]["labels"] = ["polarization", "stereotype"]
    values["stages"]["finder"] |= {"rows": {"polarization": 1}, "task": {"type": "binary", "target": "stereotype"}}
    values["decide"]["vote"]["k"] = 70
    with pytest.raises(SpecError, match=r"decide\.vote\.k must be at most the training rows .* \((3|4)\d\), got 70"):
        make_plan(recipe_of(values), "tiny", source, trials=1, seed=0)


def test_a_range_of_k_ends_where_the_smallest_fold_ends(recipe: Recipe, source: Source) -> None:
    wide = space_over(recipe, {"decide.vote.k": {"type": "int", "low": 1, "high": 199, "step": 2}})
    plan = make_plan(recipe, "tiny", source, space=wide, trials=1, seed=0)
    assert plan.space is not None
    assert max(plan.space.singles["decide.vote.k"].extremes()) == 75


@pytest.mark.parametrize(
    "k",
    [{"type": "int", "low": 76, "high": 76}, {"type": "categorical", "choices": [9, 76]}],
    ids=["range", "choices"],
)
def test_the_space_must_not_ask_for_more_neighbours_either(
    recipe: Recipe, source: Source, k: dict[str, object]
) -> None:
    wide = space_over(recipe, {"decide.vote.k": k})
    with pytest.raises(SpecError, match=r"decide\.vote\.k must be at most .* \(75\), got up to 76 in the search space"):
        make_plan(recipe, "tiny", source, space=wide, trials=1, seed=0)


# -- a manifest that is something else -------------------------------------------------------------------------------


def places(content: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every key of a manifest, however deep."""
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in inner:
        yield (*path, key)
        yield from places(value, (*path, key))


def resume(manifest: Manifest, gold: Gold) -> bool:
    """Whether the plan can be read and something proposed from it; anything but a ``TunePolarError`` is raised."""
    try:
        plan = plan_from_manifest(manifest, None, None, gold=gold)
    except TunePolarError:
        return False
    if plan.space is not None:
        plan.space.fill(Sampler(plan.space, plan.seed).ask(1))
    return True


REPLACEMENTS: tuple[object, ...] = (None, True, -1, 7.5, "x", [], [[1]], {}, {"a": {"b": 1}})


@pytest.mark.parametrize(
    "top", ["recipe", "space", "variants", "data", "inputs", "variant_inputs", "cells", "trials", "seed", "profile"]
)
def test_a_manifest_without_a_part_of_it_is_refused(manifest: Manifest, top: str) -> None:
    del manifest[top]
    with pytest.raises(StoreError, match=f"store here: manifest.json must describe a search, but: .*{top}"):
        plan_from_manifest(manifest, None, None, place="here")


def test_any_key_may_be_missing_or_anything_else(recipe: Recipe, source: Source) -> None:
    small = space_over(
        recipe,
        {
            "sorter.losses": {"type": "categorical", "choices": ["asymmetric", "cross_entropy"]},
            "sorter.losses.asymmetric.clip": {"type": "float", "low": 0, "high": 0.2},
            "sorter.losses.asymmetric.gamma_negative": {
                "type": "vector",
                "element": {"type": "int", "low": 0, "high": 4},
            },
        },
    )
    whole = make_plan(recipe, "tiny", source, space=small, variants=(("x", recipe),), trials=1, seed=0)
    manifest, gold = stored(whole.manifest("search")), gold_of(whole.corpus, whole.plans)
    checked = [
        path
        for path in places(manifest)
        if path[0] not in ("versions", "created", "command", "kind") and path[:2] != ("variants", 0)
    ]
    refused = 0
    for number, path in enumerate(checked):
        for replacement in (..., REPLACEMENTS[number % len(REPLACEMENTS)]):
            broken = copy.deepcopy(manifest)
            owner: Any = broken
            for key in path[:-1]:
                owner = owner[key]
            if replacement is ...:
                del owner[path[-1]]
            else:
                owner[path[-1]] = replacement
            refused += not resume(broken, gold)
    assert resume(manifest, gold)
    assert refused > 100


@pytest.mark.parametrize("variants", [5, "ab", ["ab"], [["a"]], [["a", "b", "c"]], [["a", {}]], {"a": 1}], ids=str)
def test_variants_of_any_other_shape_are_refused(manifest: Manifest, variants: object) -> None:
    manifest["variants"] = variants
    with pytest.raises(TunePolarError, match=r"must describe a search|must be one of this version's"):
        plan_from_manifest(manifest, None, None)


# -- folds without rows ----------------------------------------------------------------------------------------------


def test_a_fold_in_which_a_stage_validates_nothing_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    rows = [f"{row},text {row},{int(row < 4)},{int(row < 3)},{int(0 < row < 4)}" for row in range(40)]
    (tmp_path / "few.csv").write_text("id,text,polarization,stereotype,vilification\n" + "\n".join(rows) + "\n")
    values = copy.deepcopy(dict(TWO_STAGES))
    values |= {"data": {"labels": ["polarization", "stereotype", "vilification"]}, "folds": {"count": 8}}
    values["stages"]["sorter"]["task"]["targets"] = ["stereotype", "vilification"]
    values["stages"]["sorter"]["losses"] = {"cross_entropy": {}}
    values["stages"]["finder"]["batches"] = {"type": "shuffled", "size": 8}
    with pytest.raises(FoldPlanError, match=r"must validate at least one row with polarization = 1, got none in folds"):
        make_plan(recipe_of(values), "tiny", parse_source(str(tmp_path / "few.csv")), trials=1, seed=0)


def test_predictions_that_no_store_takes_are_refused_before_anything_is_trained(
    recipe: Recipe, source: Source, searched: LoadedSpace, plan: SearchPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = next(iter(recipe.stages))
    found = table_sizes.table_bytes(recipe, stage, plan.corpus, plan.plans[stage])
    rows = int(plan.plans[stage].validation.sum(axis=1).max()) + sum(
        len(split) for name, split in plan.corpus.splits.items() if name != "train"
    )
    assert found > 4 * rows
    assert found % rows == 0
    monkeypatch.setattr(table_sizes, "MOST_TABLE_BYTES", found - 1)
    with pytest.raises(SearchError, match=rf"at most {found - 1:,} bytes, stage '{stage}' would leave {found:,}"):
        make_plan(recipe, "tiny", source, space=searched, trials=4, seed=7)
