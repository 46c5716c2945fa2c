"""Ways of searching that ``search_quality.py`` compares: who proposes, and whether folds race."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial
from scipy.stats import spearmanr
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern, WhiteKernel

from tune_polar.recipe.loaded_space import LoadedSpace, is_free
from tune_polar.recipe.space import Scalar
from tune_polar.search.optuna.sampler import (
    MODEL_REPEATS,
    RANDOM_CONFIGURATIONS,
    Asking,
    Sampler,
    SharedTrial,
    common_space,
    telling,
    trial_of,
)
from tune_polar.search.optuna.unit_cube import UnitCube


class Fresh(Sampler):
    """The shipped sampler with its model exchanged: one hook."""

    by_chance = RANDOM_CONFIGURATIONS  # are scored before the model is asked

    def ask(self, number: int, repeat: int = 0) -> dict[str, Scalar]:
        """As the shipped one asks, by ``model`` once enough is scored."""
        digest = hashlib.sha256(f"{self._seed}/{number}/{repeat}".encode()).digest()
        seed = int.from_bytes(digest[:4], "little")
        if self._scored + len(self._predicted) < self.by_chance or repeat >= MODEL_REPEATS:
            return self.asked(RandomSampler(seed=seed), [])
        return self.by_model([self._trials[key] for key in sorted(self._trials)], seed)

    def asked(self, sampler: BaseSampler, trials: list[FrozenTrial]) -> dict[str, Scalar]:
        """A point of a fresh study of ``trials``."""
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.add_trials(trials)
        return self.space.suggest(Asking(study.ask()))

    def by_model(self, trials: list[SharedTrial], seed: int) -> dict[str, Scalar]:
        """A point that ``trials`` make promising."""
        return self.asked(TPESampler(seed=seed, n_startup_trials=0), list(telling(trials)))

    @property
    def finished(self) -> list[SharedTrial]:
        """Trials with a value, best first."""
        have = [trial for trial in self._trials.values() if trial.told is not None]
        return sorted(have, key=lambda trial: -(trial.told or 0.0))


class Narrowed(TPESampler):
    """TPE over some of the parameters; the others come from ``others``, independently."""

    def __init__(self, names: set[str], trials: list[FrozenTrial], seed: int) -> None:
        super().__init__(seed=seed, n_startup_trials=0)
        self._names, self._told = names, trials

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """What is in ``names``."""
        return {name: each for name, each in common_space(self._told).items() if name in self._names}


class Clones(Fresh):
    """As before decision 25: its own point with what it scored there, and one trial for each rule of thresholds."""

    def by_model(self, trials: list[SharedTrial], seed: int) -> dict[str, Scalar]:
        """Every trial as often as it was told."""
        every: list[FrozenTrial] = []
        for trial in trials:
            every.append(trial)
            if trial.told is None:
                continue
            rng = np.random.default_rng(int(abs(trial.told) * 1e12) % 2**32)
            for name, distribution in trial.distributions.items():
                if name.endswith(".rule") and isinstance(distribution, CategoricalDistribution):
                    for rule in distribution.choices:
                        swept = dict(trial.params) | {name: rule}
                        known = self._distributions
                        made = trial_of(swept, trial.told - abs(float(rng.normal(0, 0.003))), known)
                        every += [made] if made is not None else []
        return self.asked(TPESampler(seed=seed, n_startup_trials=0), every)


class Hidden(Fresh):
    """TPE does not see decisions' parameters; these are drawn by chance."""

    def by_model(self, trials: list[SharedTrial], seed: int) -> dict[str, Scalar]:
        """See above."""
        told: list[FrozenTrial] = list(telling(trials))
        seen = {name for name in self._distributions if not is_free(name, self.space.recipe)}
        return self.asked(Narrowed(seen, told, seed), told)


