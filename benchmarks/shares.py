"""How often do the intervals of a page's "why" hold the truth? Worlds of seventeen settings of which it is known.

    python benchmarks/shares.py --seeds 30   # ten minutes of two busy cores

In each world so many configurations are drawn by chance and measured on five folds with noise of their own; the way
goes from the first of them to the best one. A setting's true share is its Shapley value on the world itself. Printed
for each world and number of configurations: the share of 90% intervals that hold the truth, of settings that do
something, of those that do nothing and of the whole; how often each of the three is told from nothing; the mean width
of an interval and the mean absolute error, in points.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from tune_polar.stats.attribution import Share, way_between
from tune_polar.stats.importance import Column

SETTINGS, FOLDS = 17, 5
FOLD_SD, CELL_SD = 0.01, 0.02
COUNTS = (15, 40, 100)
Settings = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """A function of few of the settings."""

    active: tuple[int, ...]
    truth: Callable[[Settings], Settings]  # (…, settings) → (…)


WORLDS: Mapping[str, World] = {
    "additive": World((0, 1, 3), lambda x: 0.05 * np.sin(3 * x[..., 0]) + 0.03 * x[..., 1] - 0.02 * (x[..., 3] > 0.5)),
    "interaction": World((0, 1, 2), lambda x: 0.06 * x[..., 1] * x[..., 2] + 0.03 * x[..., 0]),
    "cliffs": World((0, 1, 4), lambda x: 0.02 * x[..., 1] - 0.08 * ((x[..., 0] > 0.7) | (x[..., 4] < 0.2))),
    "noise": World((), lambda x: 0.0 * x[..., 0]),
}


@dataclass
class Held:
    """Of one kind of shares."""

    holds: list[bool] = field(default_factory=list)
    told: list[bool] = field(default_factory=list)
    width: list[float] = field(default_factory=list)
    error: list[float] = field(default_factory=list)

    def add(self, share: Share, truth: float) -> None:
        """Judge one share."""
        self.holds.append(truth in share.interval)
        self.told.append(share.is_told)
        self.width.append(100 * (share.interval.high - share.interval.low))
        self.error.append(100 * abs(share.gain - truth))

    @property
    def words(self) -> str:
        """Held, told, width and error."""
        if not self.holds:
            return f"{'—':>26}"
        means = [float(np.mean(each)) for each in (self.holds, self.told, self.width, self.error)]
        return "{:6.0%}{:6.0%}{:7.2f}{:7.2f}".format(*means)


def true_shares(world: World, begin: Settings, end: Settings) -> dict[int, float]:
    """Shapley values of the settings that do something, over all their orders."""
    shares = dict.fromkeys(world.active, 0.0)
    orders = list(permutations(world.active))
    for order in orders:
        at = begin.copy()
        for setting in order:
            before = float(world.truth(at))
            at[setting] = end[setting]
            shares[setting] += (float(world.truth(at)) - before) / len(orders)
    return shares


def judged(world: World, count: int, seed: int, kinds: Mapping[str, Held]) -> None:
    """One search in ``world``, its shares added to ``kinds``."""
    rng = np.random.default_rng((seed, count))
    settings = rng.random((count, SETTINGS))
    noise = rng.normal(0.0, FOLD_SD, FOLDS) + rng.normal(0.0, CELL_SD, (count, FOLDS))
    scores = world.truth(settings)[:, None] + noise
    winner = int(scores[1:].mean(axis=1).argmax()) + 1
    columns = [Column(str(place), tuple(np.linspace(0, 1, 11).tolist())) for place in range(SETTINGS)]
    way = way_between(settings, scores, columns, 0, winner, np.random.default_rng(seed))
    truth = true_shares(world, settings[0], settings[winner])
    for share in way.shares:
        place = int(share.name)
        kinds["something" if place in truth else "nothing"].add(share, truth.get(place, 0.0))
    kinds["whole"].add(way.whole, sum(truth.values()))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=16, help="how many")
    parser.add_argument("--first-seed", type=int, default=0)
    chosen = parser.parse_args()
    names = ("something", "nothing", "whole")
    print(f"{'':<13}{'n':>4}" + "".join(f"{name + ': held told width error':>30}" for name in names))
    for name, world in WORLDS.items():
        for count in COUNTS:
            kinds = {each: Held() for each in names}
            for seed in range(chosen.first_seed, chosen.first_seed + chosen.seeds):
                judged(world, count, seed, kinds)
            print(f"{name:<13}{count:>4}" + "".join(f"{kinds[each].words:>30}" for each in names), flush=True)


if __name__ == "__main__":
    main()
