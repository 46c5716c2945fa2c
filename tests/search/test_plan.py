"""The plan of a search: refused where it cannot run, written to the manifest, and read back as it was."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tune_polar.data.sample import sample_corpus
from tune_polar.data.write_polar import write_polar
from tune_polar.errors import FoldPlanError, SearchError, SpecError, StoreError, TunePolarError
from tune_polar.search.plan import SearchPlan, make_plan, plan_from_manifest
from tune_polar.search.sampler import Sampler
from tune_polar.spec.configuration import canonical_json
from tune_polar.spec.data_source import DataSource
from tune_polar.spec.recipe_file import LoadedRecipe, RecipeOptions, load_recipe
from tune_polar.spec.space_file import LoadedSpace, load_space
from tune_polar.store.gold import gold_of

Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> DataSource:
    folder = tmp_path_factory.mktemp("polar")
    write_polar(sample_corpus(0, rows_train=150, rows_dev=30, rows_test=0), folder, "zho")
    return DataSource(kind="polar", path=str(folder), language="zho")


@pytest.fixture(scope="module")
def loaded() -> LoadedRecipe:
    return load_recipe("st3", RecipeOptions(encoder="tiny", changes={"folds.count": 2, "decision.k": 9}))


@pytest.fixture(scope="module")
def st3_space(loaded: LoadedRecipe) -> LoadedSpace:
    shipped = load_space("st3", loaded.recipe, "tiny")
    k = {"decision.k": shipped.parameters["decision.k"].model_copy(update={"high": 21})}
    return LoadedSpace(shipped.name, {**shipped.parameters, **k}, loaded.recipe)


@pytest.fixture(scope="module")
def plan(loaded: LoadedRecipe, source: DataSource, st3_space: LoadedSpace) -> SearchPlan:
    return make_plan(loaded.recipe, "tiny", source, space=st3_space, trials=4, seed=7)


@pytest.fixture
def manifest(plan: SearchPlan) -> Manifest:
    return stored(plan.manifest("tune-polar search st3"))


def stored(manifest: dict[str, object]) -> Manifest:
    """As it comes back from a store."""
    content: Manifest = json.loads(canonical_json(manifest))
    return content


def test_a_plan_comes_back_from_its_manifest(plan: SearchPlan, manifest: Manifest) -> None:
    again = plan_from_manifest(manifest, None, None)
    assert again.recipe == plan.recipe
    assert again.inputs == plan.inputs
    assert again.space == plan.space
    assert (again.profile, again.trials, again.seed, again.kind) == ("tiny", 4, 7, "search")
    created = {"created": manifest["created"]}
    assert stored(again.manifest("tune-polar search st3")) | created == manifest


def test_a_resumed_search_proposes_in_the_order_of_the_space_file(plan: SearchPlan, manifest: Manifest) -> None:
    """JSON's sorted keys would draw other values and look at conditions before their keys."""
    again = plan_from_manifest(manifest, None, None)
    assert plan.space is not None
    assert again.space is not None
    assert list(again.space.parameters) == list(plan.space.parameters)
    assert Sampler(again.space, again.seed).ask(1) == Sampler(plan.space, plan.seed).ask(1)


def test_an_ablation_comes_back_with_its_variants(loaded: LoadedRecipe, source: DataSource) -> None:
    variants = tuple((f"ablation:{name}", recipe) for name, (_, recipe) in loaded.ablations.items())
    plan = make_plan(loaded.recipe, "tiny", source, variants=variants, trials=len(variants), seed=7)
    again = plan_from_manifest(stored(plan.manifest("ablate")), None, None)
    assert again.kind == "ablation"
    assert again.variants == variants
    assert again.space is None


def test_a_new_total_of_trials(manifest: Manifest) -> None:
    assert plan_from_manifest(manifest, None, 9).trials == 9


def test_racing_is_as_it_was_begun_unless_another_rule_is_given(plan: SearchPlan, manifest: Manifest) -> None:
    assert plan_from_manifest(manifest, None, None).racing == "none"
    assert plan_from_manifest(manifest, None, None, "doubling").racing == "doubling"
    raced = stored(replace(plan, racing="model").manifest("search"))
    assert plan_from_manifest(raced, None, None).racing == "model"
    older = {key: value for key, value in manifest.items() if key != "racing"}
    assert plan_from_manifest(older, None, None).racing == "none"
    with pytest.raises(SpecError, match=r"--racing must be one of none, .*got 'fast'"):
        plan_from_manifest({**manifest, "racing": "fast"}, None, None)


