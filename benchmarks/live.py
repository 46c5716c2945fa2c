"""The same search twice, with real training: stock Ray Tune with OptunaSearch, and tune-polar.

    python benchmarks/live.py                                   # three seeds, ten minutes an arm: an hour
    python benchmarks/live.py --seconds 120 --seeds 1 --recipe st1
    python benchmarks/live.py --data polar/ --language zho --trials 30 --first-seed 7 --seeds 1

Both get the same texts, embedded encoder, search space, slots and seconds; both train a fold by the same code and score
a configuration the same way (cross-fitted, best of the swept decision settings). The stock arm is what its
documentation shows: five folds inside a trial, a process a trial, ``OptunaSearch`` proposing. Printed is the best score
over time for both; for each seed what both found: the best score as measured, corrected for having been chosen
(BBC-CV), the paired difference from the published configuration, which the stock arm has not trained; and how much
later the stock arm reaches the lower of the two final scores. Seconds count from the start of the command, Ray's start
included; folds are those of configurations that the records name. With ``--trials`` ours ends after so many
configurations (or ``--seconds``), and the stock arm has the seconds that this took.
"""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tune_polar.evaluate.summary import SearchSummary

ROOT = Path(__file__).resolve().parents[1]
MOMENTS = 8  # of the printed table
OURS = "import sys; from tune_polar.cli.main import main; sys.argv[0] = 'tune-polar'; main()"

Reached = list[tuple[float, float]]  # seconds, score of a configuration that was whole then


@dataclass(frozen=True)
class Points:
    """The space as OptunaSearch asks it; of the module, since Tune pickles the searcher every few seconds."""

    space: Any

    def __call__(self, asked: Any) -> dict[str, Any]:
        """A point of the space."""
        from tune_polar.search.optuna.sampler import Asking

        return {"point": self.space.suggest(Asking(asked))}


