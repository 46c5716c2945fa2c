"""Seconds that `status` and the rebuilding of a resumed search take on a store of many configurations.

    python benchmarks/store_scale.py                       # 10,000 configurations × 5 folds, one core
    python benchmarks/store_scale.py --configurations 500  # a quick look
    python benchmarks/store_scale.py --profile             # also what dominates, by function

Records are synthetic, as large as the sample corpus makes them (1,000 rows; K = 200 neighbours; six labels), each
configuration with stages of its own. `cold` derives scores from the stored predictions, as happens once where
`derived/` was deleted; it is timed on a few configurations. `warm` finds the scores that the search left in `derived/`
when the configurations finished; the benchmark writes them there by the same code, with random values. Exits with
status 1 where a warm figure misses its target (status 10 s, resume 60 s).
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import typer.testing

from tune_polar.cli.main import app
from tune_polar.data.source import parse_source
from tune_polar.evaluate.configuration_predictions import PredictionsReader
from tune_polar.evaluate.configuration_scores import AlternativeScores, Scores, StoredScores
from tune_polar.evaluate.manifest_facts import alternatives_of
from tune_polar.evaluate.outcome import outcome_of
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import Configuration
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.recipe.space_file import load_space
from tune_polar.search.make_plan import make_plan
from tune_polar.search.optuna.sampler import Sampler
from tune_polar.search.prepared_search import PreparedSearch
from tune_polar.search.resources.slots import slots_of_this_machine
from tune_polar.search.search_plan import SearchPlan
from tune_polar.store.codec import encode_arrays, encode_json
from tune_polar.store.gold import gold_of
from tune_polar.store.records import Array, CurvePoint, FoldRecord, Provenance, StageRecord
from tune_polar.store.store import Store, open_store
from tune_polar.trial.fold_trial import FoldTrial

WIDTH, COLD_CONFIGURATIONS = 200, 20
STATUS_SECONDS, RESUME_SECONDS = 10.0, 60.0
PROVENANCE = Provenance("lab-1", 7, "cpu (x86_64)", "2026-01-02T03:04:05+00:00", {"python": "3.11.7", "torch": "2.13"})
CURVE = tuple(CurvePoint(step, 1.0 / step, 0.5) for step in range(10, 110, 10))


def plan_of_sample(trials: int) -> SearchPlan:
    """A search of st3 on the sample corpus."""
    loaded = load_recipe("st3", RecipeOptions(encoder="tiny"))
    space = load_space("st3", loaded.recipe, loaded.profile)
    return make_plan(loaded.recipe, loaded.profile, parse_source("sample"), space=space, trials=trials, seed=0)


def fill(store: Store, folder: Path, plan: SearchPlan, count: int) -> None:
    """Write records as a search would, without its fsyncs."""
    rng = np.random.default_rng(0)
    store.create(plan.manifest("benchmark"), gold_of(plan.corpus, plan.plans))
    for name in ("configurations", "folds", "stages"):
        (folder / name).mkdir()
    assert plan.space is not None  # noqa: S101 (a search of a space was planned)
    sampler = Sampler(plan.space, 0)
    known: set[str] = set()
    for number in range(count):
        configuration = Configuration(plan.recipe, 0, "published", plan.space.published() or {})
        while number and (configuration.number != number or configuration.id in known):
            point = sampler.ask(number, repeat=len(known) + 10)  # beyond the repeats that follow a model: by chance
            configuration = Configuration(plan.space.fill(point), number, "sampled", point)
        known.add(configuration.id)
        (folder / f"configurations/{configuration.id}.json").write_bytes(encode_json(configuration.to_json()))
        for cell in plan.cells:
            record = _fold(folder, plan, configuration.recipe, cell, rng)
            (folder / f"folds/{record.id}.json").write_bytes(encode_json(record.to_json()))


def _fold(folder: Path, plan: SearchPlan, recipe: Recipe, cell: Cell, rng: np.random.Generator) -> FoldRecord:
    """A cell's record, its stages written."""
    trial = FoldTrial(recipe, cell, plan.inputs_for(recipe))
    keys: dict[str, str] = {}
    for name, stage in recipe.stages.items():
        start = None if stage.start is None else keys[stage.start.stage]
        keys[name] = trial.stage_key(name, start)
        rows = plan.plans[name].validation_rows(cell.fold)
        gold = plan.corpus.train.matrix(stage.columns)[rows]
        table: Array
        if stage.predicts == "neighbours":
            table = (rng.random((len(rows), WIDTH), dtype=np.float32) < 0.4 + 0.2 * gold).astype(np.uint8)
        else:
            table = np.clip(0.3 * gold + 0.7 * rng.random(gold.shape), 0, 1).astype(np.float32)
        path = folder / f"stages/{keys[name]}.safetensors"
        if not path.exists():
            record = StageRecord(
                key=keys[name],
                stage=name,
                fold=cell.fold,
                seed=cell.seed,
                predicts=stage.predicts,
                keep=stage.keep,
                start=start,
                best_step=50,
                best_value=0.5,
                steps=100,
                total_steps=100,
                epoch_steps=1,
                stopped="last_step",
                curve=CURVE,
                seconds=9.0,
                peak_memory_bytes=None,
                provenance=PROVENANCE,
                arrays={"validation/rows": rows.astype(np.int32), f"validation/{stage.predicts}": table},
            )
            path.write_bytes(encode_arrays(record.header(), record.arrays))
    return FoldRecord(trial.configuration_id, cell.fold, cell.seed, keys, (), {"race": 0.5}, 9.0, PROVENANCE)