def test_no_trials_is_no_search(loaded: LoadedRecipe, source: DataSource, manifest: Manifest) -> None:
    with pytest.raises(SearchError, match="--trials must be at least 1, got 0"):
        make_plan(loaded.recipe, "tiny", source, trials=0, seed=7)
    with pytest.raises(SearchError, match="--trials must be at least 1, got -3"):
        plan_from_manifest(manifest, None, -3)


def test_other_data_is_refused_and_named(manifest: Manifest, tmp_path: Path) -> None:
    write_polar(sample_corpus(1, rows_train=150, rows_dev=30, rows_test=0), tmp_path, "zho")
    other = DataSource(kind="polar", path=str(tmp_path), language="zho")
    with pytest.raises(SearchError, match="data must be the same as when the search began") as caught:
        plan_from_manifest(manifest, other, None)
    assert manifest["inputs"]["data"][:12] in caught.value.problem
    assert "--data" in caught.value.remedy


def test_the_same_data_elsewhere_is_accepted(manifest: Manifest, plan: SearchPlan, tmp_path: Path) -> None:
    write_polar(plan.corpus, tmp_path, "zho")
    moved = DataSource(kind="polar", path=str(tmp_path), language="zho")
    assert plan_from_manifest(manifest, moved, None).inputs == plan.inputs


@pytest.mark.parametrize(
    ("key", "named"),
    [
        ("data", "data"),
        ("detector_plan", "detector folds"),
        ("classifier_plan", "classifier folds"),
        ("encoder", "enc"),
    ],
)
@pytest.mark.parametrize("value", ["0" * 64, 5, None])
def test_inputs_that_have_changed_are_named(manifest: Manifest, key: str, named: str, value: object) -> None:
    manifest["inputs"][key] = value
    with pytest.raises(SearchError, match=f"^{named}.* must be the same as when the search began"):
        plan_from_manifest(manifest, None, None)


def test_other_fold_settings_are_other_folds(manifest: Manifest) -> None:
    manifest["recipe"]["folds"]["seed"] = 43
    with pytest.raises(SearchError, match="detector folds must be the same"):
        plan_from_manifest(manifest, None, None)


def test_a_resumed_search_keeps_its_recorded_folds(plan: SearchPlan, manifest: Manifest) -> None:
    """As they are, even where the libraries that make folds would make others by now."""
    swapped = replace(plan.detector_plan, assignment=np.roll(plan.detector_plan.assignment, 1))
    manifest["inputs"] |= {"detector_plan": swapped.hash, "classifier_plan": swapped.hash}
    gold = gold_of(plan.corpus, swapped, swapped)
    again = plan_from_manifest(manifest, None, None, gold=gold)
    assert (again.detector_plan.hash, again.classifier_plan.hash) == (swapped.hash, swapped.hash)
    with pytest.raises(SearchError, match="detector folds must be the same"):
        plan_from_manifest(manifest, None, None)


@pytest.mark.parametrize("key", ["seed", "count"])
def test_recorded_folds_of_other_settings_are_refused(plan: SearchPlan, manifest: Manifest, key: str) -> None:
    manifest["recipe"]["folds"][key] += 1
    with pytest.raises(SearchError, match="detector folds must be the same"):
        plan_from_manifest(manifest, None, None, gold=gold_of(plan.corpus, plan.detector_plan, plan.classifier_plan))


def test_recorded_folds_do_not_hide_other_data(plan: SearchPlan, manifest: Manifest, tmp_path: Path) -> None:
    gold = gold_of(plan.corpus, plan.detector_plan, plan.classifier_plan)
    for rows in (149, 150):
        write_polar(sample_corpus(1, rows_train=rows, rows_dev=30, rows_test=0), tmp_path / str(rows), "zho")
        other = DataSource(kind="polar", path=str(tmp_path / str(rows)), language="zho")
        with pytest.raises(SearchError, match="data must be the same as when the search began"):
            plan_from_manifest(manifest, other, None, gold=gold)


def test_k_must_find_its_neighbours_in_the_smallest_fold(source: DataSource) -> None:
    many = load_recipe("st1", RecipeOptions(encoder="tiny", changes={"folds.count": 2, "decision.k": 100})).recipe
    with pytest.raises(SpecError, match=r"decision.k must be at most the training rows .* \(75\), got 100"):
        make_plan(many, "tiny", source, trials=1, seed=0)


def test_a_range_of_k_ends_where_the_smallest_fold_ends(
    space: Callable[..., LoadedSpace], loaded: LoadedRecipe, source: DataSource
) -> None:
    wide = space({"decision.k": {"type": "int", "low": 1, "high": 199, "step": 2}}, loaded.recipe)
    plan = make_plan(loaded.recipe, "tiny", source, space=wide, trials=1, seed=0)
    assert plan.space is not None
    assert max(plan.space.parameters["decision.k"].extremes()) == 75