def stock_arm(arguments: argparse.Namespace, seed: int, place: Path) -> None:
    """Run the stock search; each configuration that is whole is a record of the store ``place``."""
    import logging
    import shutil

    import ray
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    from tune_polar.data.source import parse_source
    from tune_polar.evaluate.configuration_predictions import PredictionsReader
    from tune_polar.evaluate.manifest_facts import alternatives_of
    from tune_polar.evaluate.outcome import outcome_of
    from tune_polar.recipe.configuration import Configuration
    from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe, parse_assignment
    from tune_polar.recipe.space_file import load_space, space_for
    from tune_polar.search.make_plan import make_plan
    from tune_polar.store.gold import gold_of
    from tune_polar.store.store import open_store
    from tune_polar.trial.fold_trial import FoldTrial

    changes = dict(map(parse_assignment, arguments.set))
    loaded = load_recipe(arguments.recipe, RecipeOptions(encoder="tiny", changes=changes))
    named = space_for(loaded)
    if named is None:
        raise SystemExit("the recipe must have a search space")
    space = load_space(named, loaded.recipe, loaded.profile)
    source = parse_source(arguments.data, language=arguments.language)
    plan = make_plan(loaded.recipe, loaded.profile, source, space=space, trials=1, seed=seed)
    gold, searched = gold_of(plan.corpus, plan.plans), plan.space or space
    open_store(place).create(plan.manifest("stock"), gold)

    def trial(config: dict[str, Any]) -> None:
        import torch

        from tune_polar.trial.run_fold_trial import run_fold_trial
        from tune_polar.trial.worker_context import TrialContext

        torch.set_num_threads(max(1, (os.cpu_count() or 1) // arguments.slots))
        store = open_store(place)
        context = TrialContext(plan.corpus, plan.plans, store, torch.device("cpu"), 0)
        point = config["point"]
        # No number of its own is needed: order is that of the records' times.
        configuration = Configuration(searched.fill(point), int(time.time()), "sampled", point)
        folds = [run_fold_trial(FoldTrial(configuration.recipe, c, plan.inputs), context) for c in plan.cells]
        read = PredictionsReader(store, gold, plan.cells).read(configuration, folds)
        score = outcome_of(configuration.recipe, gold.splits, read.cells, alternatives_of(searched)).score
        store.put_configuration(configuration)
        for fold in folds:
            store.put_fold(fold)
        tune.report({"score": score})

    ray.init(
        address="local",
        num_cpus=arguments.slots,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    storage = tempfile.mkdtemp()
    try:
        tune.Tuner(
            tune.with_resources(trial, {"cpu": 1}),
            tune_config=tune.TuneConfig(
                search_alg=OptunaSearch(space=Points(searched), metric="score", mode="max", seed=seed),
                metric="score",
                mode="max",
                num_samples=-1,
                time_budget_s=arguments.seconds,
                max_concurrent_trials=arguments.slots,
            ),
            run_config=tune.RunConfig(storage_path=storage, verbose=0),
        ).fit()
    finally:
        ray.shutdown()
        shutil.rmtree(storage, ignore_errors=True)


@dataclass(frozen=True)
class Run:
    """What one arm left."""

    summary: SearchSummary  # of its store; the stock arm's has no published configuration
    reached: Reached
    seconds: float


def words_of(arguments: argparse.Namespace) -> list[str]:
    """What both arms are told alike."""
    words = ["--slots", str(arguments.slots), "--data", arguments.data]
    words += [] if arguments.language is None else ["--language", arguments.language]
    return words + [word for change in arguments.set for word in ("--set", change)]


def run_stock(arguments: argparse.Namespace, seed: int, seconds: float, store: Path) -> Run:
    """The stock arm in a process of its own."""
    words = [sys.executable, __file__, "--arm", str(store), "--recipe", arguments.recipe, "--first-seed", str(seed)]
    return run([*words, *words_of(arguments), "--seconds", str(seconds)], seconds, store)


def run_ours(arguments: argparse.Namespace, seed: int, seconds: float, store: Path) -> Run:
    """``tune-polar search`` in a process of its own."""
    words = [sys.executable, "-c", OURS, "search", arguments.recipe, "--store", str(store), "--seed", str(seed), "-q"]
    words += ["--time", f"{int(seconds)}s", "--racing", arguments.racing, "--floors", "none", *words_of(arguments)]
    words += ["--encoder", "tiny"] + ([] if arguments.trials is None else ["--trials", str(arguments.trials)])
    return run(words, seconds, store)


def run(words: Sequence[str], seconds: float, store: Path) -> Run:
    """Run one arm and read what was whole within its seconds; times are those of its records."""
    from tune_polar.evaluate.summary import summarise
    from tune_polar.store.store import open_store

    began = time.time()
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    took = time.time() - began
    if done.returncode != 0 or not store.exists():
        raise SystemExit(f"{store.name} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    summary = summarise(open_store(store))
    reached = []
    for row in summary.finished:
        ends = [datetime.datetime.fromisoformat(f.provenance.started).timestamp() + f.seconds for f in row.folds]
        if row.scores is not None and max(ends) - began <= seconds:
            reached.append((max(ends) - began, row.scores.score))
    return Run(summary, sorted(reached), took)


def table(ours: Run, stock: Run) -> list[str]:
    """Both arms: folds trained, configurations whole, best score, the same corrected, difference from the published."""
    from tune_polar.evaluate.correction import corrected_best
    from tune_polar.report.difference import cell_difference
    from tune_polar.report.words import CellWords

    published = ours.summary.reference
    lines = [f"  {'':<7}{'folds':>7}{'whole':>7}{'best':>9}{'corrected':>11}  best − published, points (95% interval)"]
    for name, arm in (("ours", ours), ("stock", stock)):
        best, corrected = arm.summary.best, corrected_best(arm.summary)
        said = "none"
        if best is not None and best.scores is not None and published is not None and published.scores is not None:
            words = CellWords(ours.summary.cells)
            difference = cell_difference(best.scores, published.scores, words, ours.summary.metric)
            if best is published:
                said = "the published one"
            elif difference is not None:
                said = f"{difference.text} ({difference.interval})"
        folds = sum(len(row.folds) for row in arm.summary.configurations)
        score = "–" if best is None or best.scores is None else f"{best.scores.score:.4f}"
        value = "–" if isinstance(corrected, str) else f"{corrected.corrected:.4f}"
        lines.append(f"  {name:<7}{folds:>7}{len(arm.summary.finished):>7}{score:>9}{value:>11}  {said}")
    return lines


def best_until(reached: Reached, seconds: float) -> float:
    """The best score that was there by then; NaN before any."""
    had = [score for at, score in reached if at <= seconds]
    return max(had) if had else float("nan")


def first_time(reached: Reached, score: float) -> float:
    """When ``score`` was reached."""
    return min((at for at, had in reached if had >= score), default=float("inf"))


def main() -> int:
    """Run both arms for each seed and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="st3")
    parser.add_argument("--data", default="sample")
    parser.add_argument("--language")
    parser.add_argument("--trials", type=int, help="of ours, which may then end before --seconds")
    parser.add_argument("--seconds", type=float, default=600, help="an arm, at most")
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--racing", default="model")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of the recipe, for both")
    parser.add_argument("--arm", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.arm is not None:
        stock_arm(arguments, arguments.first_seed, arguments.arm.resolve())
        return 0
    ratios = []
    with tempfile.TemporaryDirectory() as place:
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            print(f"seed {seed}", flush=True)
            ours = run_ours(arguments, seed, arguments.seconds, Path(place) / f"ours-{seed}")
            seconds = arguments.seconds if arguments.trials is None else min(arguments.seconds, ours.seconds)
            stock = run_stock(arguments, seed, seconds, Path(place) / f"stock-{seed}")
            print(f"  {'seconds':>9}{'stock':>9}{'ours':>9}")
            for moment in np.linspace(seconds / MOMENTS, seconds, MOMENTS):
                print(
                    f"  {moment:>9.0f}{best_until(stock.reached, moment):>9.4f}{best_until(ours.reached, moment):>9.4f}"
                )
            print("\n".join(table(ours, stock)), flush=True)
            target = min(best_until(stock.reached, seconds), best_until(ours.reached, seconds))
            theirs, own = first_time(stock.reached, target), first_time(ours.reached, target)
            ratios.append(theirs / own)
            print(
                f"  {target:.4f} is reached by stock after {theirs:.0f} s, by ours after {own:.0f} s: "
                f"{ratios[-1]:.2f}×",
                flush=True,
            )
    print(f"ratio stock : ours, median of {len(ratios)} seeds: {np.median(ratios):.2f}×")
    return 0


if __name__ == "__main__":
    sys.exit(main())
