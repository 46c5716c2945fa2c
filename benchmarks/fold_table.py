"""Trains many configurations on all folds and leaves one row a fold: the table that racing rules are replayed on.

    python benchmarks/fold_table.py train --store /tmp/fold-table            # resumes; --share 0/2 and 1/2 side by side
                                                                             # what the tables hold is not trained again
    python benchmarks/fold_table.py write --store /tmp/fold-table -o benchmarks/tables

120 configurations of `st1` and 120 of `st3` by default, number 0 the published one, the others drawn at random from
the shipped spaces, on POLAR zho with the embedded encoder at its smallest (hidden 32), one torch thread. Configuration
i of `st3` classifies after detector ⌊i/2⌋ of `st1`, so each of those detectors serves two (its FGM radius varies, as in
the space of `st1`). No Ray: the trial code alone. Seconds are CPU seconds of the process.
A table holds scores, curves, seconds and decisions as bits, and no text.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from tune_polar.decide.scores import label_macro_f1
from tune_polar.search.plan import SearchPlan, make_plan
from tune_polar.search.sampler import Sampler
from tune_polar.spec.configuration import Configuration, configuration_id
from tune_polar.spec.data_source import parse_data_source
from tune_polar.spec.fill import fill
from tune_polar.spec.fold_trial import FoldTrial
from tune_polar.spec.recipe import Recipe
from tune_polar.spec.recipe_file import RecipeOptions, load_recipe
from tune_polar.spec.space import Scalar
from tune_polar.spec.space_file import load_space
from tune_polar.store.gold import gold_of
from tune_polar.store.outcome import Decided, outcome_of
from tune_polar.store.predictions_of import ConfigurationPredictions, PredictionsReader
from tune_polar.store.record import FoldRecord, StageRecord
from tune_polar.store.store import Store, open_store
from tune_polar.trial.materials import Materials
from tune_polar.trial.run import run_fold_trial

SEED = 0
# The tables' own settings: what is recorded stays comparable whatever the shipped profile of the encoder becomes.
SETTINGS = {"encoder.tiny.hidden": 32, "detector.eval_every_steps": 75}
CLASSIFIER_SETTINGS = {"classifier.eval_every_steps": 75, "classifier.max_epochs": 6}
DEFAULT_DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "polar"


@dataclass(frozen=True)
class Row:
    """A configuration of one of the two tables."""

    table: str
    number: int
    point: dict[str, Scalar]  # training parameters alone: decisions are swept
    recipe: Recipe
    detector: Recipe  # the configuration of ``st1`` that trains its detector


def plan_of(subtask: str, data: Path) -> SearchPlan:
    """A search of ``subtask`` on POLAR zho with the embedded encoder."""
    changes = SETTINGS if subtask == "st1" else SETTINGS | CLASSIFIER_SETTINGS
    loaded = load_recipe(subtask, RecipeOptions(encoder="tiny", changes=changes))
    space = load_space(loaded.base, loaded.recipe, loaded.profile)
    source = parse_data_source(str(data), language="zho", dev=None, columns={})
    return make_plan(loaded.recipe, loaded.profile, source, space=space, trials=1, seed=SEED)


def rows_of(plans: dict[str, SearchPlan], count: int) -> Iterator[Row]:
    """Both tables' configurations, in the order in which they are trained."""
    detectors: list[dict[str, Scalar]] = []
    for number in range(count):
        detectors.append(_drawn(plans["st1"], number, "detector."))
        own = fill(plans["st1"].recipe, detectors[number])
        yield Row("st1", number, detectors[number], own, own)
        point = _drawn(plans["st3"], number, "classifier.") | detectors[number // 2]
        before = fill(plans["st1"].recipe, detectors[number // 2])
        yield Row("st3", number, point, fill(plans["st3"].recipe, point), before)


def _drawn(plan: SearchPlan, number: int, part: str) -> dict[str, Scalar]:
    """A random point's values of one part; none for the published configuration, or an unchanged detector."""
    if plan.space is None or number == 0:
        return {}
    # A sampler that was told nothing draws at random.
    point = Sampler(plan.space, SEED).ask(number)
    return {key: value for key, value in point.items() if key.startswith(part)}


def train(arguments: argparse.Namespace) -> None:
    """Train what the store lacks, of every configuration whose turn it is in this share."""
    torch.set_num_threads(1)
    share, shares = (int(word) for word in arguments.share.split("/"))
    plans = {name: plan_of(name, arguments.data) for name in ("st1", "st3")}
    store = _opened(arguments.store, plans["st3"])
    plan = plans["st3"]
    materials = Materials(plan.corpus, plan.detector_plan, plan.classifier_plan, store, torch.device("cpu"), 0.0)
    (arguments.store / "cpu_seconds").mkdir(exist_ok=True)
    started = time.monotonic()
    known = {name: _written(arguments.output, name) for name in plans}
    for row in rows_of(plans, arguments.configurations):
        detector = row.number if row.table == "st1" else row.number // 2  # both of its users in its own share
        if detector % shares != share or configuration_id(row.recipe) in set(known[row.table].get("configuration", ())):
            continue
        for fold in range(plan.folds):
            record = _timed(FoldTrial(row.detector, fold, plans["st1"].inputs), materials, arguments.store)
            if row.table == "st3":
                record = _timed(FoldTrial(row.recipe, fold, plan.inputs), materials, arguments.store)
            store.put_fold(record)
        print(f"{row.table} {row.number}: {time.monotonic() - started:.0f} s", flush=True)


def _timed(trial: FoldTrial, materials: Materials, folder: Path) -> FoldRecord:
    """Run a fold trial; where its last stage was trained and not found, leave the CPU seconds that took."""
    before = time.process_time()
    record = run_fold_trial(trial, materials)
    spent = time.process_time() - before
    last = "detector" if record.classifier_key is None else "classifier"
    if last not in record.reused:
        name = folder / "cpu_seconds" / f"{record.classifier_key or record.detector_key}.json"
        name.write_text(json.dumps(spent))
    return record


def write(arguments: argparse.Namespace) -> None:
    """One Parquet file a table, of the configurations that are complete, added to those it holds."""
    plans = {name: plan_of(name, arguments.data) for name in ("st1", "st3")}
    plan = plans["st3"]
    store = open_store(arguments.store)
    reader = PredictionsReader(store, gold_of(plan.corpus, plan.detector_plan, plan.classifier_plan))
    recorded: dict[str, list[FoldRecord]] = {}
    for record in store.folds():
        recorded.setdefault(record.configuration_id, []).append(record)
    lines: dict[str, list[dict[str, object]]] = {"st1": [], "st3": []}
    for row in rows_of(plans, arguments.configurations):
        records = recorded.get(configuration_id(row.recipe), [])
        if len(records) == plan.folds and all(_is_timed(record, arguments.store) for record in records):
            configuration = Configuration(row.recipe, row.number, "sampled", row.point)
            lines[row.table] += _lines(row, reader.read(configuration, records), arguments.store)
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name, found in lines.items():
        path, before = arguments.output / f"{name}.parquet", _written(arguments.output, name)
        table = pd.concat([each for each in (before, pd.DataFrame(found)) if len(each)])
        table = table.drop_duplicates(["configuration", "fold"], keep="first").sort_values(["number", "fold"])
        table.to_parquet(path, compression="zstd", index=False)
        print(f"{path}: {len(table)} folds, {path.stat().st_size / 1e6:.2f} MB")


def _written(folder: Path, name: str) -> pd.DataFrame:
    """The table as it was left, by this machine or another."""
    path = folder / f"{name}.parquet"
    return pd.read_parquet(path) if path.exists() else pd.DataFrame()


def _is_timed(record: FoldRecord, folder: Path) -> bool:
    keys = (record.detector_key, record.classifier_key)
    return all((folder / "cpu_seconds" / f"{key}.json").exists() for key in keys if key is not None)


def _lines(row: Row, predictions: ConfigurationPredictions, folder: Path) -> Iterator[dict[str, object]]:
    outcome = outcome_of(predictions)
    if row.recipe.classifier is None:
        honest = outcome.decisions[0]
        halves, finals = outcome.proposed.fold_scores, {"final": outcome.score}
    else:
        gated = _gold_gated(predictions)
        honest, halves = gated, _at_half(predictions)
        finals = {"final": gated.score, "final_end_to_end": outcome.score}
    starts = np.cumsum([0, *_rows_decided(predictions)])
    for index, fold in enumerate(predictions.folds):
        own = honest.decided[starts[index] : starts[index + 1]]
        scores = fold.record.scores
        yield {
            "table": row.table,
            "configuration": predictions.configuration.id,
            "number": row.number,
            "point": json.dumps(row.point),
            "fold": fold.record.fold,
            **finals,
            "score": honest.fold_scores[index],
            "score_half": halves[index],
            "score_tuned": scores["fold_macro_f1"] if fold.classifier is not None else scores["precision_at_1"],
            **({} if fold.classifier is None else {"score_end_to_end": outcome.best.fold_scores[index]}),
            **_stage("detector", fold.detector, folder),
            **_stage("classifier", fold.classifier, folder),
            "rows_decided": len(own),
            "decided": np.packbits(own.ravel()).tobytes(),
        }


def _gold_gated(predictions: ConfigurationPredictions) -> Decided:
    """The cross-fitted decision on the polarized rows: ST3 as published systems score it on a fold."""
    recipe = fill(predictions.configuration.recipe, {"decision.objective": "gold_gated"})
    configuration = Configuration(recipe, 0, "sampled", {})
    return outcome_of(ConfigurationPredictions(configuration, predictions.folds, predictions.gold)).decisions[0]


def _at_half(predictions: ConfigurationPredictions) -> tuple[float, ...]:
    """Each fold's macro-F1 on its polarized rows with every threshold at 0.5."""
    fold, row, probability = predictions.classifier_rows()
    keep = predictions.target[row] == 1
    gold = predictions.gold.train.matrix(predictions.configuration.recipe.task.labels)[row] == 1
    own = [keep & (fold == number) for number in np.unique(fold)]
    return tuple(label_macro_f1(gold[rows], probability[rows] >= 0.5) for rows in own)


def _rows_decided(predictions: ConfigurationPredictions) -> list[int]:
    validated = [fold.detector.arrays["validation_rows"] for fold in predictions.folds]
    if predictions.configuration.recipe.classifier is None:
        return [len(rows) for rows in validated]
    return [int((predictions.target[rows] == 1).sum()) for rows in validated]


def _stage(name: str, stage: StageRecord | None, folder: Path) -> dict[str, object]:
    if stage is None:
        return {f"{name}_key": None, f"{name}_seconds": np.nan, f"{name}_curve": "[]", f"{name}_total_steps": 0}
    curve = [[p.step, round(p.training_loss, 5), round(p.value, 6)] for p in stage.curve]
    spent = folder / "cpu_seconds" / f"{stage.key}.json"
    return {
        f"{name}_key": stage.key,
        f"{name}_seconds": json.loads(spent.read_text()),
        f"{name}_curve": json.dumps(curve),
        f"{name}_total_steps": stage.steps,
    }


def _opened(folder: Path, plan: SearchPlan) -> Store:
    folder.mkdir(parents=True, exist_ok=True)
    store = open_store(folder)
    if not (folder / "manifest.json").exists():
        command = "python benchmarks/fold_table.py train"
        store.create(plan.manifest(command), gold_of(plan.corpus, plan.detector_plan, plan.classifier_plan))
    return store


def main() -> int:
    """Train or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train", "write"])
    parser.add_argument("--store", type=Path, required=True, help="folder of the records")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="folder with POLAR's train/zho.csv")
    parser.add_argument("--configurations", type=int, default=120, help="of each table (default 120)")
    parser.add_argument("--share", default="0/1", help="I/N: this process trains the I-th of N shares")
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent / "tables")
    arguments = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    (train if arguments.what == "train" else write)(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
