"""Which configuration should a search pick, where noise has a part in the best score?

    python benchmarks/noisy_picks.py --seeds 16

Searches as shipped run in the worlds of ``search_quality.py``, whose truth is known; after 15, 25 and 40
configurations' worth of folds each way to pick one of what has finished is judged by what its pick is truly worth.
Printed for each world: the gain over the published configuration in points, and the paired difference of each way
from the highest score with its 95% interval over seeds.

``process``: highest mean of a Gaussian process on the settings. ``process and its own``: that, and of what the process
does not explain the share that is not the folds' noise. ``by a standard error``: the published one, unless the best is
better by more than the paired standard error over folds.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import optuna
from search_arms import ARMS
from search_quality import MARKS, interval, trained
from search_worlds import WORLDS, Numbers
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from threadpoolctl import threadpool_limits

FEWEST = 5  # configurations that a process is fitted on


@dataclass(frozen=True, eq=False)
class Scored:
    """What has finished, the published configuration first."""

    points: Numbers  # (configurations, dimensions)
    folds: Numbers  # (configurations, folds): raced scores, in units of the final score
    scores: Numbers  # (configurations,)


def highest(known: Scored) -> int:
    """As shipped."""
    return int(known.scores.argmax())


def by_an_error(known: Scored) -> int:
    """The published one, unless the best is better by a standard error."""
    best = highest(known)
    ahead = known.folds[best] - known.folds[0]
    error = float(ahead.std(ddof=1)) / len(ahead) ** 0.5
    return best if known.scores[best] - known.scores[0] > error else 0


def smoothed(known: Scored) -> tuple[Numbers, float]:
    """The process's mean at each configuration, and the variance of what it calls noise."""
    level, unit = known.scores.mean(), known.scores.std() or 1.0
    kernel = ConstantKernel(1.0, (0.05, 20.0)) * Matern(2.0, (0.2, 30.0), nu=2.5) + WhiteKernel(0.3, (1e-3, 2.0))
    process = GaussianProcessRegressor(kernel, n_restarts_optimizer=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a length at its bound
        process.fit(known.points, (known.scores - level) / unit)
    signal, noise = process.kernel_.k1, float(process.kernel_.k2.noise_level)
    return signal(known.points) @ process.alpha_ * unit + level, noise * unit**2


def by_process(known: Scored) -> int:
    """Highest mean of a process; of too few configurations the highest score."""
    return int(smoothed(known)[0].argmax()) if len(known.scores) >= FEWEST else highest(known)


def by_process_and_its_own(known: Scored) -> int:
    """With the share of what is left that folds do not explain."""
    if len(known.scores) < FEWEST:
        return highest(known)
    means, left = smoothed(known)
    errors = known.folds - known.folds.mean(axis=1, keepdims=True) - known.folds.mean(axis=0) + known.folds.mean()
    count, folds = errors.shape
    of_folds = float((errors**2).sum() / ((count - 1) * (folds - 1)) / folds)
    return int((means + max(0.0, 1 - of_folds / left) * (known.scores - means)).argmax())


PICKS: dict[str, Callable[[Scored], int]] = {
    "highest": highest,
    "by a standard error": by_an_error,
    "process": by_process,
    "process and its own": by_process_and_its_own,
}


def gains(job: tuple[str, int]) -> Numbers:
    """(marks, ``PICKS``): true gains over the published configuration in points."""
    name, seed = job
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with threadpool_limits(1):
        world = WORLDS[name](seed)
        published = world.value(world.space.published() or {})
        events = [*trained(world, ARMS["shipped"], seed, MARKS[-1])]
        found = []
        for mark in MARKS:
            done = sorted((each for each in events[:mark] if each is not None), key=lambda each: each.number)
            known = Scored(
                np.array([world.cube.row(each.point) for each in done]),
                np.array([each.raced for each in done]) / world.noise.slope,
                np.array([each.score for each in done]),
            )
            found.append([100 * (done[pick(known)].truth - published) for pick in PICKS.values()])
    return np.array(found)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", choices=list(WORLDS), action="append")
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    chosen = parser.parse_args()
    seeds = range(chosen.first_seed, chosen.first_seed + chosen.seeds)
    with ProcessPoolExecutor(chosen.workers) as pool:
        for world in chosen.world or list(WORLDS):
            found = np.array([*pool.map(gains, [(world, seed) for seed in seeds])])  # (seeds, marks, picks)
            print(f"\n{world}: {len(found)} seeds; true gain over published, points; difference from highest [95%]")
            print(f"{'pick':<20}" + "".join(f"{f'{m // 5} ({m} folds)':>33}" for m in MARKS))
            for place, name in enumerate(PICKS):
                parts = []
                for mark in range(len(MARKS)):
                    ahead = found[:, mark, place] - found[:, mark, 0]
                    low, high = interval(ahead)
                    parts.append(f"{found[:, mark, place].mean():8.2f}  {ahead.mean():+6.2f} [{low:+.2f}, {high:+.2f}]")
                print(f"{name:<20}" + "".join(f"{part:>33}" for part in parts), flush=True)


if __name__ == "__main__":
    main()
