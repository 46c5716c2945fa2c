"""What a search is worth: the true value of what it picks, over the fold trainings it spends.

    python benchmarks/search_quality.py                                   # every world, the arms that matter, 50 seeds
    python benchmarks/search_quality.py --arm shipped --arm gp --seeds 8  # a sampler that takes its time
    python benchmarks/search_quality.py --fit                             # how well the surrogates fit their tables

The whole product chooses: the library's own core, sampler and racing run in worlds (``search_worlds.py``) whose truth
is known; the pick after so many folds is the finished configuration with the best measured score, as a search names
its winner, and it is judged by what it is truly worth. Seeds are paired: the same folds for every arm. Printed for each
world: the gain of the pick over the published configuration in points after 15, 25 and 40 configurations' worth of
folds, each arm's difference from ``--against`` with its 95% interval, and how many times as many folds ``stock`` needs
for the true value that the arm has after 25 (of the mean curves; ``>``: 500 do not get there).

``stock`` is Ray Tune with OptunaSearch: five folds inside a trial, TPE after ten by chance, nothing given up.
``clones`` is the sampler before decision 25, told each configuration once for every rule of thresholds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Container, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import optuna
from replay import STAGE, Nowhere
from search_arms import ARMS, Arm
from search_worlds import MODELS, WORLDS, Numbers, World, fit_quality
from threadpoolctl import threadpool_limits

from tune_polar.decide.metrics import metric_named
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import Configuration
from tune_polar.recipe.defaults import with_defaults
from tune_polar.recipe.fill import fill
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.space import Scalar
from tune_polar.search.configuration_progress import ConfigurationProgress
from tune_polar.search.fold_dispatch import Budget, FoldDispatch
from tune_polar.search.optuna.sampler import Sampler
from tune_polar.search.optuna.swept_point import swept_point
from tune_polar.search.racing.board_keeper import RACE
from tune_polar.search.racing.racing_names import racing_named
from tune_polar.store.records import FoldRecord, Provenance
from tune_polar.trial.fold_trial import Inputs

MOST = 600  # configurations that one run may open
MARKS = (75, 125, 200)  # folds: 15, 25 and 40 configurations' worth
FOLDS = {"stock": 500}  # it goes on until it is where the others were
SEED = 42
_PROVENANCE = Provenance("simulated", 0, "none", "", {})
_INPUTS = Inputs({})


@cache
def recipes(folds: int) -> tuple[Recipe, ...]:
    """Stand-ins that the core tells apart: what is trained is a number of the world, not a recipe."""
    base = Recipe.model_validate(
        with_defaults(
            {
                "recipe": "simulated",
                "data": {"labels": ["label"]},
                "folds": {"count": folds},
                "stages": {STAGE: {"task": {"type": "binary", "target": "label"}, "keep": "positive_f1"}},
            }
        )
    )
    return tuple(fill(base, {f"{STAGE}.optimizer.max_steps": row + 1}) for row in range(MOST))


class _Proposals:
    """The published point, where the arm knows it, then the sampler's."""

    def __init__(self, sampler: Sampler, arm: Arm, folds: int) -> None:
        self._sampler, self._arm, self._recipes = sampler, arm, recipes(folds)

    def next(self, number: int, known: Container[str]) -> Configuration | None:  # noqa: ARG002 (the interface)
        """See ``Proposals``."""
        if number >= MOST:
            return None
        first = self._arm.first[number - 1 : number] if number else ()
        if number == 0 and self._arm.published_first:
            point: Mapping[str, Scalar] = self._sampler.space.published() or {}
            origin = "published"
        elif first:
            point, origin = first[0], "tried first"
        else:
            point, origin = self._sampler.ask(number), "sampled"
        configuration = Configuration(self._recipes[number], number, origin, point)
        self._sampler.announce(configuration)
        return configuration


