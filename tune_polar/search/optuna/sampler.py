"""Which configuration next: Optuna by ask and tell, in memory. Points in, points out; no cells, no Ray."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from tune_polar.recipe.configuration import Configuration
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.space import FloatParameter, IntParameter, Scalar, SingleParameter

# Before this many configurations have been scored a model of the space knows nothing worth following.
RANDOM_CONFIGURATIONS = 6
# TPE models the best tenth of the trials, 25 at most (optuna's default_gamma), against the others. Beyond 250 trials it
# is given the same 25 and a sample of the others: what it costs no longer grows.
MOST_TRIALS, BEST_TRIALS, LATEST_TRIALS = 250, 25, 75
# In a space of few points the model asks for its favourites again and again; after that, chance finds what is left.
MODEL_REPEATS = 10

PREDICTED = "predicted"  # of a trial's user attributes: its value is an expectation, not a score


class Sampler:
    """Proposes points of a space and learns from what they scored.

    Whatever the recipe is scored by, it is told numbers of which larger ones are better.
    """

    def __init__(self, space: LoadedSpace, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.space = space
        self._seed = seed
        self._distributions = distributions_of(space)
        # By (number, id): two searches whose records were copied together have used the same numbers.
        self._trials: dict[tuple[int, str], SharedTrial] = {}
        self._scored = 0
        self._predicted: set[tuple[int, str]] = set()

    def ask(self, number: int, repeat: int = 0) -> dict[str, Scalar]:
        """A new point for configuration ``number``; ``repeat`` counts proposals of it that were known already.

        Each proposal has a fresh sampler seeded by (seed, number) and a fresh study in order of proposal, so that what
        is proposed depends on what has been told and not on when: a resumed search proposes what an uninterrupted one
        would have.
        """
        digest = hashlib.sha256(f"{self._seed}/{number}/{repeat}".encode()).digest()
        seed = int.from_bytes(digest[:4], "little")
        if self._scored + len(self._predicted) < RANDOM_CONFIGURATIONS or repeat >= MODEL_REPEATS:
            study = optuna.create_study(direction="maximize", sampler=RandomSampler(seed=seed))
        else:
            told = telling([self._trials[key] for key in sorted(self._trials)])
            study = optuna.create_study(direction="maximize", sampler=SpaceTold(common_space(told), seed))
            study.add_trials(told)
        return self.space.suggest(Asking(study.ask()))

    def announce(self, configuration: Configuration) -> None:
        """``configuration`` is being trained; where its point is not one of the space there is nothing to learn."""
        trial = self._trial(configuration.point, None)
        if trial is not None:
            self._trials[_key(configuration)] = trial

    def tell(self, configuration: Configuration, score: float, point: Mapping[str, Scalar] | None = None) -> None:
        """What an announced configuration scored.

        Args:
            configuration: which.
            score: larger is better.
            point: to which the score belongs, where values that cost no training were chosen after it was proposed;
                None, and where the space could not have proposed it: its own.
        """
        self._scored += 1
        self._predicted.discard(_key(configuration))
        told = None if point is None else self._trial(point, score)
        trial = told or self._trial(configuration.point, score)
        if trial is not None and _key(configuration) in self._trials:
            self._trials[_key(configuration)] = trial

    def tell_predicted(self, configuration: Configuration, score: float) -> None:
        """What the point of an announced configuration is expected to score; its cells have not all been trained."""
        trial = self._trial(configuration.point, score)
        self._predicted.add(_key(configuration))
        if trial is not None and _key(configuration) in self._trials:
            trial.set_user_attr(PREDICTED, value=True)
            self._trials[_key(configuration)] = trial

    def tell_infeasible(self, configuration: Configuration) -> None:
        """The point cannot be trained. It is left out: it is not a bad score."""
        self._predicted.discard(_key(configuration))
        self._trials.pop(_key(configuration), None)

    def told(self, configuration: Configuration) -> FrozenTrial | None:
        """What has been told of ``configuration``; None where its point is not one of the space, or infeasible."""
        return self._trials.get(_key(configuration))

    def _trial(self, point: Mapping[str, object], score: float | None) -> SharedTrial | None:
        trial = trial_of(point, score, self._distributions)
        return None if trial is None else SharedTrial.of(trial)


def trial_of(
    point: Mapping[str, object], score: float | None, distributions: Mapping[str, BaseDistribution]
) -> FrozenTrial | None:
    """Optuna's form of a point, finished with ``score`` or running; None where it is not one of the space."""
    if not point or not all(name in distributions for name in point):
        return None
    own = {name: distributions[name] for name in point}
    state = TrialState.RUNNING if score is None else TrialState.COMPLETE
    try:
        return optuna.create_trial(state=state, value=score, params=dict(point), distributions=own)
    except ValueError:  # a value is outside its range or off its grid
        return None


