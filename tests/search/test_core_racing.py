"""Racing in the search core: what is given up is recorded first, stays given up, and is told as an expectation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from simulated_search import INPUTS, PROVENANCE, MemoryLedger, Simulation, invented_score, open_recipes, with_seed

from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.core import Budget, SearchCore
from tune_polar.search.proposals import FixedProposals, SpaceProposals
from tune_polar.search.racing.racing import Racing
from tune_polar.search.racing.rule import Race
from tune_polar.search.racing.rules import CURVE_RULES, RULES, race_named
from tune_polar.search.sampler import PREDICTED, Sampler
from tune_polar.spec.configuration import Configuration
from tune_polar.spec.fold_trial import FoldTrial
from tune_polar.spec.space_file import LoadedSpace
from tune_polar.store.abandonment import Abandonment
from tune_polar.store.record import FailureRecord, FoldRecord
from tune_polar.trial.progress import Progress

FOLDS = (0, 1, 2, 3, 4)
Entry = Configuration | FoldRecord | FailureRecord | Abandonment


class RacedLedger(MemoryLedger):
    """Also keeps what was given up."""

    def put_abandonment(self, record: Abandonment) -> bool:
        self.entries.append(record)  # type: ignore[arg-type]
        return True

    @property
    def abandonments(self) -> list[Abandonment]:
        return [entry for entry in self.entries if isinstance(entry, Abandonment)]


def scored_fold(configuration: Configuration, fold: int) -> FoldRecord:
    noise = np.random.default_rng((configuration.number, fold)).normal() * 0.01
    value = invented_score(configuration.recipe) + 0.02 * fold + noise
    return FoldRecord(configuration.id, fold, 42, "detector", None, (), {"race": value}, 1.0, PROVENANCE)


class Raced(Simulation):
    """Folds score what their settings say, with noise."""

    def _end(self, trial: FoldTrial) -> None:
        progress = self.core.progress[trial.configuration_id]
        if progress.state == "abandoned":
            self.core.fold_returned(trial)  # as the scheduler does: stopped, a success without a record
        else:
            self.core.fold_finished(scored_fold(progress.configuration, trial.fold))

    def _check_nothing_is_left(self) -> None:
        pass


def search(
    space: LoadedSpace, entries: Sequence[Entry], rule: str, trials: int = 30, slots: int = 1
) -> tuple[Raced, Sampler]:
    sampler, ledger = Sampler(space, seed=5), RacedLedger(list(entries))  # type: ignore[arg-type]

    def on_finished(progress: ConfigurationProgress) -> float | None:
        if progress.abandonment is not None and progress.state == "abandoned":
            sampler.tell_predicted(progress.configuration, progress.abandonment.predicted)
            return None
        score = float(np.mean([record.scores["race"] for record in progress.finished.values()]))
        sampler.tell(progress.configuration, score)
        return score

    race = race_named(rule)
    budget = Budget(trials, FOLDS, slots)
    core = SearchCore(
        SpaceProposals(space, sampler),
        ledger,
        budget,
        INPUTS,
        on_finished,
        racing=None if race is None else Racing(race, len(FOLDS)),
        on_expected=lambda progress, score: sampler.tell_predicted(progress.configuration, score),
    )
    for configuration in ledger.configurations:
        sampler.announce(configuration)
    core.restore(ledger.configurations, ledger.folds, ledger.failures, ledger.abandonments)
    return Raced(core, ledger, budget, slots), sampler


def trained(simulation: Raced) -> list[tuple[str, int]]:
    return [(record.configuration_id, record.fold) for record in simulation.ledger.folds]


def test_none_gives_exactly_what_there_was_before_racing(space: Callable[..., LoadedSpace]) -> None:
    with_none, _ = search(space(), [], "none", trials=10)
    with_none.run()
    sampler, ledger, budget = Sampler(space(), seed=5), RacedLedger(), Budget(10, FOLDS, 1)

    def on_finished(progress: ConfigurationProgress) -> float:
        score = float(np.mean([record.scores["race"] for record in progress.finished.values()]))
        sampler.tell(progress.configuration, score)
        return score

    plain = Raced(SearchCore(SpaceProposals(space(), sampler), ledger, budget, INPUTS, on_finished), ledger, budget, 1)
    plain.run()
    assert with_none.ledger.entries == plain.ledger.entries
    assert with_none.handed_out == plain.handed_out
    assert len(with_none.ledger.folds) == 50


@pytest.mark.parametrize("rule", [name for name in RULES if name not in ("none", "wilcoxon")])
@pytest.mark.parametrize("slots", [1, 3])
def test_a_race_trains_less_and_keeps_its_best(space: Callable[..., LoadedSpace], rule: str, slots: int) -> None:
    simulation, _ = search(space(), [], rule, slots=slots)
    simulation.run()
    ledger, progress = simulation.ledger, simulation.core.progress
    assert isinstance(ledger, RacedLedger)
    assert len(ledger.folds) < 5 * 30
    given_up = {record.configuration_id for record in ledger.abandonments}
    assert len(given_up) == len(ledger.abandonments) > 0
    published = next(p for p in progress.values() if p.configuration.number == 0)
    assert published.state == "finished"
    assert all(p.state in ("finished", "abandoned") for p in progress.values())
    truth = {
        key: np.mean([scored_fold(p.configuration, fold).scores["race"] for fold in FOLDS])
        for key, p in progress.items()
    }
    best = max(truth, key=lambda key: truth[key])
    assert best not in given_up
    for record in ledger.abandonments:
        assert progress[record.configuration_id].score is None
        assert record.predicted == pytest.approx(truth[record.configuration_id], abs=0.25)
        assert len(trained_of(ledger, record.configuration_id)) < 5


def trained_of(ledger: MemoryLedger, configuration_id: str) -> list[FoldRecord]:
    return [record for record in ledger.folds if record.configuration_id == configuration_id]


def test_killed_at_any_record_one_slot_gives_up_and_trains_the_same(space: Callable[..., LoadedSpace]) -> None:
    whole, _ = search(space(), [], "model", trials=14)
    whole.run()
    entries = whole.ledger.entries
    assert isinstance(whole.ledger, RacedLedger)
    assert whole.ledger.abandonments
    for kept in range(0, len(entries), 3):
        resumed, _ = search(space(), entries[:kept], "model", trials=14)
        resumed.run()
        assert resumed.ledger.entries == entries, f"killed after record {kept}"


def test_the_sampler_is_told_expectations_as_such(space: Callable[..., LoadedSpace]) -> None:
    simulation, sampler = search(space(), [], "model", trials=14)
    simulation.run()
    for progress in simulation.core.progress.values():
        told = sampler.told(progress.configuration)
        if told:
            assert bool(told[0].user_attrs.get(PREDICTED)) is (progress.state == "abandoned")
            if progress.abandonment is not None:
                assert told[0].value == progress.abandonment.predicted


def fixed(race: Race, recipes: int = 12) -> tuple[SearchCore, RacedLedger]:
    ledger = RacedLedger()
    core = SearchCore(
        FixedProposals(open_recipes(range(recipes))),
        ledger,
        Budget(recipes, FOLDS, 1),
        INPUTS,
        lambda p: float(np.mean([r.scores["race"] for r in p.finished.values()])) if p.state == "finished" else None,
        racing=Racing(race, len(FOLDS)),
    )
    return core, ledger


def record_of(number: int, fold: int, value: float) -> FoldRecord:
    curve = tuple((s, value - 0.1 * (1 - s)) for s in (0.25, 0.5, 0.75, 1.0))
    own = Configuration(with_seed(number), number, "").id
    return FoldRecord(own, fold, 42, "detector", None, (), {"race": value}, 1.0, PROVENANCE, curve=curve)


def test_a_curve_stops_its_fold_and_is_recorded_with_its_step() -> None:
    core, ledger = fixed(Race(RULES["none"](), CURVE_RULES["model"]()), recipes=6)
    for number in range(5):
        for _ in FOLDS:
            trial = core.next_trial()
            assert trial is not None
            core.fold_finished(record_of(number, trial.fold, 0.6 + 0.01 * number + 0.002 * trial.fold))
    trial = core.next_trial()
    assert trial is not None
    core.fold_evaluated(trial, Progress("detector", trial.fold, 10, 100, 0.55, 0.55))
    assert not core.is_abandoned(trial), "nothing is known of a tenth of the steps"
    core.fold_evaluated(trial, Progress("detector", trial.fold, 50, 100, 0.2, 0.2))
    assert core.is_abandoned(trial)
    (record,) = ledger.abandonments
    assert record.within == (trial.fold, "detector", 50)
    assert record.folds == ()
    assert Abandonment.from_json(record.to_json()) == record
    core.fold_returned(trial)  # Tune tells of a stopped trial as of a success with its last result
    assert core.next_trial() is None
    assert core.done


def test_one_given_up_whose_last_folds_finish_all_the_same_is_whole() -> None:
    core, ledger = fixed(Race(RULES["aggressive"](), always_finished=1), recipes=2)
    for _ in FOLDS:
        trial = core.next_trial()
        assert trial is not None
        core.fold_finished(record_of(0, trial.fold, 0.7))
    running = [core.next_trial() for _ in FOLDS]
    assert all(running)
    first, *others = [trial for trial in running if trial is not None]
    core.fold_finished(record_of(1, first.fold, 0.6))
    assert core.is_abandoned(others[0])
    for trial in others:
        core.fold_finished(record_of(1, trial.fold, 0.8))
    progress = core.progress[first.configuration_id]
    assert (progress.state, progress.score) == ("finished", pytest.approx(0.76))
    assert len(ledger.abandonments) == 1
