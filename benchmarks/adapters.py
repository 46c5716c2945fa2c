"""Adapters against all weights, for the same CPU seconds; a threshold a language against one. On the data of one's own.

    python benchmarks/adapters.py --data polar/ --language eng,tur,pol --encoder FOLDER --seconds 75 -o adapters.json

Both arms train psk-small's classifier on the same folds, each for as many steps as it takes in the same CPU seconds of
one thread (measured first, by a run of about that length on the same rows). What is compared are out-of-fold rows,
settings chosen on the other folds; differences are paired, text by text, within languages.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.source import parse_source
from tune_polar.decide.decision_engine import judge
from tune_polar.decide.graph import Graph
from tune_polar.decide.judgement import Judgement
from tune_polar.evaluate.configuration_predictions import PredictionsReader
from tune_polar.evaluate.outcome import Outcome, outcome_of
from tune_polar.recipe.cells import Cell, cells
from tune_polar.recipe.configuration import Configuration
from tune_polar.recipe.fill import fill
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.search.recipe_data import fold_plans, read_corpus
from tune_polar.store.gold import gold_of
from tune_polar.store.records import Array, FoldRecord
from tune_polar.store.store import Store, open_store
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.run_fold_trial import run_fold_trial
from tune_polar.trial.stage_inputs import inputs_of
from tune_polar.trial.worker_context import TrialContext

STAGE = "classifier"
TRIED_STEPS = 8
ROUNDS = 1000
ARMS: dict[str, dict[str, Any]] = {
    "adapters": {f"{STAGE}.optimizer.lr": 1e-3},
    "all weights": {f"{STAGE}.optimizer.lr": 5e-5, "encoder.adapter": None},
}


def recipe_of(about: argparse.Namespace, arm: str, steps: int) -> Recipe:
    """psk-small on an encoder, evaluated once, at the end of ``steps``."""
    changes = {
        "encoder.pooling": "mean",
        "encoder.max_length_tokens": 64,
        f"{STAGE}.optimizer.max_epochs": None,
        f"{STAGE}.optimizer.max_steps": steps,
        f"{STAGE}.optimizer.eval_every_steps": steps,
        f"{STAGE}.keep": "last",
        f"{STAGE}.batches": {"type": "shuffled", "size": 16},
        "data.extra": None,
        **ARMS[arm],
    }
    return load_recipe("psk-small", RecipeOptions(encoder=about.encoder, changes=changes, folds=about.folds)).recipe


def trained(recipe: Recipe, context: TrialContext, fold: int) -> tuple[float, FoldRecord]:
    """CPU seconds of one thread, and the record."""
    plans = {name: each for name, each in context.plans.items() if isinstance(each, FoldPlan)}
    trial = FoldTrial(recipe, Cell(fold, 42), inputs_of(recipe, context.corpus, plans))
    started = time.process_time()
    record = run_fold_trial(trial, context)
    return time.process_time() - started, record


def judged(recipe: Recipe, context: TrialContext, store: Store, records: list[FoldRecord]) -> Outcome:
    """What a configuration scores, its thresholds chosen for each language and for all."""
    gold, planned = gold_of(context.corpus, dict(context.plans)), cells(recipe, context.plans[STAGE])  # type: ignore[arg-type]
    read = PredictionsReader(store, gold, planned).read(Configuration(recipe, 0, "as given"), records)
    return outcome_of(recipe, gold.splits, read.cells)


def compared(one: Judgement, other: Judgement, rng: np.random.Generator) -> dict[str, object]:
    """Both cross-fitted scores and their paired difference with its 95% interval, rows drawn within groups."""
    metric, gold, groups = one.metric, one.rows.gold, one.rows.groups["language"]
    ours, theirs = one.cross_fitted.decided, other.cross_fitted.decided
    of_group = [np.flatnonzero(groups == each) for each in np.unique(groups)]

    def difference(rows: NDArray[np.int64]) -> float:
        taken = gold.take(rows)
        return metric.score(taken, ours[rows]) - metric.score(taken, theirs[rows])

    drawn = [difference(np.concatenate([rng.choice(each, len(each)) for each in of_group])) for _ in range(ROUNDS)]
    every = np.arange(len(gold))
    low, high = np.percentile(drawn, [2.5, 97.5]).tolist()
    return {
        "scores": [one.cross_fitted.score, other.cross_fitted.score],
        "difference": [difference(every), low, high],
        "by language": {str(each): difference(rows) for each, rows in zip(np.unique(groups), of_group, strict=True)},
    }


def main() -> None:
    """Measure, train, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="sample")
    parser.add_argument("--language")
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument(
        "--seconds", type=float, default=75, help="of training, CPU time of one thread, each arm and fold"
    )
    parser.add_argument("-o", "--out", required=True)
    about = parser.parse_args()
    torch.set_num_threads(1)  # so that CPU seconds are comparable on a machine that others use too
    first = recipe_of(about, "adapters", TRIED_STEPS)
    corpus = read_corpus(first, parse_source(about.data, language=about.language))
    corpus = replace(corpus, splits={"train": corpus.train})
    store = open_store(tempfile.mkdtemp())
    context = TrialContext(corpus, fold_plans(first, corpus), store, torch.device("cpu"), 0.0)
    found: dict[str, Any] = {"rows": len(corpus.train), "folds": about.folds, "seconds": about.seconds, "arms": {}}
    outcomes: dict[str, Outcome] = {}
    for arm in ARMS:
        steps = steps_in(about, arm, context)
        recipe = recipe_of(about, arm, steps)
        ran = [trained(recipe, context, fold) for fold in range(about.folds)]
        outcomes[arm] = judged(recipe, context, store, [record for _, record in ran])
        kept: list[Mapping[str, Array]] = [store.weights(record.stages[STAGE]) or {} for _, record in ran]
        held = max(sum(array.nbytes for array in each.values()) for each in kept)
        found["arms"][arm] = {"steps": steps, "seconds a fold": [seconds for seconds, _ in ran], "bytes a fold": held}
        print(arm, found["arms"][arm], flush=True)
    rng = np.random.default_rng(0)
    own = {arm: outcome.judged.scored for arm, outcome in outcomes.items()}
    found["adapters against all weights"] = compared(own["adapters"], own["all weights"], rng)
    for arm in ARMS:
        node = fill(outcomes_recipe(about, arm), {"decide.polarized.per": None})
        pooled = judged_again(node, outcomes[arm])
        found[f"a threshold a language against one, {arm}"] = compared(own[arm], pooled, rng)
        plain = own[arm].ladder["plain"]
        found[f"0.5, {arm}"] = plain.score
    Path(about.out).write_text(json.dumps(found, indent=1))
    print(json.dumps(found, indent=1))


