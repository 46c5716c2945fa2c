"""What is an earlier search worth to a new one, and what does one cost that misleads?

    python benchmarks/warm_start.py --seeds 16
    python benchmarks/warm_start.py --seeds 50 --way tried --world few

In each world of ``search_quality.py`` an earlier search of 125 folds has been made on other data: ``related`` (for a
surrogate of a table the other surrogate of it; of a family one whose optimum lies a normal step of 0.1 elsewhere),
``unrelated`` (a world of ``cliffs`` of another seed), ``opposite`` (the same truth upside down). The new search knows
it in one of these ways: ``tried``, as shipped by ``--try``, its three best come first; ``told``, these, and TPE hears
its scores by rank, as many as agree with what was scored here; ``at once``, the same from the first proposal on.
Printed for each: the gain over the published one in points after 15, 25 and 40 configurations' worth of folds, the
paired difference from a search that knows nothing with its 95% interval, and how many times as many folds it needs to
what that one is worth after 25 (of the mean curves).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
from search_arms import ARMS, Arm, Earlier, Warm, WarmAtOnce
from search_quality import MARKS, gains, interval, trained
from search_worlds import WORLDS, Numbers, World, cliffs, few
from threadpoolctl import threadpool_limits

TRIED = 3  # as ``--try`` takes of a store
MOVED = 0.1
RELATED: Mapping[str, Callable[[int], World]] = {
    "st3-gp": WORLDS["st3-trees"],
    "st3-trees": WORLDS["st3-gp"],
    "few": lambda seed: few("st3", seed, MOVED),
    "cliffs": lambda seed: cliffs("st3", seed, MOVED),
}
KINDS = ("related", "unrelated", "opposite")
WAYS = ("tried", "told", "at once")


def earlier_world(name: str, kind: str, seed: int) -> World:
    """Where the earlier search was made."""
    if kind == "related":
        return RELATED[name](seed)
    if kind == "unrelated":
        return cliffs("st3", seed + 5000)
    own = WORLDS[name](seed)
    return replace(own, truth=lambda row: -own.truth(row))


def earlier_search(world: World, seed: int) -> Earlier:
    """What it finished."""
    done = [each for each in trained(world, ARMS["shipped"], seed + 700, MARKS[1]) if each is not None]
    points = tuple(each.point for each in done)
    return Earlier(points, np.array([world.cube.row(p) for p in points]), np.array([each.score for each in done]))


def arm(way: str, earlier: Earlier, published: Mapping[str, object]) -> Arm:
    """A search that knows ``earlier`` in one of ``WAYS``."""
    first = tuple(point for point in earlier.best(TRIED + 1) if point != published)[:TRIED]
    if way == "tried":
        return replace(ARMS["shipped"], first=first)
    kind = {"told": Warm, "at once": WarmAtOnce}[way]
    return Arm(lambda space, seed: kind(space, seed, earlier), first=first)


def curves(job: tuple[str, int, tuple[str, ...]]) -> dict[str, list[float]]:
    """By ``kind/way``, and ``nothing``: true gain after each fold."""
    name, seed, ways = job
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with threadpool_limits(1):
        world = WORLDS[name](seed)
        found = {"nothing": gains(world, ARMS["shipped"], seed, MARKS[-1])}
        for kind in KINDS:
            earlier = earlier_search(earlier_world(name, kind, seed), seed)
            for way in ways:
                known = arm(way, earlier, world.space.published() or {})
                found[f"{kind}/{way}"] = gains(world, known, seed, MARKS[-1])
    return found


def times(found: Numbers, nothing: Numbers) -> str:
    """How many times as many folds to what a search that knows nothing is worth after 25 configurations' worth."""
    target = float(nothing[:, MARKS[1] - 1].mean())
    needed, ours = (curve.mean(axis=0) >= target for curve in (found, nothing))
    folds = int(np.argmax(ours)) + 1
    return f"{(int(np.argmax(needed)) + 1) / folds:.2f}" if needed.any() else f">{len(needed) / folds:.2f}"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", choices=list(RELATED), action="append")
    parser.add_argument("--way", choices=WAYS, action="append")
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="JSON file for the curves")
    chosen = parser.parse_args()
    ways, kept = tuple(chosen.way or WAYS), {}
    with ProcessPoolExecutor(chosen.workers) as pool:
        for world in chosen.world or list(RELATED):
            runs = [*pool.map(curves, [(world, seed, ways) for seed in range(chosen.seeds)])]
            found = {way: np.array([run[way] for run in runs]) for way in runs[0]}  # (seeds, folds) each
            kept[world] = {way: each.round(4).tolist() for way, each in found.items()}
            print(f"\n{world}: {len(runs)} seeds; true gain over published, points; difference from nothing [95%]")
            print(f"{'knows':<20}" + "".join(f"{f'{m // 5} ({m} folds)':>33}" for m in MARKS) + f"{'× nothing':>12}")
            for way, each in found.items():
                parts = []
                for mark in MARKS:
                    ahead = each[:, mark - 1] - found["nothing"][:, mark - 1]
                    low, high = interval(ahead)
                    parts.append(f"{each[:, mark - 1].mean():8.2f}  {ahead.mean():+6.2f} [{low:+.2f}, {high:+.2f}]")
                print(
                    f"{way:<20}" + "".join(f"{part:>33}" for part in parts) + f"{times(each, found['nothing']):>12}",
                    flush=True,
                )
            if chosen.keep is not None:
                chosen.keep.write_text(json.dumps(kept))


if __name__ == "__main__":
    main()