@pytest.mark.parametrize(
    "k",
    [{"type": "int", "low": 76, "high": 76}, {"type": "categorical", "choices": [9, 76]}],
    ids=["range", "choices"],
)
def test_the_space_must_not_ask_for_more_neighbours_either(
    space: Callable[..., LoadedSpace], loaded: LoadedRecipe, source: DataSource, k: dict[str, object]
) -> None:
    wide = space({"decision.k": k}, loaded.recipe)
    with pytest.raises(SpecError, match=r"decision.k must be at most .* \(75\), got up to 76 in the search space"):
        make_plan(loaded.recipe, "tiny", source, space=wide, trials=1, seed=0)


def places(content: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every key of a manifest, however deep."""
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in inner:
        yield (*path, key)
        yield from places(value, (*path, key))


def resume(manifest: Manifest) -> bool:
    """Whether the plan can be read and something proposed from it; anything but a ``TunePolarError`` is raised."""
    try:
        plan = plan_from_manifest(manifest, None, None)
    except TunePolarError:
        return False
    if plan.space is not None:
        plan.space.fill(Sampler(plan.space, plan.seed).ask(1))
    return True


REPLACEMENTS: tuple[object, ...] = (None, True, -1, 7.5, "x", [], [[1]], {}, {"a": {"b": 1}})


@pytest.mark.parametrize("top", ["recipe", "space", "variants", "data", "inputs", "trials", "seed", "profile"])
def test_a_manifest_without_a_part_of_it_is_refused(manifest: Manifest, top: str) -> None:
    del manifest[top]
    with pytest.raises(StoreError, match=f"manifest.json must describe a search, but: KeyError '{top}'"):
        plan_from_manifest(manifest, None, None)


def test_any_key_may_be_missing_or_anything_else(
    space: Callable[..., LoadedSpace], loaded: LoadedRecipe, source: DataSource
) -> None:
    small = space(
        {
            "classifier.loss": {"type": "categorical", "choices": ["asymmetric", "binary_cross_entropy"]},
            "classifier.clip": {"type": "float", "low": 0, "high": 0.2, "when": {"classifier.loss": ["asymmetric"]}},
            "classifier.gamma_negative": {
                "type": "vector",
                "over": "labels",
                "element": {"type": "int", "low": 0, "high": 4},
            },
        },
        loaded.recipe,
    )
    whole = make_plan(loaded.recipe, "tiny", source, space=small, variants=(("x", loaded.recipe),), trials=1, seed=0)
    manifest = stored(whole.manifest("search"))
    checked = [
        path
        for path in places(manifest)
        if path[0] not in ("versions", "created", "command", "kind") and path[:2] != ("variants", 0)
    ]
    refused = 0
    for number, path in enumerate(checked):
        for replacement in (..., REPLACEMENTS[number % len(REPLACEMENTS)], REPLACEMENTS[(number + 4) % 9]):
            broken = copy.deepcopy(manifest)
            owner: Any = broken
            for key in path[:-1]:
                owner = owner[key]
            if replacement is ...:
                del owner[path[-1]]
            else:
                owner[path[-1]] = replacement
            refused += not resume(broken)
    assert resume(manifest)
    assert refused > 100


@pytest.mark.parametrize("variants", [5, "ab", ["ab"], [["a"]], [["a", "b", "c"]], [["a", {}]], {"a": 1}], ids=str)
def test_variants_of_any_other_shape_are_refused(manifest: Manifest, variants: object) -> None:
    manifest["variants"] = variants
    with pytest.raises(StoreError, match="must describe a search"):
        plan_from_manifest(manifest, None, None)


def test_a_fold_without_a_polarized_row_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    rows = [f"{row},text {row},{int(row < 4)},{int(row < 4)}" for row in range(40)]
    (tmp_path / "few.csv").write_text("id,text,polarization,stereotype\n" + "\n".join(rows) + "\n")
    changes = {
        "task.labels": ["stereotype"],
        "task.proxy_types": [],
        "classifier.gamma_negative": {"stereotype": 2.0},
        "folds.count": 8,
        "decision.k": 5,
    }
    loaded = load_recipe("st3", RecipeOptions(encoder="tiny", changes=changes))
    source = DataSource(kind="csv", path=str(tmp_path / "few.csv"), columns={"id": "id"})
    with pytest.raises(FoldPlanError, match=r"every fold must validate at least one row with polarization = 1"):
        make_plan(loaded.recipe, loaded.profile, source, trials=1, seed=0)
