"""Weights of fitted models stay, whatever a search prunes, and go along where searches are merged."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from tests.cli.conftest import Ran
from tests.cli.conftest import run as run  # a fixture
from tests.store.made_recipes import two_stages
from tests.store.made_store import MadeStore, finished_store
from tune_polar.decide.metrics import metric_named
from tune_polar.search.resources.weights_budget import WeightsBudget
from tune_polar.search.resources.weights_keeper import WeightsKeeper
from tune_polar.serve.fit import complete
from tune_polar.serve.recorded_model import recorded
from tune_polar.serve.stored_composition import put_composition
from tune_polar.store.codec import encode_json
from tune_polar.store.merge import MergedModels, merge, merge_models
from tune_polar.store.store import Store, open_store

Run = Callable[..., Ran]


def put_weights(store: Store) -> list[str]:
    """Weights of every stage; their keys."""
    keys = sorted({key for fold in store.folds() for key in fold.stages.values()})
    for key in keys:
        store.put_weights(key, {"head.weight": np.ones(3, dtype=np.float32)})
    return keys


def fitted(folder: Path) -> tuple[MadeStore, frozenset[str]]:
    """A store with weights of all and a fitted model of its last configuration, which is not the best."""
    made = finished_store(folder, two_stages(), (0.5, 0.8, 0.3))
    put_weights(made.store)
    worst = made.summary("scores").finished[-1].configuration.id
    assert complete(made.store, recorded(made.store, worst), all_rows=False) is not None
    return made, frozenset(
        key for fold in made.store.folds() if fold.configuration_id == worst for key in fold.stages.values()
    )


def test_a_search_never_removes_them(tmp_path: Path) -> None:
    made, wanted = fitted(tmp_path / "s")
    core: Any = SimpleNamespace(progress={}, expected={}, done=True)
    keeper = WeightsKeeper(
        cast(Any, core), made.store, metric_named("macro_f1"), WeightsBudget(0, disk_bytes=1), fold_bytes=0, slots=1
    )
    keeper.look()
    assert set(made.store.weights_bytes()) == wanted
    assert wanted


def test_they_go_along_where_searches_are_merged(tmp_path: Path) -> None:
    made, wanted = fitted(tmp_path / "s")
    target = open_store(tmp_path / "merged")
    merge([made.store], target)
    assert merge_models([made.store], target) == MergedModels(1, ())
    assert set(target.weights_bytes()) == wanted
    assert target.fitted() == made.store.fitted()
    assert merge_models([made.store], target) == MergedModels(0, ()), "once"


def fitted_on_all_rows(folder: Path) -> tuple[MadeStore, str, list[str]]:
    """A store with a model of all rows, whose stages have no records, and no other weights: its name and its keys."""
    made = finished_store(folder, two_stages(), (0.5, 0.8))
    found = recorded(made.store)
    model = found.all_rows({"finder": "all-finder", "sorter": "all-sorter"})
    for key in (keys := list(model.cells[0].stages.values())):
        made.store.put_weights(key, {"head.weight": np.full(3, len(key), dtype=np.float32)})
    put_composition(made.store, model, {})
    return made, f"{found.id}-all", keys


def test_a_model_of_all_rows_goes_along_too(tmp_path: Path) -> None:
    made, name, keys = fitted_on_all_rows(tmp_path / "s")
    target = open_store(tmp_path / "merged")
    merge([made.store], target)
    assert merge_models([made.store], target) == MergedModels(1, ())
    assert set(target.fitted()) == {f"models/{name}.json"}
    for key in keys:
        weights = target.weights(key)
        assert weights is not None
        assert np.array_equal(weights["head.weight"], np.full(3, len(key)))


def test_a_model_that_is_left_out_is_named_unless_another_search_has_it_whole(run: Run, tmp_path: Path) -> None:
    _, name, keys = fitted_on_all_rows(tmp_path / "s")
    shutil.copytree(tmp_path / "s", tmp_path / "whole")
    (tmp_path / f"s/weights/{keys[0]}.safetensors").write_bytes(b"damaged")
    said = run("merge", "s", "-o", "merged").out
    assert said.endswith(f", 1 fitted model left out for want of weights ({name})\n")
    said = run("merge", "s", "whole", "-o", "both").out
    assert ", 1 fitted model added" in said
    assert "left out" not in said


def test_a_model_without_its_weights_or_of_a_strange_name_stays_behind(tmp_path: Path) -> None:
    made, wanted = fitted(tmp_path / "s")
    (name,) = made.store.fitted()
    content = {"composition": {"cells": [{"stages": {"finder": "../../outside"}}]}}
    made.store.files.replace("models/strange.json", encode_json(content))
    made.store.files.replace("models/broken.json", b"{")
    assert set(made.store.fitted()) == {name}
    made.store.remove_weights(min(wanted))
    target = open_store(tmp_path / "merged")
    merge([made.store], target)
    assert merge_models([made.store], target) == MergedModels(0, (name.removeprefix("models/").removesuffix(".json"),))
    assert not target.weights_bytes()
