"""How often a stage is evaluated: what it costs, and what the kept weights score.

    python benchmarks/evaluations.py                 # two minutes on one core
    python benchmarks/evaluations.py --seeds 3

The recipe `classifier` learns the sample's label `polarization` on folds of three kinds: few rows, many rows in one of
five folds, and many rows of which few are validated. Each is trained with an evaluation every 50 steps, with one an
epoch, with as many rows evaluated as trained, and by the rule in force (`eval_every_steps: null`, decision 43).
Printed are CPU seconds of one thread, steps taken (patience may end training), the value that chose the checkpoint and,
of rows that played no part, macro-F1 at 0.5.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import mean

import torch

from tune_polar.data.plans import FoldPlan
from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.data.table import Corpus
from tune_polar.decide.metrics import metric_named
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.recipe.template import Target
from tune_polar.search.recipe_data import fold_plans
from tune_polar.store.store import open_store
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.run_fold_trial import run_fold_trial
from tune_polar.trial.stage_inputs import inputs_of
from tune_polar.trial.targets import Targets
from tune_polar.trial.worker_context import TrialContext

STAGE = "model"
BATCH = 16
FIVE = {"plan": "stratified", "count": 5}


@dataclass(frozen=True)
class Size:
    """Of the data, and how they are split."""

    name: str
    rows: int
    folds: Mapping[str, object]


SIZES = (
    Size("few rows", 1_000, FIVE),
    Size("many rows", 8_000, FIVE),
    Size("many rows, few validated", 8_000, {"plan": "holdout", "share": 0.02}),
)


@dataclass(frozen=True)
class Found:
    """Of one fold."""

    seconds: float
    steps: int
    evaluations: int
    kept: float  # the value that chose the checkpoint
    test: float


def recipe_for(size: Size, every: int | None, seed: int) -> Recipe:
    """The recipe with an interval; None: the rule in force."""
    changes: dict[str, object] = {
        "folds": size.folds,
        "seeds": [seed],
        "encoder.tiny.hidden": 32,
        "encoder.max_length_tokens": 64,
        f"{STAGE}.batches.size": BATCH,
        f"{STAGE}.optimizer.eval_every_steps": every,
    }
    options = RecipeOptions(encoder="tiny", changes=changes, targets=(Target("polarization", "label"),))
    return load_recipe("classifier", options).recipe


def rivals(plan: FoldPlan) -> Iterator[tuple[str, int | None]]:
    """Name and interval of each."""
    trained, validated = len(plan.training_rows(0)), len(plan.validation_rows(0))
    yield "every 50 steps", 50
    yield "once an epoch", math.ceil(trained / BATCH)
    yield "50 or as trained", max(50, math.ceil(validated / BATCH))
    yield "the rule", None


def trained(recipe: Recipe, corpus: Corpus, plans: Mapping[str, FoldPlan]) -> Found:
    """Train the first fold."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(folder)
        context = TrialContext(corpus, plans, store, torch.device("cpu"), 0.0)
        trial = FoldTrial(recipe, Cell(0, recipe.seeds[0]), inputs_of(recipe, corpus, plans))
        began = time.process_time()
        record = store.stage(run_fold_trial(trial, context).stages[STAGE])
        seconds = time.process_time() - began
    if record is None:
        raise RuntimeError("the stage left no record")
    gold = Targets.of(recipe.stages[STAGE].task, corpus.splits["test"]).gold(record.rows("test"))
    decided = (record.table("test") >= 0.5).astype("int64")
    test = metric_named("macro_f1").score(gold, decided)
    return Found(seconds, record.steps, len(record.curve), record.best_value, test)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(1)  # so that CPU seconds are comparable on a machine that others use too
    for size in SIZES:
        corpus = sample_corpus(rows_train=size.rows, rows_dev=0, rows_test=2_000)
        plans = fold_plans(recipe_for(size, None, 0), corpus)
        plan = plans[STAGE]
        print(f"{size.name}: {len(plan.training_rows(0)):,} trained, {len(plan.validation_rows(0)):,} validated")
        for name, every in rivals(plan):
            found = [trained(recipe_for(size, every, seed), corpus, plans) for seed in range(chosen.seeds)]
            print(
                f"  {name:<17} {mean(each.seconds for each in found):6.1f} s, "
                f"{mean(each.steps for each in found):6.0f} steps, "
                f"{mean(each.evaluations for each in found):5.1f} evaluations, "
                f"kept {mean(each.kept for each in found):.3f}, test {mean(each.test for each in found):.3f}"
            )


if __name__ == "__main__":
    main()
