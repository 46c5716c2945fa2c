r"""The numbers of every shipped recipe and ablation on the sample, to the last digit: does a change leave them alone?

    python benchmarks/yardstick.py -o before.json                     # on the tree before a change
    python benchmarks/yardstick.py -o after.json --against before.json

Each configuration is trained on all its folds with the embedded encoder, in one process with one thread, and judged:
per stage and fold the best step, the checkpoint metric and a hash of what was predicted; what racing hears of each
fold; scores, (k, τ) and thresholds. With ``--against`` every difference is printed and the exit status is 1 if there is
one. Processors round differently: run both on one machine. ``--only st1 st3/no_fgm`` takes these, ``--rows`` a smaller
sample, ``--steps`` so many steps a stage, judged half-way and at their end. The tests' file, in five digits:

    python benchmarks/yardstick.py --only st3 st2-released --rows 300 --steps 40 --short \
        -o tests/benchmarks/yardstick.json
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from tune_polar.data.plans import make_plans
from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.data.table import Corpus
from tune_polar.decide.judgement import Scored
from tune_polar.decide.metrics import metric_named
from tune_polar.decide.votes import VoteRule
from tune_polar.evaluate.configuration_predictions import PredictionsReader
from tune_polar.evaluate.outcome import Outcome, outcome_of
from tune_polar.recipe.cells import cells
from tune_polar.recipe.components.decisions import Threshold
from tune_polar.recipe.configuration import Configuration
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.store.gold import gold_of
from tune_polar.store.records import StageRecord
from tune_polar.store.store import Store, open_store
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.run_fold_trial import run_fold_trial
from tune_polar.trial.stage_inputs import inputs_of
from tune_polar.trial.worker_context import TrialContext

RECIPES = ("st1", "st2", "st3", "st1-released", "st2-released", "st3-released")
RULES = ("max_f1", "prevalence_match", "min_abs_p_minus_r", "fixed")


def recipes(only: Sequence[str], steps: int | None = None) -> Iterator[tuple[str, Recipe]]:
    """Those named ``st3`` or ``st3/no_fgm`` in ``only``, where it is empty all; ``steps``: of every stage, at most."""
    for name in RECIPES:
        # The sample has no other order than its own.
        changes: dict[str, object] = {"folds.order": "file"}
        if steps is not None:
            for stage in ("detector",) if name.startswith("st1") else ("detector", "classifier"):
                changes[f"{stage}.optimizer.max_steps"] = steps
                changes[f"{stage}.optimizer.eval_every_steps"] = max(1, steps // 2)
        loaded = load_recipe(name, RecipeOptions(encoder="tiny", changes=changes))
        found = {name: loaded.recipe}
        if not name.endswith("-released"):
            found |= {f"{name}/{ablation}": recipe for ablation, (_, recipe) in loaded.ablations.items()}
        yield from ((each, recipe) for each, recipe in found.items() if not only or each in only)


def stage_numbers(record: StageRecord) -> list[object]:
    """Best step, its value, steps taken, and a hash of what was predicted for dev and validation."""
    digest = hashlib.sha256()
    centers = [name for name in record.arrays if name.startswith("extra/")]
    tables = [f"{split}/{record.predicts}" for split in ("dev", "validation") if split in record.splits]
    for name in (*centers, *tables, "validation/rows"):
        digest.update(record.arrays[name].tobytes())
    return [record.best_step, record.best_value, record.steps, digest.hexdigest()[:16]]


def numbers(recipe: Recipe, corpus: Corpus, store: Store) -> dict[str, object]:
    """What one configuration comes to."""
    plans = make_plans(
        recipe.folds.name,
        corpus,
        stages={name: dict(stage.rows) for name, stage in recipe.stages.items()},
        targets={name: stage.columns for name, stage in recipe.stages.items()},
        strata=recipe.data.strata,
        **recipe.folds.model_dump(exclude={"order"}),
    )
    context = TrialContext(corpus, plans, store, torch.device("cpu"), 0.0)
    inputs, planned = inputs_of(recipe, corpus, plans), cells(recipe, next(iter(plans.values())))
    records = [run_fold_trial(FoldTrial(recipe, cell, inputs), context) for cell in planned]
    stages: dict[str, list[object]] = {}
    for record in records:
        for stage, key in record.stages.items():
            found = store.stage(key)
            if found is not None:
                stages.setdefault(stage, []).append(stage_numbers(found))
    gold = gold_of(corpus, plans)
    predictions = PredictionsReader(store, gold, planned).read(Configuration(recipe, 0, "published"), records)
    thresholds = next(((name, step) for name, step in recipe.decide.items() if isinstance(step, Threshold)), None)
    alternatives = {} if thresholds is None else {f"decide.{thresholds[0]}.rule": RULES}
    outcome = outcome_of(recipe, gold.splits, predictions.cells, alternatives)
    votes = outcome.decisions["vote"]
    chosen = votes.deployed["vote"]
    assert isinstance(chosen, VoteRule)  # noqa: S101 (the decision is a vote)
    about: dict[str, object] = {
        "stages": stages,
        "raced": [record.scores["race"] for record in records],
        "votes": [chosen.k, str(chosen.tau)],
        "votes_cross_fitted": votes.cross_fitted.score,
        "votes_fold_tuned": votes.ladder["fold_tuned"].score,
        "votes_inside_folds": votes.ladder["inside_folds"].score,
        "votes_as_written": votes.ladder["as_written"].score,
        "votes_dev": [votes.splits["dev"]["fold_tuned"].score, votes.splits["dev"]["oracle"].score],
        "as_written": [outcome.proposed.score, list(outcome.proposed.cell_scores)],
        "decisions": sorted(_decisions(outcome, thresholds), key=str),
    }
    if thresholds is not None:
        name, step = thresholds
        about["thresholds"] = {
            each.changes.get(f"{name}.rule", step.rule): dict(each.deployed[name].written()["at"])
            for each in outcome.alternatives
        }
        about["threshold_ladder"] = _ladder(outcome, name)
    return about


def _decisions(outcome: Outcome, thresholds: tuple[str, Threshold] | None) -> Iterator[list[object]]:
    """Rule, score, scores by fold and F1 by column of every alternative."""
    judged = outcome.judged.scored
    for each in outcome.alternatives:
        rule = "" if thresholds is None else each.changes.get(f"{thresholds[0]}.rule", thresholds[1].rule)
        f1 = metric_named("positive_f1").per_column(judged.rows.gold, each.scored.decided)
        names = judged.rows.gold.names
        yield [rule, each.scored.score, list(each.scored.cell_scores), dict(zip(names, f1.tolist(), strict=True))]


def _ladder(outcome: Outcome, name: str) -> list[list[object]]:
    """Where thresholds were chosen, on which rows they are scored, and F1 by column."""
    judged = outcome.decisions[name]
    rungs: list[tuple[str, str, Scored]] = [("oracle", "dev", judged.splits["dev"]["oracle"])]
    rungs += [(rung, "oof", judged.ladder[rung]) for rung in ("inside_folds", "fold_tuned", "cross_fitted", "plain")]
    rungs += [(rung, "dev", judged.splits["dev"][rung]) for rung in ("fold_tuned", "plain")]
    words = {"plain": "fixed_half"}
    return [[words.get(rung, rung), split, scored.per_column.tolist()] for rung, split, scored in rungs]


def short(found: Any) -> Any:
    """Numbers in five digits; of the results of a configuration, stages without hashes, decisions by their rule."""
    if isinstance(found, dict):
        plain = {key: short(value) for key, value in found.items()}
        if "stages" in found:
            plain["stages"] = {name: [each[:3] for each in folds] for name, folds in plain["stages"].items()}
            plain["decisions"] = {rule: rest for rule, *rest in plain["decisions"]}
        return plain
    if isinstance(found, list | tuple):
        return [short(each) for each in found]
    return float(f"{found:.5g}") if isinstance(found, float) else found


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
    parser.add_argument("--only", nargs="+", default=(), metavar="NAME", help="these and no others")
    parser.add_argument("--rows", type=int, help="train rows of the sample; all of them where left out")
    parser.add_argument("--steps", type=int, help="of every stage; as many as its recipe says where left out")
    parser.add_argument("--short", action="store_true", help="five digits and no hashes, as the tests' file has them")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    corpus = sample_corpus(0) if chosen.rows is None else sample_corpus(0, rows_train=chosen.rows)
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(folder)
        for name, recipe in recipes(chosen.only, chosen.steps):
            found[name] = numbers(recipe, corpus, store)
            print(f"{name}: trained and judged", flush=True)
    if chosen.out is not None:
        text = json.dumps(short(found)) if chosen.short else json.dumps(found, indent=1)
        chosen.out.write_text(text + "\n")
    if chosen.against is None:
        return
    before = json.loads(chosen.against.read_text())
    for each in before.values():
        each["decisions"] = sorted(each["decisions"], key=str)
    # Through JSON and back, as the other side came.
    unlike = list(differences(json.loads(json.dumps(found)), {key: before.get(key) for key in found}))
    print("\n".join(unlike[:50]) if unlike else f"{len(found)} configurations: every number is equal")
    sys.exit(1 if unlike else 0)


if __name__ == "__main__":
    main()
