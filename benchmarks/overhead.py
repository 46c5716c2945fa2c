"""What a slot does between two folds: stock Ray Tune with a process a trial, and tune-polar.

    python benchmarks/overhead.py                     # the sample, st3, two slots: about five minutes
    python benchmarks/overhead.py --configurations 8

Both train the same folds of the same configurations by the same code and write what they trained to a store; the stock
arm is what its documentation shows: a function trainable, ``OptunaSearch`` proposing, a process a trial. Printed are,
for each arm and over all pairs of successive folds on one slot:

- hand-over: from the end of a fold trial (its record written) to the beginning of the next one: the engine's own time;
- step to step: from a fold's last optimizer step to the next one's first, with the last predictions and the encoder's
  start in it;
- training: the share of each slot's time, from its first fold's beginning to its last fold's end, spent in steps,
  evaluations and predictions;
- seconds from the command to the first optimizer step.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

FOLDS = 5


@dataclass(frozen=True)
class Marks:
    """Moments of one fold trial, in seconds since the epoch."""

    began: float
    first_step: float
    last_step: float
    ended: float
    training: float  # seconds in steps, evaluations and predictions of all stages


def marked(steps: Generator[Any, None, Any], out: Path) -> Generator[Any, None, Any]:
    """Pass a fold trial's steps on and leave its moments in ``out``, one line a fold."""
    began, first, last = time.time(), 0.0, 0.0
    stage, entered, training, seen = "", 0.0, 0.0, 0
    while True:
        try:
            progress = next(steps)
        except StopIteration as stop:
            ended = time.time()
            line = json.dumps([began, first, last, ended, training])
            with out.open("a") as lines:  # one short write: whole lines, whoever else writes
                lines.write(line + "\n")
            return stop.value
        except GeneratorExit:
            steps.close()
            raise
        now = time.time()
        if progress.stage != stage:
            stage, entered, seen = progress.stage, now, 0
        training += now - entered
        entered = now
        if progress.step > seen:  # not an evaluation
            seen, last = progress.step, now
            first = first or now
        yield progress


def ours(out: Path, store: Path, configurations: int, slots: int, seed: int) -> None:
    """`tune-polar search`, its worker leaving its moments."""
    from tune_polar.cli.main import main as command
    from tune_polar.search.ray import tuner
    from tune_polar.search.ray.trainable import FoldTrainable

    class Timed(FoldTrainable):
        def setup(self, config: dict[str, Any], worker: Any) -> None:
            from tune_polar.search.ray.fold_runner import FoldRunner

            run = FoldRunner._run
            setattr(FoldRunner, "_run", lambda runner: marked(run(runner), out))  # noqa: B010 (mypy knows no patches)
            super().setup(config, worker)

    setattr(tuner, "FoldTrainable", Timed)  # noqa: B010
    sys.argv = ["tune-polar", "search", "st3", "--store", str(store), "--trials", str(configurations), "-q"]
    sys.argv += ["--slots", str(slots), "--seed", str(seed), "--racing", "none"]
    command()


