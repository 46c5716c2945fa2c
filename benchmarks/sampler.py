"""Milliseconds a proposal takes at 100, 1,000 and 10,000 configurations, and whether being quick costs quality.

    python benchmarks/sampler.py                # speed, spread of parallel proposals, quality
    python benchmarks/sampler.py --no-quality   # seconds instead of minutes

Speed: points of the shipped space of ST3, each told as one trial; CPU time, since no other thread takes part. `all
trials` asks the same TPE with every trial.
Spread: eight proposals in a row, none of them scored yet, and the least distance between two of them in the unit cube,
beside eight asked in ignorance of each other. Quality: on three functions of six parameters, the best value after 400
scored points with the bounded number of trials and with all, the same seeds, and a paired interval. Exits with status 1
where a proposal takes more than 20 ms at 1,000 or 100 ms at 10,000.
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from unittest import mock

import numpy as np
import optuna

from tune_polar.recipe.configuration import Configuration
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.recipe.space_file import load_space
from tune_polar.search.optuna import sampler as module
from tune_polar.search.optuna.sampler import Sampler
from tune_polar.search.optuna.unit_cube import UnitCube

TARGETS_MS = {1000: 20.0, 10_000: 100.0}


def plan_space() -> LoadedSpace:
    """The shipped space of ST3 for the tiny encoder."""
    loaded = load_recipe("st3", RecipeOptions(encoder="tiny"))
    return load_space("st3", loaded.recipe, loaded.profile)


def filled(space: LoadedSpace, count: int) -> Sampler:
    """A sampler that has been told of ``count`` configurations."""
    rng, sampler = np.random.default_rng(0), Sampler(space, 0)
    for number in range(count):
        point = sampler.ask(number, repeat=module.MODEL_REPEATS)  # by chance
        configuration = Configuration(space.recipe, number, "sampled", point)
        # The id of the recipe is the same for all: the number tells them apart, and filling 10,000 would take minutes.
        sampler.announce(configuration)
        sampler.tell(configuration, float(rng.random()))
    return sampler


def milliseconds(sampler: Sampler, repeats: int) -> float:
    """Median time of a proposal, of this process: what else the machine does is left out."""
    found = []
    for number in range(repeats):
        start = time.process_time()
        sampler.ask(100_000 + number)
        found.append(1000 * (time.process_time() - start))
    return statistics.median(found)


def unbounded() -> mock._patch[int]:
    """The same sampler with every trial told."""
    return mock.patch.object(module, "MOST_TRIALS", sys.maxsize)


def speed(space: LoadedSpace, counts: list[int]) -> bool:
    """Print the times; whether all targets are met."""
    met = True
    for count in counts:
        sampler = filled(space, count)
        ours = milliseconds(sampler, 15)
        with unbounded():
            theirs = milliseconds(sampler, 3)
        target = TARGETS_MS.get(count, math.inf)
        met &= ours <= target
        print(
            f"{count:6} configurations: {ours:7.1f} ms a proposal"
            f" (target {target:g}); all trials {theirs:7.1f} ms, {theirs / ours:.1f}x",
            flush=True,
        )
    return met


def least_distance(rows: list[np.ndarray]) -> float:
    """Between two rows of a unit cube, Euclidean."""
    return min(float(np.linalg.norm(one - other)) for one, other in itertools.combinations(rows, 2))


def spread(space: LoadedSpace) -> None:
    """Print how far apart eight proposals in a row lie, each known to the next as running, and unknown to it."""
    cube = UnitCube(space)
    for known in (True, False):
        sampler, rows = filled(space, 60), []
        for number in range(1000, 1008):
            point = sampler.ask(number)
            rows.append(cube.row(point))
            if known:
                sampler.announce(Configuration(space.recipe, number, "sampled", point))
        distinct = len({tuple(row.tolist()) for row in rows})
        said = "announced as running" if known else "unknown to each other"
        print(f"8 proposals {said:22}: {distinct} distinct, least distance {least_distance(rows):.2f}", flush=True)


Function = Callable[[np.ndarray], float]
FUNCTIONS: dict[str, Function] = {
    "bowl": lambda x: -float(((x - 0.7) ** 2).sum()),
    "ridge": lambda x: -float(abs(x[0] - x[1] ** 2) + abs(x[2] - x[3]) + ((x[4:] - 0.3) ** 2).sum()),
    "waves": lambda x: -float((10 * (x - 0.6) ** 2 + 0.3 * (1 - np.cos(6 * math.pi * (x - 0.6)))).sum()),
}


def best_value(function: Function, seed: int, points: int) -> float:
    """The best of ``points`` points, proposed one after the other by TPE on what ``telling`` passes on."""
    names = [f"x{number}" for number in range(6)]
    unit: optuna.distributions.BaseDistribution = optuna.distributions.FloatDistribution(0.0, 1.0)
    distributions = dict.fromkeys(names, unit)
    trials: list[module.SharedTrial] = []
    for number in range(points):
        sampler: optuna.samplers.BaseSampler = optuna.samplers.TPESampler(seed=seed * 10_007 + number)
        if number < module.RANDOM_CONFIGURATIONS:
            sampler = optuna.samplers.RandomSampler(seed=seed * 10_007 + number)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.add_trials(module.telling(trials))
        asked = study.ask()
        params: Mapping[str, float] = {name: asked.suggest_float(name, 0.0, 1.0) for name in names}
        value = function(np.array(list(params.values())))
        trial = optuna.create_trial(value=value, params=dict(params), distributions=distributions)
        trials.append(module.SharedTrial.of(trial))
    return max(float(trial.value or 0.0) for trial in trials)


def quality(seeds: int, points: int) -> None:
    """Print the best values with the bounded number of trials and with all."""
    for name, function in FUNCTIONS.items():
        ours = np.array([best_value(function, seed, points) for seed in range(seeds)])
        with unbounded():
            theirs = np.array([best_value(function, seed, points) for seed in range(seeds)])
        error = 1.96 * (ours - theirs).std(ddof=1) / math.sqrt(seeds)
        print(
            f"{name:6} best of {points}, {seeds} seeds: bounded {ours.mean():.4f}, all trials {theirs.mean():.4f}, "
            f"difference {(ours - theirs).mean():+.4f} ± {error:.4f}",
            flush=True,
        )


def main() -> int:
    """Speed, spread, quality."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configurations", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--no-quality", action="store_true")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--points", type=int, default=400)
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = plan_space()
    met = speed(space, arguments.configurations)
    spread(space)
    if not arguments.no_quality:
        quality(arguments.seeds, arguments.points)
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