def outcomes_recipe(about: argparse.Namespace, arm: str) -> Recipe:
    """That an outcome was judged by; how long it was trained decides nothing."""
    return recipe_of(about, arm, TRIED_STEPS)


def judged_again(recipe: Recipe, outcome: Outcome) -> Judgement:
    """The same tables decided by another recipe."""
    steps = recipe.model_dump(mode="json", include={"decide"})["decide"]
    graph = Graph.of(steps, score=recipe.score.of, stages=tuple(recipe.stages))
    return judge(graph, outcome.evidence.tables, outcome.evidence.rows, recipe.score.metric).scored


def steps_in(about: argparse.Namespace, arm: str, context: TrialContext) -> int:
    """How many take the seconds: of training alone, by runs of few steps and of about as many as that will be.

    All are evaluated once, which takes as long. A few steps alone say little where others use the machine too.
    """
    few = trained(recipe_of(about, arm, TRIED_STEPS), context, 0)[0]
    steps = 3 * TRIED_STEPS
    for _ in range(2):
        a_step = (trained(recipe_of(about, arm, steps), context, 0)[0] - few) / (steps - TRIED_STEPS)
        steps = max(2 * TRIED_STEPS, round(about.seconds / max(1e-3, a_step)))
    return steps


if __name__ == "__main__":
    main()