class Gaussian(Fresh):
    """Optuna's GPSampler, on training parameters and decisions."""

    def by_model(self, trials: list[SharedTrial], seed: int) -> dict[str, Scalar]:
        """See above."""
        finished = [trial for trial in trials if trial.told is not None]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.asked(GPSampler(seed=seed, n_startup_trials=0), list(finished))


class Near(Fresh):
    """With a chance that falls with n a step from ``centre`` instead of TPE's point."""

    width, chance, decay, by_best = 0.2, 0.7, 20.0, False

    def by_model(self, trials: list[SharedTrial], seed: int) -> dict[str, Scalar]:
        """See above."""
        rng = np.random.default_rng(seed)
        n = len(self.finished)
        if rng.random() < self.chance * self.decay / (self.decay + n):
            centre = self.finished[0].params if self.by_best else (self.space.published() or {})
            return self.space.suggest(Step(rng, centre, self.width))
        return super().by_model(trials, seed)


class NearBest(Near):
    """The same around the best so far, always a third of the time."""

    by_best, chance, decay = True, 0.5, 1e9


class Step:
    """Values a normal step from a point, on each parameter's own scale, for a space that asks."""

    def __init__(self, rng: np.random.Generator, centre: Mapping[str, object], width: float) -> None:
        self._rng, self._centre, self._width = rng, centre, width

    def _share(self, start: float | None) -> float:
        if start is None:
            return float(self._rng.uniform())
        return float(np.clip(start + self._rng.normal(0.0, self._width), 0, 1))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """A whole number."""
        value = self.suggest_float(name, low, high, log=log)
        return min(high, low + step * round((value - low) / step))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """A number."""
        start = self._centre.get(name)
        number = float(start) if isinstance(start, int | float) else None
        if log:
            there = None if number is None else float(np.log(number / low) / np.log(high / low))
            return float(min(high, max(low, low * (high / low) ** self._share(there))))
        value = low + (high - low) * self._share(None if number is None else (number - low) / (high - low))
        if step is None:
            return value
        return min(high, low + step * round((value - low) / step))

    def suggest_categorical(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        """Mostly the same one."""
        if name in self._centre and self._rng.random() > 2 * self._width:
            return self._centre[name]  # type: ignore[return-value]
        return choices[int(self._rng.integers(len(choices)))]


class Mixed(Fresh):
    """TPE's point in some settings, the best one's in the others: fewer of them move as the search goes on."""

    least, decay = 0.25, 30.0

    def by_model(self, trials: list[SharedTrial], seed: int) -> dict[str, Scalar]:
        """See above."""
        point = super().by_model(trials, seed)
        rng = np.random.default_rng(seed)
        moved = max(self.least, self.decay / (self.decay + 2 * len(self.finished)))
        best = self.finished[0].params
        stays = {name for name in sorted(point) if rng.random() > moved}
        return {name: best[name] if name in stays and name in best else value for name, value in point.items()}


class Screened(Fresh):
    """From twelve scores on TPE over the four most important settings, the others as in the best; a third whole."""

    most, fewest = 4, 12

    def by_model(self, trials: list[SharedTrial], seed: int) -> dict[str, Scalar]:
        """See above."""
        finished, rng = self.finished, np.random.default_rng(seed)
        if len(finished) < self.fewest or rng.random() < 1 / 3:
            return super().by_model(trials, seed)
        from optuna.importance import PedAnovaImportanceEvaluator

        study = optuna.create_study(direction="maximize")
        study.add_trials(list(finished))
        importance = PedAnovaImportanceEvaluator(target_quantile=0.25).evaluate(study)
        names = set(list(importance)[: self.most])
        point, best = super().by_model(trials, seed), finished[0].params
        return {name: value if name in names else best.get(name, value) for name, value in point.items()}


@dataclass(frozen=True)
class Earlier:
    """Finished configurations of an earlier search."""

    points: tuple[Mapping[str, Scalar], ...]
    rows: NDArray[np.float64]  # (configurations, dimensions) of the unit cube
    scores: NDArray[np.float64]  # (configurations,)

    def best(self, count: int) -> tuple[Mapping[str, Scalar], ...]:
        """Points of the highest scores, each once."""
        return tuple(self.points[place] for place in np.argsort(-self.scores, kind="stable")[:count].tolist())


class Warm(Fresh):
    """TPE is told an earlier search too: by ranks, and as much of it as it agrees with what has been scored here."""

    fewest, doubt, at_first = 4, 4.0, 0.5

    def __init__(self, space: LoadedSpace, seed: int, earlier: Earlier) -> None:
        super().__init__(space, seed)
        self._earlier, self._cube = earlier, UnitCube(space)
        kernel = Matern(2.0, (0.2, 30.0), nu=2.5) + WhiteKernel(0.3, (1e-3, 2.0))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a length at its bound
            self._process = GaussianProcessRegressor(kernel, normalize_y=True).fit(earlier.rows, earlier.scores)

    def agreement(self) -> float:
        """Rank correlation of what the earlier search expects with what was scored: in [0, 1], less where few were."""
        finished = self.finished
        if len(finished) < self.fewest:
            return self.at_first
        expected = self._process.predict(np.array([self._cube.row(trial.params) for trial in finished]))
        found = float(spearmanr(expected, [trial.told for trial in finished]).statistic)
        return max(0.0, float(np.nan_to_num(found))) * len(finished) / (len(finished) + self.doubt)

    def by_model(self, trials: list[SharedTrial], seed: int) -> dict[str, Scalar]:
        """See above."""
        told: list[FrozenTrial] = list(telling(trials))
        order = np.argsort(self._earlier.scores, kind="stable")
        wanted = round(self.agreement() * len(order))
        chosen = order[np.unique(np.linspace(0, len(order) - 1, wanted).round().astype(int))] if wanted else []
        own = sorted(trial.told for trial in self.finished if trial.told is not None) or [0.0, 1.0]
        ranks = np.argsort(order) / max(1, len(order) - 1)
        for place in chosen:
            score = float(np.quantile(own, ranks[place]))
            made = trial_of(self._earlier.points[place], score, self._distributions)
            told += [made] if made is not None else []
        return self.asked(TPESampler(seed=seed, n_startup_trials=0), told)


class WarmAtOnce(Warm):
    """The same, from the first proposal on."""

    by_chance = 0


@dataclass(frozen=True)
class Arm:
    """One way of searching."""

    sampler: Callable[[LoadedSpace, int], Sampler]
    racing: str = "model"
    published_first: bool = True
    first: tuple[Mapping[str, Scalar], ...] = ()  # points that come right after it


class ByChance(Fresh):
    """No model at all."""

    def by_model(self, trials: list[SharedTrial], seed: int) -> dict[str, Scalar]:  # noqa: ARG002
        """See above."""
        return self.asked(RandomSampler(seed=seed), [])


class Stock(Fresh):
    """Optuna's own start: ten by chance, then its TPE."""

    def ask(self, number: int, repeat: int = 0) -> dict[str, Scalar]:
        """See above."""
        seed = (self._seed * 100_003 + number * 101 + repeat) % 2**32
        trials = [self._trials[key] for key in sorted(self._trials)]
        return self.asked(TPESampler(seed=seed, n_startup_trials=10), list(trials))


ARMS: dict[str, Arm] = {
    "random": Arm(ByChance, "none"),
    "stock": Arm(Stock, "none", published_first=False),
    "stock+published": Arm(Stock, "none"),
    "clones": Arm(Clones),
    "shipped": Arm(Sampler),
    "random+racing": Arm(ByChance),
    "hidden": Arm(Hidden),
    "near": Arm(Near),
    "near-best": Arm(NearBest),
    "mixed": Arm(Mixed),
    "screened": Arm(Screened),
    "gp": Arm(Gaussian),
}
