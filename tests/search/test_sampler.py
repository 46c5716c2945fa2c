"""Ask and tell: what is proposed follows from seed, number and what was told, and from nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import optuna
import pytest
from optuna.samplers._tpe.sampler import _split_trials
from optuna.trial import TrialState
from simulated_search import RECIPE, MemoryLedger, Simulation, cells_of, invented_score, new_core, teller

from tune_polar.recipe.configuration import Configuration
from tune_polar.recipe.fill import fill
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.space import Scalar
from tune_polar.search.fold_dispatch import Budget
from tune_polar.search.optuna.sampler import (
    BEST_TRIALS,
    LATEST_TRIALS,
    MOST_TRIALS,
    RANDOM_CONFIGURATIONS,
    Sampler,
    SharedTrial,
    SpaceTold,
    common_space,
    telling,
)
from tune_polar.search.proposals import SpaceProposals

Point = dict[str, Scalar]


def configuration(space: LoadedSpace, number: int, point: Point) -> Configuration:
    return Configuration(space.fill(point), number, "sampled", point)


def random_points(space: LoadedSpace, count: int) -> list[Configuration]:
    sampler = Sampler(space, seed=99)
    return [configuration(space, number, sampler.ask(number)) for number in range(count)]


def told(space: LoadedSpace, configurations: list[Configuration], seed: int = 1) -> Sampler:
    """A sampler that has heard what ``configurations`` scored, in the order they are given."""
    sampler = Sampler(space, seed)
    for each in configurations:
        sampler.announce(each)
    for each in configurations:
        sampler.tell(each, invented_score(each.recipe), {**each.point, "decide.vote.k": 11})
    return sampler


def asked(sampler: Sampler, count: int = 5) -> list[Point]:
    return [sampler.ask(number) for number in range(100, 100 + count)]


def test_asking_changes_nothing(space: Callable[..., LoadedSpace]) -> None:
    sampler = told(space(), random_points(space(), 8))
    assert sampler.ask(50) == sampler.ask(50)
    assert asked(sampler) == asked(sampler)


@pytest.mark.parametrize("scored", [0, 3, RANDOM_CONFIGURATIONS, 20])
def test_the_order_of_telling_does_not_matter(space: Callable[..., LoadedSpace], scored: int) -> None:
    configurations = random_points(space(), scored)
    shuffled = [configurations[place] for place in np.random.default_rng(0).permutation(scored)]
    assert asked(told(space(), configurations)) == asked(told(space(), shuffled))


def test_seed_number_and_repeat_each_change_the_proposal(space: Callable[..., LoadedSpace]) -> None:
    first, other_seed = Sampler(space(), 1), Sampler(space(), 2)
    proposals = [first.ask(1), first.ask(2), first.ask(1, repeat=1), other_seed.ask(1)]
    assert all(a != b for a, b in itertools.combinations(proposals, 2))


def test_a_model_follows_the_random_start(space: Callable[..., LoadedSpace]) -> None:
    few = random_points(space(), RANDOM_CONFIGURATIONS - 1)
    assert asked(told(space(), few)) == asked(Sampler(space(), 1))
    many = random_points(space(), 30)
    model, random = asked(told(space(), many), 20), asked(Sampler(space(), 1), 20)
    means = [np.mean([invented_score(space().fill(point)) for point in points]) for points in (model, random)]
    assert means[0] > means[1] + 0.3


@pytest.mark.parametrize("what", ["tell", "another point", "announce", "predicted", "infeasible"])
def test_every_word_told_is_heard(space: Callable[..., LoadedSpace], what: str) -> None:
    configurations = random_points(space(), 9)
    last, before = configurations[-1], told(space(), configurations[:-1])
    sampler = told(space(), configurations[:-1])
    sampler.announce(last)
    if what == "tell":
        before.announce(last)
        sampler.tell(last, 5.0)
    elif what == "another point":
        before.announce(last)
        before.tell(last, 5.0, {**last.point, "decide.vote.k": 1})
        sampler.tell(last, 5.0, {**last.point, "decide.vote.k": 15})
    elif what == "predicted":
        before.announce(last)
        sampler.tell_predicted(last, 5.0)
    elif what == "infeasible":
        before.announce(last)
        sampler.tell_infeasible(last)
    assert asked(sampler, 10) != asked(before, 10)


def test_infeasible_is_as_if_it_had_never_been(space: Callable[..., LoadedSpace]) -> None:
    configurations = random_points(space(), 9)
    sampler = told(space(), configurations[:-1])
    sampler.announce(configurations[-1])
    sampler.tell_infeasible(configurations[-1])
    assert asked(sampler) == asked(told(space(), configurations[:-1]))


def test_a_configuration_is_one_trial(space: Callable[..., LoadedSpace]) -> None:
    """Its training values as proposed, with the value that cost none as it was chosen, however often it is told."""
    (one,) = random_points(space(), 1)
    sampler = told(space(), [one])
    sampler.tell(one, 0.7, {**one.point, "decide.vote.k": 13})
    found = sampler.told(one)
    assert found is not None
    assert (found.value, found.params) == (0.7, {**one.point, "decide.vote.k": 13})


@pytest.mark.parametrize(
    "changes",
    [
        {"finder.optimizer.lr": 0.5},
        {"finder.optimizer.lr": float("nan")},
        {"finder.optimizer.lr": "fast"},
        {"finder.losses": "unknown"},
        {"decide.vote.k": 10},
        {"decide.vote.k": 17},
        {"decide.vote.tau": 0.1},
        {"other.optimizer.lr": 0.1},
    ],
    ids=str,
)
def test_points_outside_the_space_are_not_told(space: Callable[..., LoadedSpace], changes: Point) -> None:
    configurations = random_points(space(), 8)
    first, *_ = configurations
    outside, own = told(space(), configurations), told(space(), configurations)
    outside.tell(first, 5.0, {**first.point, **changes})
    own.tell(first, 5.0)
    assert asked(outside) == asked(own)


def test_a_published_point_outside_the_space_teaches_nothing_but_counts(space: Callable[..., LoadedSpace]) -> None:
    outside = fill(RECIPE, {"finder.optimizer.lr": 5.0})
    sampler = Sampler(space(over=outside), 1)
    published = SpaceProposals(sampler).next(0, {})
    assert published is not None
    assert published.recipe == outside
    assert published.point == {}
    sampler.tell(published, 9.0, {"decide.vote.k": 11})
    assert sampler.told(published) is None
    assert asked(sampler) == asked(Sampler(space(), 1))


def test_two_searches_copied_together_keep_their_scores_apart(space: Callable[..., LoadedSpace]) -> None:
    """Both used the numbers 0 to 7."""
    mine = random_points(space(), 8)
    theirs = [replace(each, number=each.number - 8) for each in random_points(space(), 16)[8:]]
    assert len({each.id for each in (*mine, *theirs)}) == 16
    together = told(space(), [*mine, *theirs])
    assert asked(together) == asked(told(space(), [*theirs, *mine]))
    assert asked(together) != asked(told(space(), theirs))


def test_conditions_hold_in_what_is_asked(space: Callable[..., LoadedSpace]) -> None:
    sampler = told(space(), random_points(space(), 12))
    points = asked(sampler, 30) + asked(Sampler(space(), 1), 30)
    centers = "finder.losses.soft_triple.centers"
    assert all((centers in point) == (point["finder.losses"] == "soft_triple") for point in points)
    assert {point["finder.losses"] for point in points} == {"soft_triple", "cross_entropy"}
    assert all(
        point.get(centers, 1) in range(1, 22, 5)
        and point["decide.vote.k"] in range(1, 16, 2)
        and 1e-4 <= float(str(point["finder.optimizer.lr"])) <= 1e-1
        and 0.2 <= float(str(point["decide.vote.tau"])) <= 0.8
        for point in points
    )


def test_a_small_space_is_tried_out_to_its_end(space: Callable[..., LoadedSpace]) -> None:
    """Each of nine points once, then no more: also after the model has taken a liking to some."""
    grid = {
        "finder.losses.soft_triple.centers": {"type": "categorical", "choices": [1, 6, 11]},
        "finder.head.size": {"type": "categorical", "choices": [16, 32, 64]},
    }
    sampler = Sampler(space(grid, fill(RECIPE, {"finder.head.size": 32})), seed=5)
    proposals = SpaceProposals(sampler)
    found: dict[str, Configuration] = {}
    while (proposed := proposals.next(len(found), found)) is not None:
        found[proposed.id] = proposed
        sampler.tell(proposed, invented_score(proposed.recipe))
    assert len(found) == 9


def test_a_search_of_a_space_with_two_points_ends_after_two(space: Callable[..., LoadedSpace]) -> None:
    two = space({"finder.losses": {"type": "categorical", "choices": ["soft_triple", "cross_entropy"]}})
    ledger, sampler = MemoryLedger(), Sampler(two, 1)
    core = new_core(SpaceProposals(sampler), Budget(10, cells_of(2), 2), ledger, teller(sampler))
    Simulation(core, ledger, slots=2).run()
    assert [tuple(c.recipe.stages["finder"].losses) for c in ledger.configurations] == [
        ("soft_triple",),
        ("cross_entropy",),
    ]
    assert [c.origin for c in ledger.configurations] == ["as given", "sampled"]
    assert len(ledger.folds) == 4


def test_a_section_may_be_left_out_by_a_choice(space: Callable[..., LoadedSpace]) -> None:
    """A choice may be nothing at all: it is proposed, told and filled in like every other."""
    norms = space({"finder.optimizer.max_grad_norm": {"type": "categorical", "choices": [None, 1.0]}})
    sampler = Sampler(norms, 2)
    asked_for = [sampler.ask(number) for number in range(12)]
    assert {point["finder.optimizer.max_grad_norm"] for point in asked_for} == {None, 1.0}
    none = next(point for point in asked_for if point["finder.optimizer.max_grad_norm"] is None)
    one = configuration(norms, 1, none)
    sampler.announce(one)
    sampler.tell(one, 0.5)
    found = sampler.told(one)
    assert found is not None
    assert found.params == {"finder.optimizer.max_grad_norm": None}


def trial_at(x: float, value: float | None) -> SharedTrial:
    """A trial of one parameter; running where it has no value."""
    axis = {"x": optuna.distributions.FloatDistribution(0.0, 1.0)}
    state = TrialState.RUNNING if value is None else TrialState.COMPLETE
    return SharedTrial.of(optuna.create_trial(state=state, value=value, params={"x": x}, distributions=axis))


def finished(values: list[float]) -> list[SharedTrial]:
    return [trial_at(0.5, value) for value in values]


def test_the_space_is_the_one_that_the_library_finds() -> None:
    distributions = {
        "z": optuna.distributions.FloatDistribution(0.0, 1.0),
        "k": optuna.distributions.IntDistribution(1, 9),
        "single": optuna.distributions.IntDistribution(3, 3),
        "sometimes": optuna.distributions.CategoricalDistribution(["a", "b"]),
    }
    points: list[Point] = [
        {"z": 0.1, "k": 2, "single": 3, "sometimes": "a"},
        {"z": 0.2, "k": 3, "single": 3},
        {"z": 0.3},
    ]
    values = [0.5, 0.6, None]  # the last one is running

    def trial(point: Point, value: float | None) -> SharedTrial:
        known = {name: distributions[name] for name in point}
        state = TrialState.RUNNING if value is None else TrialState.COMPLETE
        return SharedTrial.of(optuna.create_trial(state=state, value=value, params=dict(point), distributions=known))

    trials = [trial(point, value) for point, value in zip(points, values, strict=True)]
    study = optuna.create_study(direction="maximize")
    study.add_trials(trials)
    found = optuna.samplers.TPESampler(seed=0).infer_relative_search_space(study, study.ask()._get_latest_trial())
    assert list(common_space(trials).items()) == list(found.items()) == [(name, distributions[name]) for name in "kz"]
    assert common_space(trials[2:]) == {}


def test_a_sampler_that_is_told_its_space_proposes_what_the_librarys_does() -> None:
    trials = finished(np.random.default_rng(3).random(40).tolist())

    def proposed(sampler: optuna.samplers.TPESampler) -> list[float]:
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.add_trials(trials)
        return [study.ask().suggest_float("x", 0.0, 1.0) for _ in range(4)]

    for seed in range(5):
        library = proposed(optuna.samplers.TPESampler(seed=seed, n_startup_trials=0))
        assert proposed(SpaceTold(common_space(trials), seed)) == library


def test_few_trials_are_all_told() -> None:
    trials = finished(np.random.default_rng(0).random(MOST_TRIALS).tolist())
    assert telling(trials) == trials


@pytest.mark.parametrize("count", [MOST_TRIALS + 1, 1000, 4321])
def test_of_many_trials_the_best_the_latest_and_an_even_share_are_told(count: int) -> None:
    trials = finished(np.random.default_rng(count).permutation(count).tolist())
    places = [5, count // 2, count]
    for place in places:
        trials.insert(place, trial_at(0.1, None))
    kept = telling(trials)
    order = [next(place for place, trial in enumerate(trials) if trial is each) for each in kept]
    assert order == sorted(order)
    assert sum(trial.state == TrialState.RUNNING for trial in kept) == 3
    told_values = [trial.value for trial in kept if trial.value is not None]
    assert len(told_values) == MOST_TRIALS
    assert sorted(told_values)[-BEST_TRIALS:] == list(range(count - BEST_TRIALS, count))
    ordinary = [t.value for t in trials if t.value is not None and t.value < count - BEST_TRIALS]
    assert set(ordinary[-LATEST_TRIALS:]) <= set(told_values)
    gaps = np.diff([ordinary.index(value) for value in told_values if value < count - BEST_TRIALS])
    assert gaps.max() <= -(-(count - BEST_TRIALS - LATEST_TRIALS) // (MOST_TRIALS - BEST_TRIALS - LATEST_TRIALS))


def test_the_best_are_those_that_the_model_would_choose_among_all() -> None:
    trials = finished(np.random.default_rng(1).integers(0, 9, 800).astype(float).tolist())  # with ties
    study = optuna.create_study(direction="maximize")
    study.add_trials(trials)
    below, _ = _split_trials(study, study.get_trials(deepcopy=False), BEST_TRIALS)
    kept = telling(trials)
    places = [next(place for place, trial in enumerate(trials) if trial is each) for each in kept]
    study = optuna.create_study(direction="maximize")
    study.add_trials(kept)
    below_of_kept, _ = _split_trials(study, study.get_trials(deepcopy=False), BEST_TRIALS)
    assert [places[trial.number] for trial in below_of_kept] == [trial.number for trial in below]


def test_a_study_that_is_asked_leaves_what_was_told_as_it_was(space: Callable[..., LoadedSpace]) -> None:
    configurations = random_points(space(), 12)
    sampler = told(space(), configurations)
    sampler.announce(replace(configurations[0], number=40))

    def heard() -> list[object]:
        found = [sampler.told(each) for each in configurations]
        return [(trial.number, dict(trial.params), trial.value) for trial in found if trial is not None]

    before = heard()
    asked(sampler)
    assert heard() == before
