"""On the real Ray: a fold stopped by its own curve takes the other fold of its configuration with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_engine import planned, variant

from tune_polar.search import run as run_module
from tune_polar.search.racing.board import Board, RunningFold
from tune_polar.search.racing.none import NoRacing
from tune_polar.search.racing.rule import Race
from tune_polar.search.run import PreparedSearch
from tune_polar.search.slots import Slots
from tune_polar.search.watch import Silent
from tune_polar.spec.configuration import configuration_id
from tune_polar.spec.recipe import Recipe
from tune_polar.store.store import open_store
from tune_polar.store.summary import summarise


class EndlessOnes:
    """Gives up what is evaluated before half of its steps: in these searches, what would train for minutes."""

    name = "endless"

    def hopeless(self, board: Board, running: RunningFold) -> bool:
        return running.share < 0.5

    def predicted(self, board: Board, running: RunningFold) -> tuple[float, float]:
        return 0.1, 0.01


def endless(seed: int) -> Recipe:
    recipe = variant(steps=200_000, seed=seed)
    return recipe.model_copy(update={"detector": recipe.detector.model_copy(update={"eval_every_steps": 40})})


@pytest.mark.e2e
def test_folds_of_what_is_given_up_are_stopped_and_leave_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipes = [variant(steps=4, seed=1), endless(seed=2), variant(steps=4, seed=3)]
    plan = planned(tmp_path / "data", recipes)
    race = Race(NoRacing(), EndlessOnes(), always_finished=0)
    monkeypatch.setattr(run_module, "race_named", lambda name: race)
    store = open_store(tmp_path / "store")
    search = PreparedSearch(plan, store, Slots(2, threads=1, gpu=False), checkpoint_seconds=0.05)
    search.create("test")
    result = search.run(Silent())

    assert result.core.done
    (record,) = store.abandonments()
    assert record.configuration_id == configuration_id(recipes[1])
    assert record.within is not None
    _, stage, step = record.within
    # Which evaluation the driver has heard of when it decides is a matter of time.
    assert stage == "detector"
    assert step % 40 == 0
    assert 0 < step < 100_000
    assert record.folds == ()
    trained = {(fold.configuration_id, fold.fold) for fold in store.folds()}
    assert trained == {(configuration_id(recipe), fold) for recipe in (recipes[0], recipes[2]) for fold in (0, 1)}
    assert store.failures() == []
    assert [row.state for row in summarise(store).configurations] == ["finished", "abandoned", "finished"]
    assert store.files.names("checkpoints") == []