def stock(out: Path, store: Path, configurations: int, slots: int, seed: int) -> None:
    """Ray Tune as documented, with one fold a trial so that there are as many hand-overs."""
    import logging

    import ray
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    from tune_polar.data.source import parse_source
    from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
    from tune_polar.recipe.space_file import load_space
    from tune_polar.search.make_plan import make_plan
    from tune_polar.store.gold import gold_of
    from tune_polar.store.store import open_store
    from tune_polar.trial.fold_trial import FoldTrial

    loaded = load_recipe("st3", RecipeOptions(encoder="tiny"))
    space = load_space("st3", loaded.recipe, loaded.profile)
    plan = make_plan(
        loaded.recipe, loaded.profile, parse_source("sample"), space=space, trials=configurations, seed=seed
    )
    open_store(store).create(plan.manifest("overhead"), gold_of(plan.corpus, plan.plans))

    def trial(config: dict[str, Any]) -> None:
        import torch

        from tune_polar.trial.run_fold_trial import fold_trial_steps
        from tune_polar.trial.worker_context import TrialContext

        torch.set_num_threads(max(1, (os.cpu_count() or 1) // slots))
        opened = open_store(store)
        context = TrialContext(plan.corpus, plan.plans, opened, torch.device("cpu"))
        one = FoldTrial(space.fill(config["point"]), plan.cells[config["cell"]], plan.inputs)
        steps = marked(fold_trial_steps(one, context), out)
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                opened.put_fold(stop.value)
                tune.report({"score": stop.value.scores["race"]})
                return

    ray.init(address="local", num_cpus=slots, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    with tempfile.TemporaryDirectory() as storage:
        tune.Tuner(
            tune.with_resources(trial, {"cpu": 1}),
            tune_config=tune.TuneConfig(
                search_alg=OptunaSearch(space=Asked(space), metric="score", mode="max", seed=seed),
                metric="score",
                mode="max",
                num_samples=configurations * FOLDS,
                max_concurrent_trials=slots,
            ),
            run_config=tune.RunConfig(storage_path=storage, verbose=0),
        ).fit()
        ray.shutdown()


@dataclass(frozen=True)
class Asked:
    """The space as OptunaSearch asks it, a cell beside it; of the module, since Tune pickles the searcher."""

    space: Any

    def __call__(self, asked: Any) -> dict[str, Any]:
        """A point of the space, and a cell."""
        from tune_polar.search.optuna.sampler import Asking

        return {"point": self.space.suggest(Asking(asked)), "cell": asked.suggest_int("cell", 0, FOLDS - 1)}


def by_slot(marks: Sequence[Marks]) -> list[list[Marks]]:
    """Fold trials in the order of each slot: one that begins takes the slot that was left last, if any is free."""
    slots: list[list[Marks]] = []
    for each in sorted(marks, key=lambda m: m.began):
        free = [slot for slot in slots if slot[-1].ended <= each.began]
        if free:
            max(free, key=lambda slot: slot[-1].ended).append(each)
        else:
            slots.append([each])
    return slots


@dataclass(frozen=True)
class Measured:
    """One arm."""

    hand_over: float  # seconds, median
    hand_over_p90: float
    step_to_step: float
    fold: float
    training_share: float
    to_first_step: float


def measured(marks: Sequence[Marks], started: float) -> Measured:
    """What the moments of one arm say."""
    slots = by_slot(marks)
    pairs = [pair for slot in slots for pair in itertools.pairwise(slot)]
    hand_overs = [after.began - before.ended for before, after in pairs]
    return Measured(
        float(np.median(hand_overs)),
        float(np.quantile(hand_overs, 0.9)),
        float(np.median([after.first_step - before.last_step for before, after in pairs])),
        float(np.median([m.ended - m.began for m in marks])),
        sum(m.training for m in marks) / sum(slot[-1].ended - slot[0].began for slot in slots),
        min(m.first_step for m in marks) - started,
    )


def main() -> int:
    """Run both arms, each in a process of its own, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configurations", type=int, default=4, help="five folds each")
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--arm", choices=("stock", "ours"), help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.arm is not None:
        run = {"stock": stock, "ours": ours}[arguments.arm]
        place = arguments.place
        run(place / "marks.jsonl", place / "store", arguments.configurations, arguments.slots, arguments.seed)
        return 0
    found = {}
    for arm in ("stock", "ours"):
        with tempfile.TemporaryDirectory() as folder:
            began = time.time()
            done = subprocess.run(
                [sys.executable, __file__, "--arm", arm, "--place", folder, *sys.argv[1:]],
                check=False,
                capture_output=True,
                text=True,
            )
            lines = Path(folder) / "marks.jsonl"
            if done.returncode != 0 or not lines.exists():
                raise SystemExit(f"{arm} ended with {done.returncode}:\n{done.stdout[-1000:]}{done.stderr[-3000:]}")
            marks = [Marks(*json.loads(line)) for line in lines.read_text().splitlines()]
        found[arm] = measured(marks, began)
        print(f"{arm}: {len(marks)} folds in {time.time() - began:.0f} s", flush=True)
    print(f"{'':<26}{'stock':>10}{'ours':>10}")
    rows = [
        ("hand-over, median ms", "hand_over", 1000.0),
        ("hand-over, p90 ms", "hand_over_p90", 1000.0),
        ("step to step, median ms", "step_to_step", 1000.0),
        ("a fold, median s", "fold", 1.0),
        ("in training, %", "training_share", 100.0),
        ("command to first step, s", "to_first_step", 1.0),
    ]
    for name, key, scale in rows:
        values = [getattr(found[arm], key) * scale for arm in ("stock", "ours")]
        print(f"{name:<26}{values[0]:>10.1f}{values[1]:>10.1f}")
    theirs, own = found["stock"], found["ours"]
    print(
        f"ratio stock : ours, hand-over {theirs.hand_over / own.hand_over:.0f}×, "
        f"step to step {theirs.step_to_step / own.step_to_step:.1f}×"
    )
    print(
        "targets: hand-over at most 20 ms, at least 100× less than stock; 95% in training; first step within 12 s: "
        + (
            "met"
            if own.hand_over <= 0.02
            and theirs.hand_over / own.hand_over >= 100
            and own.training_share >= 0.95
            and own.to_first_step <= 12
            else "missed"
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
