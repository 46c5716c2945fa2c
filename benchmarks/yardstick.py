"""The numbers of every shipped recipe and ablation on the sample, to the last digit: does a change leave them alone?

    python benchmarks/yardstick.py -o before.json                     # on the tree before a change
    python benchmarks/yardstick.py -o after.json --against before.json

Each configuration is trained on all its folds with the embedded encoder, in one process with one thread, and judged:
per stage and fold the best step, the checkpoint metric and a hash of what was predicted; what racing hears of each
fold; scores, (k, τ) and thresholds. With ``--against`` every difference is printed and the exit status is 1 if there is
one. Processors round differently: run both on one machine. ``--only st1`` takes a part, ``--rows`` a smaller sample.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from tune_polar.data.corpus import Corpus
from tune_polar.data.sample import sample_corpus
from tune_polar.spec.configuration import Configuration
from tune_polar.spec.fold_plans import fold_plans
from tune_polar.spec.fold_trial import FoldTrial, Inputs
from tune_polar.spec.recipe import Recipe
from tune_polar.spec.recipe_file import RecipeOptions, load_recipe
from tune_polar.store.gold import gold_of
from tune_polar.store.outcome import deployed_thresholds, outcome_of
from tune_polar.store.predictions_of import PredictionsReader
from tune_polar.store.record import StageRecord
from tune_polar.store.store import Store, open_store
from tune_polar.trial.materials import Materials
from tune_polar.trial.run import run_fold_trial

RECIPES = ("st1", "st2", "st3", "st1-released", "st2-released", "st3-released")
RULES = ("max_f1", "prevalence_match", "min_abs_p_minus_r", "fixed")


def recipes(only: str | None) -> Iterator[tuple[str, Recipe]]:
    """Every shipped recipe with its ablations, named ``st3`` and ``st3/no_fgm``."""
    for name in RECIPES:
        if only is not None and not name.startswith(only):
            continue
        # The sample has no other order than its own.
        loaded = load_recipe(name, RecipeOptions(encoder="tiny", changes={"folds.order": "file"}))
        yield name, loaded.recipe
        if not name.endswith("-released"):
            for ablation, (_, recipe) in loaded.ablations.items():
                yield f"{name}/{ablation}", recipe


def stage_numbers(record: StageRecord) -> list[object]:
    """Best step, its value, steps taken, and a hash of all predictions."""
    digest = hashlib.sha256()
    for name in sorted(record.arrays, key=lambda name: name.replace("dev_", "dev/")):
        digest.update(record.arrays[name].tobytes())
    return [record.best_step, record.best_value, record.steps, digest.hexdigest()[:16]]


def numbers(recipe: Recipe, corpus: Corpus, store: Store) -> dict[str, object]:
    """What one configuration comes to."""
    plans = fold_plans(recipe, corpus)
    materials = Materials(corpus, *plans, store, torch.device("cpu"), 0.0)
    inputs = Inputs(corpus.fingerprint, plans[0].hash, plans[1].hash, "tiny")
    records = [run_fold_trial(FoldTrial(recipe, fold, inputs), materials) for fold in range(plans[0].count)]
    stages: dict[str, list[object]] = {}
    for record in records:
        for stage, key in (("detector", record.detector_key), ("classifier", record.classifier_key)):
            found = None if key is None else store.stage(key)
            if found is not None:
                stages.setdefault(stage, []).append(stage_numbers(found))
    gold = gold_of(corpus, *plans)
    predictions = PredictionsReader(store, gold).read(Configuration(recipe, 0, "published"), records)
    outcome = outcome_of(predictions, RULES if recipe.classifier is not None else ())
    about: dict[str, object] = {
        "stages": stages,
        "raced": [record.scores["race"] for record in records],
        "votes": [outcome.detector.chosen.k, str(outcome.detector.chosen.tau)],
        "votes_cross_fitted": outcome.detector.cross_fitted,
        "votes_fold_tuned": outcome.detector.fold_tuned,
        "votes_inside_folds": outcome.detector.inside_folds,
        "votes_as_written": outcome.detector.published,
        "votes_dev": [outcome.detector.dev_fold_tuned, outcome.detector.dev_oracle],
        "as_written": [outcome.proposed.score, list(outcome.proposed.fold_scores)],
        "decisions": [[d.rule, d.score, list(d.fold_scores), dict(d.per_class)] for d in outcome.decisions],
    }
    if outcome.thresholds is not None:
        about["thresholds"] = {rule: deployed_thresholds(predictions, rule) for rule in RULES}
        about["threshold_ladder"] = [[r.protocol, r.scored_on, r.per_class.tolist()] for r in outcome.thresholds.rows]
    return about


def differences(one: object, other: object, where: str = "") -> Iterator[str]:
    """Where two results differ, each with both values."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            yield from differences(one.get(key), other.get(key), f"{where}/{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for place, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            yield from differences(mine, theirs, f"{where}[{place}]")
    elif one != other:
        yield f"{where}: {one!r} instead of {other!r}"


def main() -> None:
    """Train, judge, write, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, help="write the numbers here")
    parser.add_argument("--against", type=Path, help="numbers of another run to compare with")
    parser.add_argument("--only", help="recipes whose names begin so")
    parser.add_argument("--rows", type=int, help="train rows of the sample; all of them where left out")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    corpus = sample_corpus(0) if chosen.rows is None else sample_corpus(0, rows_train=chosen.rows)
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(folder)
        for name, recipe in recipes(chosen.only):
            found[name] = numbers(recipe, corpus, store)
            print(f"{name}: trained and judged", flush=True)
    if chosen.out is not None:
        chosen.out.write_text(json.dumps(found, indent=1) + "\n")
    if chosen.against is None:
        return
    before = json.loads(chosen.against.read_text())
    # Through JSON and back, as the other side came.
    unlike = list(differences(json.loads(json.dumps(found)), {key: before.get(key) for key in found}))
    print("\n".join(unlike[:50]) if unlike else f"{len(found)} configurations: every number is equal")
    sys.exit(1 if unlike else 0)


if __name__ == "__main__":
    main()
