"""Searches whose truth is known: the library's own parts propose, race and pick, and a run is the same twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def quality(script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return script("search_quality")


def test_both_surrogates_of_both_tables_predict_what_they_have_not_seen(quality: ModuleType) -> None:
    for name in ("st1", "st3"):
        r2, rank = quality.fit_quality(name, "trees")
        assert r2 > 0.5
        assert rank > 0.7


def test_a_truth_is_what_its_model_predicts(quality: ModuleType) -> None:
    from search_worlds import fitted, table

    known = table("st3")
    for model in ("gp", "trees"):
        world = quality.WORLDS[f"st3-{model}"](0)
        expected = fitted("st3", model).predict(known.points[:5])
        assert [world.truth(row) for row in known.points[:5]] == pytest.approx(expected.tolist())


def test_measured_scores_scatter_around_the_truth(quality: ModuleType) -> None:
    world = quality.WORLDS["few"](1)
    rng = np.random.default_rng(0)
    measured = np.array([world.measured(0.4, rng, np.zeros(5))[1] for _ in range(4000)])
    error = np.hypot(world.noise.cell / world.noise.slope / np.sqrt(5), world.noise.final)
    assert measured.mean() == pytest.approx(0.4, abs=4 * error / np.sqrt(4000))
    assert measured.std() == pytest.approx(error, rel=0.1)


@pytest.mark.parametrize("arm", ["stock", "shipped"])
def test_a_run_is_the_same_twice_and_starts_from_what_the_arm_knows(quality: ModuleType, arm: str) -> None:
    once, again = quality.run("few", arm, 3, folds=60), quality.run("few", arm, 3, folds=60)
    assert once == again
    assert len(once) == 60
    if arm == "shipped":
        assert once[4] == 0.0, "the published configuration is the first to finish"
