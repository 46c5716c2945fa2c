"""Racing in the search core: what is given up is recorded first, stays given up, and is told as an expectation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from simulated_search import (
    Entry,
    Listening,
    MemoryLedger,
    Simulation,
    cells_of,
    failed,
    finished,
    id_of,
    invented_score,
    new_core,
    number_of,
    open_recipes,
)

from tune_polar.decide.metrics import Metric, metric_named
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import Configuration
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.search.configuration_progress import ConfigurationProgress, cell_of
from tune_polar.search.fold_dispatch import Budget, FoldDispatch
from tune_polar.search.optuna.sampler import PREDICTED, Sampler
from tune_polar.search.proposals import SpaceProposals
from tune_polar.search.racing import board_keeper
from tune_polar.search.racing.racing_names import CURVE_RULES, RULES, racing_named
from tune_polar.search.racing.running_race import Racing
from tune_polar.search.racing.verdicts import Race
from tune_polar.store.abandonment import Abandonment, StoppedAt
from tune_polar.store.records import FoldRecord
from tune_polar.trial import cell_scores
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.progress import Progress

FOLDS, SEEDS = cells_of(5), cells_of(1, (3, 4, 5, 6, 7))
either = pytest.mark.parametrize("cells", [FOLDS, SEEDS, cells_of(3, (8, 9))], ids=["folds", "seeds", "both"])
MACRO_F1, MAE = metric_named("macro_f1"), metric_named("mae")


def scored_cell(configuration: Configuration, cell: Cell, place: int) -> FoldRecord:
    noise = np.random.default_rng((configuration.number, place)).normal() * 0.01
    value = invented_score(configuration.recipe) + 0.02 * place + noise
    return finished(configuration.id, cell, scores={"race": value})


class Raced(Simulation):
    """Cells score what their settings say, with noise."""

    places: dict[Cell, int]

    def _end(self, trial: FoldTrial) -> None:
        progress = self.core.progress[trial.configuration_id]
        if progress.state == "abandoned":
            self.core.fold_returned(trial)  # as the scheduler does: stopped, a success without a record
        else:
            self.core.fold_finished(scored_cell(progress.configuration, trial.cell, self.places[trial.cell]))

    def _check_nothing_is_left(self) -> None:
        pass


def search(
    space: LoadedSpace,
    entries: Sequence[Entry],
    rule: str,
    cells: tuple[Cell, ...] = FOLDS,
    trials: int = 30,
    slots: int = 1,
    metric: Metric = MACRO_F1,
) -> tuple[Raced, Sampler]:
    """``metric``: scores are measured by it, the sampler is told more for the better."""
    sampler, ledger = Sampler(space, seed=5), MemoryLedger(list(entries))

    def on_finished(progress: ConfigurationProgress) -> float | None:
        if progress.abandonment is not None and progress.state == "abandoned":
            sampler.tell_predicted(progress.configuration, metric.gain(progress.abandonment.predicted, 0.0))
            return None
        score = float(np.mean([record.scores["race"] for record in progress.finished.values()]))
        sampler.tell(progress.configuration, score)
        return metric.gain(score, 0.0)

    def on_expected(progress: ConfigurationProgress, score: float) -> None:
        sampler.tell_predicted(progress.configuration, metric.gain(score, 0.0))

    core = new_core(
        SpaceProposals(sampler),
        Budget(trials, cells, slots),
        ledger,
        listener=Listening(on_finished, on_expected),
        racing=racing_named(rule, cells, metric),
    )
    for configuration in ledger.configurations:
        sampler.announce(configuration)
    core.restore(ledger.configurations, ledger.folds, ledger.failures, ledger.abandonments)
    simulation = Raced(core, ledger, slots)
    simulation.places = {cell: place for place, cell in enumerate(cells)}
    return simulation, sampler


def test_a_race_that_gives_nothing_up_is_no_race(space: Callable[..., LoadedSpace]) -> None:
    with_none, _ = search(space(), [], "none", trials=10)
    with_none.run()
    sampler, ledger = Sampler(space(), seed=5), MemoryLedger()

    def on_finished(progress: ConfigurationProgress) -> float:
        score = float(np.mean([record.scores["race"] for record in progress.finished.values()]))
        sampler.tell(progress.configuration, score)
        return score

    plain = Raced(new_core(SpaceProposals(sampler), Budget(10, FOLDS, 1), ledger, on_finished), ledger, 1)
    plain.places = with_none.places
    plain.run()
    assert with_none.ledger.entries == plain.ledger.entries
    assert with_none.handed_out == plain.handed_out
    assert len(with_none.ledger.folds) == 50


@pytest.mark.parametrize("rule", [name for name in RULES if name not in ("none", "wilcoxon")])
@pytest.mark.parametrize("slots", [1, 3])
@either
def test_a_race_trains_less_and_keeps_its_best(
    space: Callable[..., LoadedSpace], rule: str, slots: int, cells: tuple[Cell, ...]
) -> None:
    simulation, _ = search(space(), [], rule, cells, slots=slots)
    simulation.run()
    ledger, progress = simulation.ledger, simulation.core.progress
    assert len(ledger.folds) < len(cells) * 30
    given_up = {record.configuration_id for record in ledger.abandonments}
    assert len(given_up) == len(ledger.abandonments) > 0
    published = next(p for p in progress.values() if p.configuration.number == 0)
    assert published.state == "finished"
    assert all(p.state in ("finished", "abandoned") for p in progress.values())
    truth = {
        key: np.mean([scored_cell(p.configuration, cell, place).scores["race"] for place, cell in enumerate(cells)])
        for key, p in progress.items()
    }
    best = max(truth, key=lambda key: truth[key])
    assert best not in given_up
    for record in ledger.abandonments:
        assert progress[record.configuration_id].score is None
        assert record.predicted == pytest.approx(truth[record.configuration_id], abs=0.25)
        assert {cell_of(each) for each in trained_of(ledger, record.configuration_id)} >= set(record.cells)
        assert len(trained_of(ledger, record.configuration_id)) < len(cells)


def trained_of(ledger: MemoryLedger, configuration_id: str) -> list[FoldRecord]:
    return [record for record in ledger.folds if record.configuration_id == configuration_id]


@either
def test_killed_at_any_record_one_slot_gives_up_and_trains_the_same(
    space: Callable[..., LoadedSpace], cells: tuple[Cell, ...]
) -> None:
    whole, _ = search(space(), [], "model", cells, trials=14)
    whole.run()
    entries = whole.ledger.entries
    assert whole.ledger.abandonments
    for kept in range(0, len(entries), 4):
        resumed, _ = search(space(), entries[:kept], "model", cells, trials=14)
        resumed.run()
        assert resumed.ledger.entries == entries, f"killed after record {kept}"


@pytest.mark.parametrize("rule", ["model", "aggressive"])
def test_where_smaller_is_better_the_same_is_given_up_and_scores_are_as_measured(
    space: Callable[..., LoadedSpace], rule: str
) -> None:
    more, less = (search(space(), [], rule, trials=16, metric=metric)[0] for metric in (MACRO_F1, MAE))
    more.run()
    less.run()
    assert more.handed_out == less.handed_out
    given_up = more.ledger.abandonments
    assert given_up
    for one, other in zip(given_up, less.ledger.abandonments, strict=True):
        assert (one.configuration_id, one.cells, one.chance) == (other.configuration_id, other.cells, other.chance)
        assert (one.predicted, one.incumbent_score) == (-other.predicted, -other.incumbent_score)
    scores_of = [[p.score for p in each.core.progress.values() if p.score is not None] for each in (more, less)]
    assert scores_of[0] == [-score for score in scores_of[1]]


def test_the_sampler_is_told_expectations_as_such(space: Callable[..., LoadedSpace]) -> None:
    simulation, sampler = search(space(), [], "model", trials=14)
    simulation.run()
    for progress in simulation.core.progress.values():
        told = sampler.told(progress.configuration)
        if told is not None:
            assert bool(told.user_attrs.get(PREDICTED)) is (progress.state == "abandoned")
            if progress.abandonment is not None:
                assert told.value == progress.abandonment.predicted


def fixed(race: Race, recipes: int = 12) -> tuple[FoldDispatch, MemoryLedger]:
    ledger = MemoryLedger()
    core = new_core(
        open_recipes(range(recipes)),
        Budget(recipes, FOLDS, 1),
        ledger,
        lambda p: float(np.mean([r.scores["race"] for r in p.finished.values()])) if p.state == "finished" else None,
        racing=Racing(race, FOLDS, MACRO_F1),
    )
    return core, ledger


def record_of(number: int, cell: Cell, value: float) -> FoldRecord:
    curve = tuple((s, value - 0.1 * (1 - s)) for s in (0.25, 0.5, 0.75, 1.0))
    return finished(id_of(number), cell, scores={"race": value}, curve=curve)


def handed(core: FoldDispatch) -> FoldTrial:
    trial = core.next_trial()
    assert trial is not None
    return trial


def test_a_curve_stops_its_cell_and_is_recorded_with_its_step() -> None:
    core, ledger = fixed(Race(RULES["none"](), CURVE_RULES["model"]()), recipes=6)
    for number in range(5):
        for _ in FOLDS:
            trial = handed(core)
            core.fold_finished(record_of(number, trial.cell, 0.6 + 0.01 * number + 0.002 * trial.cell.fold))
    trial = handed(core)

    def evaluated(step: int, value: float, fold: int = trial.cell.fold, stage: str = "finder") -> None:
        core.fold_evaluated(trial, Progress(stage, 0, fold, step, 100, value, value))

    evaluated(10, 0.55)
    assert not core.is_abandoned(trial), "nothing is known of a tenth of the steps"
    evaluated(50, 0.2, fold=trial.cell.fold + 1)
    assert not core.is_abandoned(trial), "another fold's stage, which this one starts from"
    evaluated(50, 0.2, stage="before")
    assert not core.is_abandoned(trial), "a stage that others start from"
    evaluated(50, 0.2)
    assert core.is_abandoned(trial)
    (record,) = ledger.abandonments
    assert record.within == StoppedAt(trial.cell, "finder", 50)
    assert record.cells == ()
    assert Abandonment.from_json(record.to_json()) == record
    core.fold_returned(trial)  # Tune tells of a stopped trial as of a success with its last result
    assert core.next_trial() is None
    assert core.done


def test_one_given_up_whose_last_cells_finish_all_the_same_is_whole() -> None:
    core, ledger = fixed(Race(RULES["aggressive"](), always_finished=1), recipes=2)
    for _ in FOLDS:
        core.fold_finished(record_of(0, handed(core).cell, 0.7))
    first, *others = [handed(core) for _ in FOLDS]
    core.fold_finished(record_of(1, first.cell, 0.6))
    assert core.is_abandoned(others[0])
    for trial in others:
        core.fold_finished(record_of(1, trial.cell, 0.8))
    progress = core.progress[first.configuration_id]
    assert (progress.state, progress.score) == ("finished", pytest.approx(0.76))
    assert len(ledger.abandonments) == 1


def test_one_given_up_whose_last_cell_fails_is_given_up_after_a_resume_too() -> None:
    core, ledger = fixed(Race(RULES["aggressive"](), always_finished=1), recipes=3)
    for _ in FOLDS:
        core.fold_finished(record_of(0, handed(core).cell, 0.7))
    first, other = handed(core), handed(core)
    core.fold_finished(record_of(1, first.cell, 0.6))
    core.fold_failed(failed(other.configuration_id, other.cell, "TrainingDivergedError"))
    again, _ = fixed(Race(RULES["aggressive"](), always_finished=1), recipes=3)
    again.restore(ledger.configurations, ledger.folds, ledger.failures, ledger.abandonments)
    for each in (core, again):
        assert each.progress[other.configuration_id].state == "abandoned"


def test_configurations_that_failed_are_not_among_the_best_that_always_finish() -> None:
    core, _ = fixed(Race(RULES["aggressive"]()), recipes=7)
    while (trial := core.next_trial()) is not None:
        number, progress = number_of(trial), core.progress[trial.configuration_id]
        if number in (1, 2, 3) and progress.finished:
            core.fold_failed(failed(trial.configuration_id, trial.cell, "TrainingDivergedError"))
        else:
            core.fold_finished(record_of(number, trial.cell, 0.9 if number in (1, 2, 3) else 0.7 - 0.01 * number))
    states = [progress.state for progress in core.progress.values()]
    assert states == ["finished", *["infeasible"] * 3, "finished", "finished", "abandoned"]


def test_the_raced_score_has_the_name_that_a_fold_trial_gives_it() -> None:
    assert board_keeper.RACE == cell_scores.RACE