class SharedTrial(FrozenTrial):
    """A trial that many studies hold: its values never change, so that copying them deep would be waste.

    A study copies each trial that it is given, four fifths of a proposal, and checks it again, a fifth of the rest.
    """

    told: float | None  # its value, which ``FrozenTrial`` checks each time it is asked for; None: it is running

    @classmethod
    def of(cls, trial: FrozenTrial) -> SharedTrial:
        """The same trial, cheap to copy."""
        shared = cls.__new__(cls)
        shared.__dict__.update(trial.__dict__, told=trial.value)
        return shared

    def __deepcopy__(self, memo: dict[int, object]) -> FrozenTrial:
        return copy.copy(self)

    def _validate(self) -> None:
        """Nothing: ``optuna.create_trial`` has checked it when it was made."""


class SpaceTold(TPESampler):
    """TPE that knows its space: found by comparing every trial's distributions, it is a quarter of a proposal."""

    def __init__(self, space: dict[str, BaseDistribution], seed: int) -> None:
        super().__init__(seed=seed, n_startup_trials=0)
        self._known_space = space

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """What it was given: the library would find the same."""
        return self._known_space


def common_space(trials: Sequence[FrozenTrial]) -> dict[str, BaseDistribution]:
    """The parameters that every finished trial has and that have more than one value, sorted by name.

    One name has one distribution in all ``trials``; only a condition leaves it out of some.
    """
    finished = [trial.distributions for trial in trials if trial.state.is_finished()]
    if not finished:
        return {}
    names = set.intersection(*(set(distributions) for distributions in finished))
    return {name: finished[0][name] for name in sorted(names) if not finished[0][name].single()}


def telling(trials: Sequence[SharedTrial]) -> list[SharedTrial]:
    """At most ``MOST_TRIALS`` finished ones of ``trials``, and all that are running, in their order.

    The best, the latest, and of the rest every so manieth: the same for the same trials.
    """
    scores = np.array([trial.told for trial in trials], dtype=np.float64)  # (trials,), NaN: it is running
    finished = np.flatnonzero(~np.isnan(scores))
    if len(finished) <= MOST_TRIALS:
        return list(trials)
    best = finished[np.argsort(-scores[finished], kind="stable")[:BEST_TRIALS]]
    others = np.setdiff1d(finished, best, assume_unique=True)
    older, latest = others[:-LATEST_TRIALS], others[-LATEST_TRIALS:]
    wanted = MOST_TRIALS - BEST_TRIALS - LATEST_TRIALS
    spread = older[np.arange(wanted) * len(older) // wanted]
    running = np.flatnonzero(np.isnan(scores))
    return [trials[place] for place in np.sort(np.concatenate([best, latest, spread, running])).tolist()]


def _key(configuration: Configuration) -> tuple[int, str]:
    return configuration.number, configuration.id


class Asking:
    """Optuna's trial as the ``Suggest`` that a space asks: one signature instead of Optuna's overloads."""

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial = trial

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """A whole number in [low, high]."""
        return self._trial.suggest_int(name, low, high, step=step, log=log)

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """A number in [low, high]."""
        return self._trial.suggest_float(name, low, high, step=step, log=log)

    def suggest_categorical(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        """One of ``choices``."""
        return self._trial.suggest_categorical(name, list[Scalar](choices))


def distributions_of(space: LoadedSpace) -> dict[str, BaseDistribution]:
    """Optuna's form of every parameter, a vector's one a column, by dotted key."""
    return {name: _distribution(single) for name, single in space.singles.items()}


def _distribution(parameter: SingleParameter) -> BaseDistribution:
    if isinstance(parameter, IntParameter):
        return IntDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
    if isinstance(parameter, FloatParameter):
        return FloatDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
    return CategoricalDistribution(parameter.choices)
