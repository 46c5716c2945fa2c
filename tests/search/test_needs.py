"""What a search is said to need, and what is refused before it begins."""

from __future__ import annotations

from dataclasses import replace

import pytest
from polar_search import SMALL
from simulated_search import recipe_of

from tune_polar.errors import SearchError
from tune_polar.model.encoder_shape import PUBLISHED_CONFIGS, shape_of_config
from tune_polar.model.footprint import GB
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.search.resources.needs_forecast import (
    FoldNeeds,
    Scale,
    SearchNeeds,
    disk_budget,
    fold_needs,
    free_bytes,
    search_needs,
)

XBASE = "nghuyong/ernie-3.0-xbase-zh"
FOLD = FoldNeeds(weights=2 * GB, checkpoint=4 * GB, host=8 * GB)
FROZEN = {"encoder.frozen_layers": 20} | {f"{s}.optimizer.fgm_epsilon": 0.0 for s in ("detector", "classifier")}
FIFTY = Scale(configurations=50, cells=5, slots=1)


def needs(scale: Scale = FIFTY, fold: FoldNeeds | None = FOLD, **there: int | float | None) -> SearchNeeds:
    about = {"disk_free": 300 * GB, "disk_budget": 100 * GB, "host_there": 16 * GB, "fold_seconds": None} | there
    return search_needs(scale, fold, **about)  # type: ignore[arg-type]


def test_the_published_encoder() -> None:
    recipe = load_recipe("st3", RecipeOptions(XBASE)).recipe
    shapes = {(XBASE, None): shape_of_config(PUBLISHED_CONFIGS[XBASE])}
    found = fold_needs(recipe, shapes, on_cpu=True, slot_bytes=None)
    assert found is not None
    assert found.weights == pytest.approx(2 * 4 * 296e6, rel=0.02), "both stages, in 32 bits"
    assert found.checkpoint == pytest.approx(4 * 4 * 296e6, rel=0.02), "weights, two moments, the best weights"
    assert found.disk == found.weights + 2 * found.checkpoint
    frozen = load_recipe("st3", RecipeOptions(XBASE, changes=FROZEN)).recipe
    less = fold_needs(frozen, shapes, on_cpu=True, slot_bytes=None)
    assert less is not None
    assert less.weights < found.weights / 100, "what is as it was pretrained is not kept"
    assert fold_needs(recipe, {}, on_cpu=True, slot_bytes=None) is None


def test_a_worker_holds_every_encoder_that_its_recipe_names() -> None:
    shape = shape_of_config(PUBLISHED_CONFIGS[XBASE])
    shapes = {(name, None): shape for name in (XBASE, "another", "a third")}

    def host(**encoders: str) -> int:
        changes = {f"{stage}.encoder.name": name for stage, name in encoders.items()}
        recipe = load_recipe("st3", RecipeOptions(XBASE, changes={"classifier.start": None, **changes})).recipe
        found = fold_needs(recipe, shapes, on_cpu=True, slot_bytes=None)
        assert found is not None
        return found.host

    assert host(classifier="another") - host() == 4 * shape.parameters
    assert host(detector="another", classifier="a third") == host(classifier="another")


def test_the_encoder_by_which_texts_are_clustered_counts_too() -> None:
    shape = shape_of_config(PUBLISHED_CONFIGS[XBASE])
    shapes = {(name, None): shape for name in (XBASE, "another")}

    def needs_by(encoder: str | None) -> FoldNeeds | None:
        losses = {"cross_entropy": {"weight": 0.5}, "shared_con": {"weight": 0.5, "encoder": encoder}}
        stage = {
            "task": {"type": "binary", "target": "polarization"},
            "head": {"type": "linear"},
            "losses": losses,
            "batches": {"type": "pairs"},
        }
        recipe = {**SMALL, "encoder": {"name": XBASE}, "stages": {"hate": stage}, "decide": {}, "score": {"of": "hate"}}
        return fold_needs(recipe_of(recipe), shapes, on_cpu=True, slot_bytes=None)

    own, same, other = (needs_by(encoder) for encoder in (None, XBASE, "another"))
    assert own is not None
    assert same is not None
    assert other is not None
    assert same.host == own.host
    assert other.host - own.host == 4 * shape.parameters
    assert needs_by("unknown") is None


def test_fifty_configurations_stay_within_their_disk() -> None:
    found = needs()
    assert found.disk_peak == (10 + 5 * 2 + 5 * 2) * GB
    assert found.disk_end == 5 * 2 * GB
    assert needs(disk_budget=12 * GB).disk_peak == 12 * GB
    assert needs(disk_budget=8 * GB).disk_end == 8 * GB
    assert list(found.missing()) == []
    found.check()


def test_hours_are_told_where_records_tell_them() -> None:
    assert "hours unknown until the first fold" in needs().words()
    found = needs(replace(FIFTY, slots=2), fold_seconds=3600.0)
    assert found.seconds == 50 * 5 * 3600 / 2
    assert "at most 125.0 hours by the folds of earlier records" in found.words()


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (
            {"disk_free": 9 * GB},
            "disk: .* of 1 fold trial at once take 10.00 GB, and there are 9",
        ),
        ({"disk_budget": 9 * GB}, "--disk-gb"),
        ({"host_there": 8 * GB}, r"memory: 1 slot takes 9.00 GB of this machine's own memory, and it has 8.00 GB"),
    ],
)
def test_what_cannot_fit_is_refused(there: dict[str, int], told: str) -> None:
    with pytest.raises(SearchError, match=told):
        needs(**there).check()


def test_without_checkpoints_less_is_needed() -> None:
    needs(replace(FIFTY, checkpoints=False), disk_free=3 * GB, disk_budget=None).check()


def test_of_an_encoder_of_unknown_size_nothing_is_said() -> None:
    found = needs(fold=None, disk_free=1)
    found.check()
    assert found.words() == ["hours unknown until the first fold"]


def test_the_budget_is_a_third_of_what_is_free(tmp_path: object) -> None:
    free = free_bytes(f"{tmp_path}/not/there/yet")
    assert free is not None
    budget = disk_budget(f"{tmp_path}/not/there/yet", None)
    assert budget is not None
    assert budget == pytest.approx(free / 3, rel=0.05)
    assert disk_budget(str(tmp_path), 2.5) == int(2.5 * GB)
    assert disk_budget("s3://bucket/prefix", None) is None