@dataclass
class _Study:
    """Measures what has finished and tells the sampler, as the search's own study does."""

    world: World
    sampler: Sampler
    measured: dict[str, tuple[Numbers, float]]
    rng: np.random.Generator

    def on_finished(self, progress: ConfigurationProgress) -> float | None:
        """See ``Listener``."""
        configuration = progress.configuration
        if progress.state == "abandoned" and progress.abandonment is not None:
            self.sampler.tell_predicted(configuration, progress.abandonment.predicted)
            return None
        score = self.measured[configuration.id][1]
        settings = swept(self.world, configuration.number, self.rng)
        self.sampler.tell(configuration, score, swept_point(configuration.point, settings, self.sampler.space))
        return score

    def on_expected(self, progress: ConfigurationProgress, score: float) -> None:
        """See ``Listener``."""
        self.sampler.tell_predicted(progress.configuration, score)


def swept(world: World, number: int, rng: np.random.Generator) -> dict[str, object]:
    """What the exact sweep would have chosen: near one k and τ, the flatter the farther, any rule."""
    found: dict[str, object] = {}
    for name in world.space.singles:
        if name.endswith(".k"):
            found[name] = int(np.clip(49 + 30 * rng.normal(), 1, 199)) // 2 * 2 + 1
        elif name.endswith(".tau"):
            found[name] = float(np.clip(0.45 + 0.07 * rng.normal(), 0.2, 0.8))
        elif name.endswith(".rule"):
            choices = world.space.singles[name].choices  # type: ignore[union-attr]
            found[name] = choices[(number * 7 + int(rng.integers(2))) % len(choices)]
    return found


@dataclass(frozen=True, eq=False)
class Finished:
    """A configuration whose folds are all trained."""

    number: int
    point: Mapping[str, Scalar]
    raced: Numbers  # (folds,)
    score: float
    truth: float


def trained(world: World, arm: Arm, seed: int, folds: int) -> Iterator[Finished | None]:
    """One search: for each fold that is trained, the configuration that it finishes."""
    levels = np.random.default_rng((5, seed)).normal(0.0, world.noise.fold, world.folds)
    measured: dict[str, tuple[Numbers, float]] = {}
    truths: dict[str, float] = {}
    sampler = arm.sampler(world.space, seed)
    study = _Study(world, sampler, measured, np.random.default_rng((7, seed)))
    cells = tuple(Cell(fold, SEED) for fold in range(world.folds))
    metric = metric_named("macro_f1")
    core = FoldDispatch(
        _Proposals(sampler, arm, world.folds),
        Nowhere(),
        Budget(MOST, cells, 1),
        lambda _: _INPUTS,
        study,
        racing=racing_named(arm.racing, cells, metric),
    )
    for _ in range(folds):
        trial = core.next_trial()
        if trial is None:
            return
        key, number = trial.configuration_id, core.progress[trial.configuration_id].configuration.number
        if key not in measured:
            truths[key] = world.value(core.progress[key].configuration.point)
            measured[key] = world.measured(truths[key], np.random.default_rng((3, seed, number)), levels)
        raced = float(measured[key][0][trial.cell.fold])
        core.fold_finished(
            FoldRecord(key, trial.cell.fold, SEED, {STAGE: f"{number}"}, (), {RACE: raced}, 1.0, _PROVENANCE)
        )
        progress = core.progress[key]
        done = progress.state == "finished"
        yield Finished(number, progress.configuration.point, *measured[key], truths[key]) if done else None


def run(world_name: str, arm_name: str, seed: int, folds: int = MARKS[-1]) -> list[float]:
    """``gains`` of one of the worlds by one of the arms."""
    return gains(WORLDS[world_name](seed), ARMS[arm_name], seed, folds)


def gains(world: World, arm: Arm, seed: int, folds: int) -> list[float]:
    """True gain over the published configuration of what the search would pick after each fold; points of the score."""
    published = world.value(world.space.published() or {})
    found: list[float] = []
    # Before one has finished: the published point, or what is drawn by chance where that is worse.
    best, picked = -np.inf, min(published, world.value(arm.sampler(world.space, seed).ask(0, 99)))
    for finished in trained(world, arm, seed, folds):
        if finished is not None and finished.score > best:
            best, picked = finished.score, finished.truth
        found.append(100 * (picked - published))
    return found + [found[-1]] * (folds - len(found))


def _task(job: tuple[str, str, int]) -> tuple[tuple[str, str, int], list[float], float]:
    began = time.process_time()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with threadpool_limits(1):
        return job, run(*job, FOLDS.get(job[1], MARKS[-1])), time.process_time() - began


