"""Is what a search says going on would gain true? In worlds of which the truth is known, it is compared with what came.

    python benchmarks/further_gain.py --seeds 16

In each world so many configurations are drawn by chance and measured on five folds; the best is the winner, and the
surrogate says what going on would gain over it (``stats.further``). Printed are means over seeds, in points: what is
said; the expected improvement times R², and without R²; what as many more configurations gain by chance; then the mean
absolute error of each against the last.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from search_worlds import World, cliffs, few, surrogate

from tune_polar.stats.gain_of_more import BROUGHT, gain_of_more
from tune_polar.stats.importance import Column

WORLDS: dict[str, Callable[[int], World]] = {
    "st3 gp": lambda _: surrogate("st3", "gp"),
    "st3 trees": lambda _: surrogate("st3", "trees"),
    "few": lambda seed: few("st3", seed),
    "cliffs": lambda seed: cliffs("st3", seed),
}
COUNTS = (15, 30)
SPACE = 2000  # points that more are drawn from
REPEATS = 20  # of as many more
NAMES = ("said", "EI × R²", "EI", "more")


def gains(world: World, count: int, seed: int) -> list[float]:
    """As ``NAMES``, in points."""
    rng = np.random.default_rng((seed, count))
    space = rng.random((SPACE, len(world.cube.row(world.space.published() or {}))))
    worth = np.array([world.truth(row) for row in space])
    settings, truth, noise = space[:count], worth[:count], world.noise
    errors = rng.normal(0.0, noise.cell / noise.slope, (count, world.folds))
    scores = truth[:, None] + rng.normal(0.0, noise.fold / noise.slope, world.folds) + errors
    winner = int(scores.mean(axis=1).argmax())
    columns = tuple(Column(str(place), tuple(np.linspace(0, 1, 11).tolist())) for place in range(space.shape[1]))
    found = gain_of_more(settings, scores, columns, winner, np.random.default_rng(0))
    shrunk, share = found.gain / BROUGHT, max(1e-9, found.explained)
    more = [max(0.0, float(rng.choice(worth[count:], count).max() - truth[winner])) for _ in range(REPEATS)]
    return [100 * gain for gain in (found.gain, shrunk, shrunk / share, float(np.mean(more)))]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=16, help="how many")
    parser.add_argument("--first-seed", type=int, default=0)
    chosen = parser.parse_args()
    print(f"{'':<10}{'n':>4}" + "".join(f"{name:>12}" for name in NAMES) + "  errors of all but the last")
    for name, make in WORLDS.items():
        for count in COUNTS:
            seeds = range(chosen.first_seed, chosen.first_seed + chosen.seeds)
            found = np.array([gains(make(seed), count, seed) for seed in seeds])
            errors = np.abs(found[:, :-1] - found[:, -1:]).mean(axis=0)
            means = "".join(f"{each:>12.2f}" for each in found.mean(axis=0))
            print(f"{name:<10}{count:>4}{means}  {', '.join(f'{each:.2f}' for each in errors)}", flush=True)


if __name__ == "__main__":
    main()
