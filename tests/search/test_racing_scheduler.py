"""On the real Ray: a fold stopped by its own curve takes the other fold of its configuration with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from polar_search import planned, variant
from simulated_search import cells_of

from tune_polar.evaluate.summary import summarise
from tune_polar.recipe.configuration import configuration_id
from tune_polar.recipe.recipe import Recipe
from tune_polar.search import prepared_search as run_module
from tune_polar.search.configuration_progress import cell_of
from tune_polar.search.prepared_search import PreparedSearch
from tune_polar.search.racing.board import Board, RunningCell
from tune_polar.search.racing.keep_all import KeepAll
from tune_polar.search.racing.running_race import Racing
from tune_polar.search.racing.verdicts import Race
from tune_polar.search.resources.slots import Slots
from tune_polar.search.watch import Silent
from tune_polar.store.store import open_store


class EndlessOnes:
    """Gives up what is evaluated before half of its steps: in these searches, what would train for minutes."""

    name = "endless"

    def hopeless(self, board: Board, running: RunningCell) -> bool:
        return running.share < 0.5

    def predicted(self, board: Board, running: RunningCell) -> tuple[float, float]:
        return 0.1, 0.01


def endless(number: int) -> Recipe:
    # Without patience for all of it, it would be whole after five evaluations without a gain, in seconds.
    optimizer = {"eval_every_steps": 40, "patience_evaluations": 1_000_000}
    return variant(1_000_000, number, **{f"finder.optimizer.{key}": value for key, value in optimizer.items()})


@pytest.mark.e2e
def test_folds_of_what_is_given_up_are_stopped_and_leave_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipes = [variant(4, 1), endless(2), variant(4, 3)]
    plan = planned(tmp_path / "data", recipes)
    race = Race(KeepAll(), EndlessOnes(), always_finished=0)
    monkeypatch.setattr(run_module, "racing_named", lambda name, cells, metric: Racing(race, cells, metric))
    store = open_store(tmp_path / "store")
    search = PreparedSearch(plan, store, Slots(2, threads=1, gpu=False), checkpoint_seconds=0.05)
    search.create("test")
    result = search.run(Silent())

    assert result.core.done
    (record,) = store.abandonments()
    assert record.configuration_id == configuration_id(recipes[1])
    assert record.within is not None
    # Which evaluation the driver has heard of when it decides is a matter of time.
    assert record.within.stage == "finder"
    assert record.within.step % 40 == 0
    assert 0 < record.within.step < 500_000
    assert record.cells == ()
    trained = {(fold.configuration_id, cell_of(fold)) for fold in store.folds()}
    assert trained == {(configuration_id(recipe), cell) for recipe in (recipes[0], recipes[2]) for cell in cells_of(2)}
    assert store.failures() == []
    assert [row.state for row in summarise(store).configurations] == ["finished", "abandoned", "finished"]
    assert store.files.names("checkpoints") == []