def runs(worlds: list[str], arms: list[str], seeds: int, workers: int, kept: Path | None) -> dict[str, list[float]]:
    """Every run, by ``world/arm/seed``; those in ``kept`` are not made again."""
    found: dict[str, list[float]] = json.loads(kept.read_text()) if kept is not None and kept.exists() else {}
    jobs = [(w, a, s) for s in range(seeds) for w in worlds for a in arms if f"{w}/{a}/{s}" not in found]
    seconds: dict[str, list[float]] = {}
    with ProcessPoolExecutor(workers) as pool:
        for done, (job, curve, took) in enumerate(pool.map(_task, jobs)):
            found["{}/{}/{}".format(*job)] = [round(value, 4) for value in curve]
            seconds.setdefault(job[1], []).append(took)
            if kept is not None and (done % 20 == 19 or done == len(jobs) - 1):
                kept.write_text(json.dumps(found))
    for arm, took_each in seconds.items():
        print(f"# {arm}: {np.mean(took_each):.1f} s of processor time a run")
    return found


def report(found: Mapping[str, list[float]], worlds: list[str], arms: list[str], against: str) -> None:
    """Print one table a world."""
    for world in worlds:
        seeds = [s for s in range(10_000) if all(f"{world}/{a}/{s}" in found for a in arms)]
        if not seeds:
            continue
        curves = {arm: np.array([found[f"{world}/{arm}/{s}"] for s in seeds]) for arm in arms}  # (seeds, folds)
        print(f"\n{world}: {len(seeds)} seeds; true gain over published, points; difference from {against} [95%]")
        print(f"{'arm':<17}" + "".join(f"{f'{m // 5} ({m} folds)':>33}" for m in MARKS) + f"{'× stock':>10}")
        for arm in arms:
            parts = []
            for mark in MARKS:
                ours, theirs = curves[arm][:, mark - 1], curves[against][:, mark - 1]
                low, high = interval(ours - theirs)
                parts.append(f"{ours.mean():8.2f}  {(ours - theirs).mean():+6.2f} [{low:+.2f}, {high:+.2f}]")
            print(f"{arm:<17}" + "".join(f"{part:>33}" for part in parts) + f"{times(curves, arm):>10}", flush=True)


def interval(differences: Numbers) -> tuple[float, float]:
    """95% of the mean, by drawing seeds with replacement."""
    rng = np.random.default_rng(0)
    drawn = rng.choice(differences, (4000, len(differences))).mean(axis=1)
    return float(np.quantile(drawn, 0.025)), float(np.quantile(drawn, 0.975))


def times(curves: Mapping[str, Numbers], arm: str, mark: int = MARKS[1]) -> str:
    """How many times as many folds ``stock`` needs on average to where ``arm`` is after ``mark`` folds."""
    if "stock" not in curves:
        return "–"
    target = float(np.mean(curves[arm][:, mark - 1]))
    ours = int(np.argmax(curves[arm].mean(axis=0) >= target)) + 1
    theirs = curves["stock"].mean(axis=0)
    if theirs.max() < target:
        return f">{len(theirs) / ours:.1f}"
    return f"{(int(np.argmax(theirs >= target)) + 1) / ours:.1f}"


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", choices=list(WORLDS), action="append")
    parser.add_argument("--arm", choices=list(ARMS), action="append")
    parser.add_argument("--against", choices=list(ARMS), default="shipped")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="JSON file of runs, added to")
    parser.add_argument("--fit", action="store_true", help="print only how well the surrogates fit")
    arguments = parser.parse_args()
    for name in ("st1", "st3"):
        for model in MODELS:
            r2, rank = fit_quality(name, model)
            print(f"surrogate {name} {model}: ten-fold cross-validated R² {r2:.2f}, rank correlation {rank:.2f}")
    if not arguments.fit:
        worlds = arguments.world or list(WORLDS)
        arms = list(dict.fromkeys([arguments.against, *(arguments.arm or ["random", "stock", "clones"])]))
        found = runs(worlds, arms, arguments.seeds, arguments.workers, arguments.keep)
        report(found, worlds, arms, arguments.against)
    return 0


if __name__ == "__main__":
    sys.exit(main())
