"""The same search twice, with real training: stock Ray Tune with OptunaSearch, and tune-polar.

    python benchmarks/live.py                                   # three seeds, ten minutes an arm: an hour
    python benchmarks/live.py --seconds 120 --seeds 1 --recipe st1

Both get the same sample texts, embedded encoder, search space, slots and seconds; both train a fold by the same code
and score a configuration the same way (cross-fitted, best of the swept decision settings). The stock arm is what its
documentation shows: five folds inside a trial, a process a trial, ``OptunaSearch`` proposing. Printed is the best score
over time for both and, for each seed, how much later the stock arm reaches the lower of the two final scores. Seconds
count from the start of the command, Ray's start included.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

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


def stock_arm(recipe: str, seconds: float, seed: int, slots: int, changes: Sequence[str], out: Path) -> None:
    """Run the stock search; each configuration that is whole becomes a line of ``out``."""
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

    loaded = load_recipe(recipe, RecipeOptions(encoder="tiny", changes=dict(map(parse_assignment, changes))))
    named = space_for(loaded)
    if named is None:
        raise SystemExit("the recipe must have a search space")
    space = load_space(named, loaded.recipe, loaded.profile)
    plan = make_plan(loaded.recipe, loaded.profile, parse_source("sample"), space=space, trials=1, seed=seed)
    gold, searched = gold_of(plan.corpus, plan.plans), plan.space or space

    def trial(config: dict[str, Any]) -> None:
        import torch

        from tune_polar.trial.run_fold_trial import run_fold_trial
        from tune_polar.trial.worker_context import TrialContext

        torch.set_num_threads(max(1, (os.cpu_count() or 1) // slots))
        with contextlib.suppress(FileNotFoundError), tempfile.TemporaryDirectory() as folder:
            store = open_store(folder)
            context = TrialContext(plan.corpus, plan.plans, store, torch.device("cpu"), 0)
            configuration = Configuration(searched.fill(config["point"]), 0, "sampled", config["point"])
            folds = [run_fold_trial(FoldTrial(configuration.recipe, c, plan.inputs), context) for c in plan.cells]
            read = PredictionsReader(store, gold, plan.cells).read(configuration, folds)
            score = outcome_of(configuration.recipe, gold.splits, read.cells, alternatives_of(searched)).score
            tune.report({"score": score, "at": time.time()})

    class Lines(tune.Callback):  # type: ignore[misc]
        def on_trial_result(self, **told: Any) -> None:
            result = told["result"]
            with out.open("a") as lines:
                lines.write(json.dumps([result["at"], result["score"]]) + "\n")

    ray.init(address="local", num_cpus=slots, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    storage = tempfile.mkdtemp()
    try:
        tune.Tuner(
            tune.with_resources(trial, {"cpu": 1}),
            tune_config=tune.TuneConfig(
                search_alg=OptunaSearch(space=Points(searched), metric="score", mode="max", seed=seed),
                metric="score",
                mode="max",
                num_samples=-1,
                time_budget_s=seconds,
                max_concurrent_trials=slots,
            ),
            run_config=tune.RunConfig(storage_path=storage, verbose=0, callbacks=[Lines()]),
        ).fit()
    finally:
        ray.shutdown()
        shutil.rmtree(storage, ignore_errors=True)


def run_stock(arguments: argparse.Namespace, seed: int, folder: Path) -> Reached:
    """The stock arm in a process of its own."""
    out = folder / f"stock-{seed}.jsonl"
    words = [sys.executable, __file__, "--arm", str(out), "--recipe", arguments.recipe, "--seeds", str(seed)]
    words += ["--seconds", str(arguments.seconds), "--slots", str(arguments.slots)]
    words += [word for change in arguments.set for word in ("--set", change)]
    began = time.time()
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if not out.exists():
        raise SystemExit(f"the stock arm finished no configuration in {arguments.seconds:g} s:\n{done.stderr[-3000:]}")
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    return [(at - began, score) for at, score in lines if at - began <= arguments.seconds]


def run_ours(arguments: argparse.Namespace, seed: int, folder: Path) -> Reached:
    """``tune-polar search`` in a process of its own; times are those of its records."""
    from tune_polar.evaluate.summary import summarise
    from tune_polar.store.store import open_store

    store = folder / f"ours-{seed}"
    words = [sys.executable, "-c", OURS, "search", arguments.recipe, "--store", str(store), "--seed", str(seed), "-q"]
    words += ["--time", f"{int(arguments.seconds)}s", "--slots", str(arguments.slots), "--racing", arguments.racing]
    words += [word for change in arguments.set for word in ("--set", change)]
    began = time.time()
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"tune-polar ended with {done.returncode}:\n{done.stderr[-3000:]}")
    summary = summarise(open_store(store), "scores")
    reached = []
    for row in summary.finished:
        ends = [datetime.datetime.fromisoformat(f.provenance.started).timestamp() + f.seconds for f in row.folds]
        if row.scores is not None and max(ends) - began <= arguments.seconds:
            reached.append((max(ends) - began, row.scores.score))
    states = [row.state for row in summary.configurations]
    folds = sum(len(row.folds) for row in summary.configurations)
    print(f"  ours: {folds} folds, " + ", ".join(f"{states.count(s)} {s}" for s in sorted(set(states))), flush=True)
    return sorted(reached)


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
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--racing", default="model")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of the recipe, for both")
    parser.add_argument("--arm", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.arm is not None:
        stock_arm(
            arguments.recipe,
            arguments.seconds,
            arguments.seeds,
            arguments.slots,
            arguments.set,
            arguments.arm.resolve(),
        )
        return 0
    ratios = []
    with tempfile.TemporaryDirectory() as place:
        for seed in range(arguments.seeds):
            print(f"seed {seed}", flush=True)
            stock, ours = (run(arguments, seed, Path(place)) for run in (run_stock, run_ours))
            print(f"  stock: {len(stock)} configurations whole; ours: {len(ours)}")
            print(f"  {'seconds':>9}{'stock':>9}{'ours':>9}")
            for moment in np.linspace(arguments.seconds / MOMENTS, arguments.seconds, MOMENTS):
                print(f"  {moment:>9.0f}{best_until(stock, moment):>9.4f}{best_until(ours, moment):>9.4f}")
            target = min(best_until(stock, arguments.seconds), best_until(ours, arguments.seconds))
            theirs, own = first_time(stock, target), first_time(ours, target)
            ratios.append(theirs / own)
            print(
                f"  {target:.4f} is reached by stock after {theirs:.0f} s, by ours after {own:.0f} s: {ratios[-1]:.2f}×"
            )
    print(f"ratio stock : ours, median of {len(ratios)} seeds: {np.median(ratios):.2f}×")
    return 0


if __name__ == "__main__":
    sys.exit(main())
