"""Seconds that `status` and the rebuilding of a resumed search take on a store of many configurations.

    python benchmarks/store_scale.py                       # 10,000 configurations × 5 folds, one core
    python benchmarks/store_scale.py --configurations 500  # a quick look
    python benchmarks/store_scale.py --profile             # also what dominates, by function

Records are synthetic, as large as the sample corpus makes them (1,000 rows; K = 200 neighbours; five labels), each
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
from tune_polar.search.plan import SearchPlan, make_plan
from tune_polar.search.run import PreparedSearch
from tune_polar.search.sampler import Sampler
from tune_polar.search.slots import slots_of_this_machine
from tune_polar.search.study import searched_rules
from tune_polar.spec.configuration import Configuration
from tune_polar.spec.data_source import parse_data_source
from tune_polar.spec.fold_trial import FoldTrial
from tune_polar.spec.recipe_file import RecipeOptions, load_recipe
from tune_polar.spec.space_file import load_space
from tune_polar.store.codec import encode_arrays, encode_json
from tune_polar.store.gold import gold_of
from tune_polar.store.outcome import outcome_of
from tune_polar.store.predictions_of import PredictionsReader
from tune_polar.store.record import CurvePoint, FoldRecord, Provenance, StageName, StageRecord
from tune_polar.store.scores import DecisionScores, Scores, StoredScores
from tune_polar.store.store import Store, open_store

WIDTH, COLD_CONFIGURATIONS = 200, 20
STATUS_SECONDS, RESUME_SECONDS = 10.0, 60.0
PROVENANCE = Provenance("lab-1", 7, "cpu (x86_64)", "2026-01-02T03:04:05+00:00", {"python": "3.11.7", "torch": "2.13"})
CURVE = tuple(CurvePoint(step, 1.0 / step, 0.5) for step in range(10, 110, 10))


def plan_of_sample(trials: int) -> SearchPlan:
    """A search of st3 on the sample corpus."""
    loaded = load_recipe("st3", RecipeOptions(encoder="tiny"))
    space = load_space(loaded.base, loaded.recipe, loaded.profile)
    source = parse_data_source("sample", language=None, dev=None, columns={})
    return make_plan(loaded.recipe, loaded.profile, source, space=space, trials=trials, seed=0)


def fill(store: Store, folder: Path, plan: SearchPlan, count: int) -> None:
    """Write records as a search would, without its fsyncs."""
    rng = np.random.default_rng(0)
    store.create(plan.manifest("benchmark"), gold_of(plan.corpus, plan.detector_plan, plan.classifier_plan))
    for name in ("configurations", "folds", "stages"):
        (folder / name).mkdir()
    assert plan.space is not None  # noqa: S101 (a search of a space was planned)
    train, labels = plan.corpus.train, plan.recipe.task.labels
    target = train.labels[plan.recipe.task.target]
    sampler = Sampler(plan.space, 0)
    known: set[str] = set()
    for number in range(count):
        configuration = Configuration(plan.recipe, 0, "published", plan.space.published() or {})
        while number and (configuration.number != number or configuration.id in known):
            point = sampler.ask(number, repeat=len(known) + 10)  # beyond the repeats that follow a model: by chance
            configuration = Configuration(plan.space.fill(point), number, "sampled", point)
        known.add(configuration.id)
        (folder / f"configurations/{configuration.id}.json").write_bytes(encode_json(configuration.to_json()))
        for fold in range(plan.folds):
            trial = FoldTrial(configuration.recipe, fold, plan.inputs)
            detector, classifier = trial.detector_key, trial.classifier_key(trial.detector_key)
            rows = plan.detector_plan.validation_rows(fold)
            votes = (rng.random((len(rows), WIDTH), dtype=np.float32) < 0.4 + 0.2 * target[rows][:, None]).astype(
                np.uint8
            )
            _stage(
                folder,
                "detector",
                detector,
                fold,
                {"validation_rows": rows.astype(np.int32), "neighbour_labels": votes},
            )
            rows = plan.classifier_plan.validation_rows(fold)
            gold = train.label_matrix(labels)[rows]
            probability = np.clip(0.3 * gold + 0.7 * rng.random(gold.shape), 0, 1).astype(np.float32)
            _stage(
                folder,
                "classifier",
                classifier,
                fold,
                {"validation_rows": rows.astype(np.int32), "probability": probability},
            )
            record = FoldRecord(
                configuration.id, fold, plan.recipe.seed, detector, classifier, (), {"f1": 0.5}, 9.0, PROVENANCE
            )
            (folder / f"folds/{record.id}.json").write_bytes(encode_json(record.to_json()))


def _stage(folder: Path, stage: StageName, key: str, fold: int, arrays: dict[str, np.ndarray]) -> None:
    path = folder / f"stages/{key}.safetensors"
    if not path.exists():
        record = StageRecord(
            key, stage, fold, 42, 50, 0.5, 100, "max_steps", CURVE, 9.0, None, PROVENANCE, arrays=arrays
        )
        path.write_bytes(encode_arrays(record.header(), record.arrays))


def keep_scores(store: Store, plan: SearchPlan) -> None:
    """Leave scores in ``derived/``, where a search leaves them as its configurations finish."""
    rng = np.random.default_rng(1)
    gold = gold_of(plan.corpus, plan.detector_plan, plan.classifier_plan)
    rules = searched_rules(plan.space)
    kept = StoredScores(store, gold, rules)
    kept.load()
    folds: dict[str, list[FoldRecord]] = defaultdict(list)
    for record in store.folds():
        folds[record.configuration_id].append(record)
    for configuration in store.configurations():
        decisions = tuple(
            DecisionScores(rule, 49, (2, 5), float(rng.random()), tuple(rng.random(plan.folds).tolist()))
            for rule in dict.fromkeys([configuration.recipe.decision.threshold_rule, *rules])
        )
        scores = Scores("end_to_end", decisions, decisions[0], 0.8, 0.6)
        kept.put(configuration, folds[configuration.id], scores)


def cold_seconds(store: Store, plan: SearchPlan, count: int) -> float:
    """Seconds a configuration takes to be scored from its stages."""
    reader = PredictionsReader(store, gold_of(plan.corpus, plan.detector_plan, plan.classifier_plan))
    folds: dict[str, list[FoldRecord]] = defaultdict(list)
    for record in store.folds():
        folds[record.configuration_id].append(record)
    some = store.configurations()[:count]
    start = time.perf_counter()
    for configuration in some:
        outcome_of(reader.read(configuration, folds[configuration.id]), searched_rules(plan.space))
    return (time.perf_counter() - start) / len(some)


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
