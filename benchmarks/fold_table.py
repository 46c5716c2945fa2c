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

from tune_polar.data.source import parse_source
from tune_polar.decide.judgement import Judgement
from tune_polar.evaluate.configuration_predictions import CellPredictions, ConfigurationPredictions, PredictionsReader
from tune_polar.evaluate.outcome import outcome_of
from tune_polar.recipe.configuration import Configuration, configuration_id
from tune_polar.recipe.fill import fill
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.recipe.space import Scalar
from tune_polar.recipe.space_file import load_space
from tune_polar.search.make_plan import make_plan
from tune_polar.search.optuna.sampler import Sampler
from tune_polar.search.search_plan import SearchPlan
from tune_polar.store.gold import gold_of
from tune_polar.store.records import FoldRecord
from tune_polar.store.store import Store, open_store
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.run_fold_trial import run_fold_trial
from tune_polar.trial.worker_context import TrialContext

SEED = 0
# The tables' own settings: what is recorded stays comparable whatever the shipped profile of the encoder becomes.
SETTINGS = {"encoder.tiny.hidden": 32, "detector.optimizer.eval_every_steps": 75}
CLASSIFIER_SETTINGS = {"classifier.optimizer.eval_every_steps": 75, "classifier.optimizer.max_epochs": 6.0}
STAGES = ("detector", "classifier")
HONEST = {"st1": "vote", "st3": "manifestations"}  # the decision whose decided rows a table keeps
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
    space = load_space(subtask, loaded.recipe, loaded.profile)
    source = parse_source(str(data), language="zho")
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
    context = TrialContext(plan.corpus, plan.plans, store, torch.device("cpu"), 0.0)
    (arguments.store / "cpu_seconds").mkdir(exist_ok=True)
    started = time.monotonic()
    known = {name: _written(arguments.output, name) for name in plans}
    for row in rows_of(plans, arguments.configurations):
        detector = row.number if row.table == "st1" else row.number // 2  # both of its users in its own share
        if detector % shares != share or configuration_id(row.recipe) in set(known[row.table].get("configuration", ())):
            continue
        for cell in plan.cells:
            record = _timed(FoldTrial(row.detector, cell, plans["st1"].inputs), context, arguments.store)
            if row.table == "st3":
                record = _timed(FoldTrial(row.recipe, cell, plan.inputs_for(row.recipe)), context, arguments.store)
            store.put_fold(record)
        print(f"{row.table} {row.number}: {time.monotonic() - started:.0f} s", flush=True)


def _timed(trial: FoldTrial, context: TrialContext, folder: Path) -> FoldRecord:
    """Run a fold trial; where its last stage was trained and not found, leave the CPU seconds that took."""
    before = time.process_time()
    record = run_fold_trial(trial, context)
    spent = time.process_time() - before
    *_, last = record.stages
    if last not in record.reused:
        (folder / "cpu_seconds" / f"{record.stages[last]}.json").write_text(json.dumps(spent))
    return record


def write(arguments: argparse.Namespace) -> None:
    """One Parquet file a table, of the configurations that are complete, added to those it holds."""
    plans = {name: plan_of(name, arguments.data) for name in ("st1", "st3")}
    plan = plans["st3"]
    store = open_store(arguments.store)
    reader = PredictionsReader(store, gold_of(plan.corpus, plan.plans), plan.cells)
    recorded: dict[str, list[FoldRecord]] = {}
    for record in store.folds():
        recorded.setdefault(record.configuration_id, []).append(record)
    lines: dict[str, list[dict[str, object]]] = {"st1": [], "st3": []}
    for row in rows_of(plans, arguments.configurations):
        records = recorded.get(configuration_id(row.recipe), [])
        if len(records) == len(plan.cells) and all(_is_timed(record, arguments.store) for record in records):
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
    return all((folder / "cpu_seconds" / f"{key}.json").exists() for key in record.stages.values())


def _lines(row: Row, predictions: ConfigurationPredictions, folder: Path) -> Iterator[dict[str, object]]:
    outcome = outcome_of(predictions.configuration.recipe, predictions.gold.splits, predictions.cells)
    honest = outcome.decisions[HONEST[row.table]]
    # Of ST1 what the recipe's own (k, τ) score; of ST3 thresholds of ½, on the polarized rows.
    halves = honest.ladder["as_written" if row.table == "st1" else "plain"].cell_scores
    finals = {"final": honest.cross_fitted.score}
    if row.table == "st3":
        finals["final_end_to_end"] = outcome.score
    for place, cell in enumerate(predictions.cells):
        own = _decided(honest, cell)
        kept = [value for name, value in cell.record.scores.items() if name.startswith(f"{list(cell.stages)[-1]}.")]
        yield {
            "table": row.table,
            "configuration": predictions.configuration.id,
            "number": row.number,
            "point": json.dumps(row.point),
            "fold": cell.fold,
            **finals,
            "score": honest.cross_fitted.cell_scores[place],
            "score_half": halves[place],
            "score_tuned": kept[0],
            **({"score_end_to_end": outcome.best.scored.cell_scores[place]} if row.table == "st3" else {}),
            **{key: value for name in STAGES for key, value in _stage(name, cell, folder).items()},
            "rows_decided": len(own),
            "decided": np.packbits(own.ravel()).tobytes(),
        }


def _decided(judgement: Judgement, cell: CellPredictions) -> np.ndarray:
    """What was decided, cross-fitted, of the rows that a cell held out and that are judged."""
    return np.asarray(judgement.cross_fitted.decided[judgement.rows.part == cell.fold], dtype=np.bool_)


def _stage(name: str, cell: CellPredictions, folder: Path) -> dict[str, object]:
    stage = cell.stages.get(name)
    if stage is None:
        return {f"{name}_key": None, f"{name}_seconds": np.nan, f"{name}_curve": "[]", f"{name}_total_steps": 0}
    curve = [[p.step, round(p.training_loss, 5), round(p.value, 6)] for p in stage.curve]
    spent = folder / "cpu_seconds" / f"{stage.key}.json"
    return {
        f"{name}_key": stage.key,
        f"{name}_seconds": json.loads(spent.read_text()),
        f"{name}_curve": json.dumps(curve),
        f"{name}_total_steps": stage.total_steps,
    }


def _opened(folder: Path, plan: SearchPlan) -> Store:
    folder.mkdir(parents=True, exist_ok=True)
    store = open_store(folder)
    if not (folder / "manifest.json").exists():
        command = "python benchmarks/fold_table.py train"
        store.create(plan.manifest(command), gold_of(plan.corpus, plan.plans))
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