def keep_scores(store: Store, plan: SearchPlan) -> None:
    """Leave scores in ``derived/``, where a search leaves them as its configurations finish."""
    rng = np.random.default_rng(1)
    assert plan.space is not None  # noqa: S101 (a search of a space was planned)
    alternatives = alternatives_of(plan.space)
    kept = StoredScores(store, gold_of(plan.corpus, plan.plans), plan.cells, alternatives)
    kept.load()
    ((rule, rules),) = alternatives.items()
    settings = {"decide.vote.k": 49, "decide.vote.tau": 0.4}
    for configuration, folds in _recorded(store):
        tried = tuple(
            AlternativeScores(
                {rule: value}, {**settings, rule: value}, float(rng.random()), tuple(rng.random(len(plan.cells)))
            )
            for value in rules
        )
        kept.put(configuration, folds, Scores("macro_f1", plan.cells, tried, 0.5, {"vote": 0.8, "system": 0.5}))


def cold_seconds(store: Store, plan: SearchPlan, count: int) -> float:
    """Seconds a configuration takes to be scored from its stages."""
    gold = gold_of(plan.corpus, plan.plans)
    reader = PredictionsReader(store, gold, plan.cells)
    alternatives = {} if plan.space is None else alternatives_of(plan.space)
    some = _recorded(store)[:count]
    start = time.perf_counter()
    for configuration, folds in some:
        outcome_of(configuration.recipe, gold.splits, reader.read(configuration, folds).cells, alternatives)
    return (time.perf_counter() - start) / len(some)


def _recorded(store: Store) -> list[tuple[Configuration, list[FoldRecord]]]:
    folds: dict[str, list[FoldRecord]] = defaultdict(list)
    for record in store.folds():
        folds[record.configuration_id].append(record)
    return [(configuration, folds[configuration.id]) for configuration in store.configurations()]


def status(store: Store) -> None:
    """The command, in this process."""
    done = typer.testing.CliRunner().invoke(app, ["status", store.url])
    if done.exit_code:
        raise RuntimeError(f"status failed: {done.output}") from done.exception


def timed(name: str, call: Callable[[], object], profiled: bool) -> float:
    """Seconds of ``call``, printed."""
    profile = cProfile.Profile()
    start, cpu = time.perf_counter(), time.process_time()
    if profiled:
        profile.runcall(call)
    else:
        call()
    seconds = time.perf_counter() - start
    print(f"{name:28} {seconds:8.2f} s, of them {time.process_time() - cpu:.2f} s of this process", flush=True)
    if profiled:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(25)
    return seconds


def main() -> int:
    """Fill a store, time what reads it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configurations", type=int, default=10_000)
    parser.add_argument("--profile", action="store_true", help="say what dominates, by function")
    parser.add_argument("--keep", type=Path, help="folder of the store: filled if absent, kept at the end")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core
    scratch = arguments.keep or Path(tempfile.mkdtemp(prefix="store-scale-"))
    folder = scratch / "store"
    plan = plan_of_sample(arguments.configurations)
    store = open_store(folder)
    if not (folder / "manifest.json").exists():
        timed("filling the store", lambda: fill(store, folder, plan, arguments.configurations), False)

    def rebuild() -> None:
        prepared = PreparedSearch(plan, store, slots_of_this_machine(1))
        prepared.restore()
        assert prepared.core.done  # noqa: S101 (every synthetic configuration has all its folds)

    cold = cold_seconds(store, plan, COLD_CONFIGURATIONS)
    print(
        f"{'scoring, cold':28} {cold:8.3f} s a configuration, {cold * arguments.configurations:.0f} s for all",
        flush=True,
    )
    if not (folder / "derived").exists():
        timed("keeping synthetic scores", lambda: keep_scores(store, plan), False)
    warm_status = timed("status, warm", lambda: status(store), arguments.profile)
    warm_resume = timed("resume's rebuild, warm", rebuild, arguments.profile)
    if arguments.keep is None:
        shutil.rmtree(scratch)
    return int(warm_status > STATUS_SECONDS or warm_resume > RESUME_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
