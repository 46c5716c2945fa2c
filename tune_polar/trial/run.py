"""A fold trial from start to record: ``FoldTrial → FoldRecord``, each stage trained once and then found again."""

from __future__ import annotations

import time
from collections.abc import Generator

from tune_polar.spec.fold_trial import FoldTrial
from tune_polar.store.record import FoldRecord, StageName, StageRecord
from tune_polar.trial.classifier import classifier_stage
from tune_polar.trial.cost import provenance
from tune_polar.trial.detector import detector_stage
from tune_polar.trial.materials import Materials
from tune_polar.trial.progress import Progress
from tune_polar.trial.raced import race_curve, race_score
from tune_polar.trial.stage import run_stage

TrainedDetector = tuple[StageRecord, bytes | None]


def fold_trial_steps(trial: FoldTrial, materials: Materials) -> Generator[Progress, None, FoldRecord]:
    """Run one fold trial step by step; closing the generator between two steps stops it, leaving whole stages only."""
    started = time.perf_counter()
    reused: list[StageName] = []
    record_of_run = provenance(materials.device)
    transfer = None if trial.recipe.classifier is None else trial.recipe.classifier.transfer
    detector, weights = yield from _detector(trial, materials, reused, transfer == "same_fold")
    scores = {"precision_at_1": detector.best_value}
    classifier: StageRecord | None = None
    if transfer is not None:
        start: tuple[FoldTrial, bytes] | None = None
        if transfer == "best_fold":
            start = yield from _best_detector(trial, materials)
        elif transfer == "same_fold" and weights is not None:  # a detector trained just now has weights in any case
            start = (trial, weights)
        classifier = yield from _classifier(trial, materials, start, reused)
        scores["fold_macro_f1"] = classifier.best_value
    scores["race"] = race_score(trial, materials, detector, classifier)
    return FoldRecord(
        configuration_id=trial.configuration_id,
        fold=trial.fold,
        seed=trial.recipe.seed,
        detector_key=detector.key,
        classifier_key=None if classifier is None else classifier.key,
        reused=tuple(reused),
        scores=scores,
        seconds=time.perf_counter() - started,
        provenance=record_of_run,
        memory={record.stage: record.memory for record in (detector, classifier) if record and record.memory},
        curve=race_curve(trial, materials, classifier or detector),
    )


def run_fold_trial(trial: FoldTrial, materials: Materials) -> FoldRecord:
    """Run one fold trial to its end."""
    steps = fold_trial_steps(trial, materials)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            record: FoldRecord = stop.value
            return record


def _detector(
    trial: FoldTrial, materials: Materials, reused: list[StageName], needs_weights: bool
) -> Generator[Progress, None, TrainedDetector]:
    found = materials.stages.stage(trial.detector_key)
    if found is not None:
        weights = materials.stages.weights(trial.detector_key) if needs_weights else None
        if weights is not None or not needs_weights:
            reused.append("detector")
            _learn(trial, materials, found)
            return found, weights
    record, trained = yield from run_stage(lambda: detector_stage(trial, materials), materials)
    materials.stages.put_stage(record, trained)
    _learn(trial, materials, record)
    materials.release()
    return record, trained


def _best_detector(trial: FoldTrial, materials: Materials) -> Generator[Progress, None, tuple[FoldTrial, bytes]]:
    """The fold whose detector has the best Precision@1 on its own validation rows; ties to the lower fold.

    Its encoder has seen the validation texts of all other folds: this reproduces the paper and is not honest.
    """
    best: tuple[float, FoldTrial, bytes] | None = None
    for fold in range(materials.detector_plan.count):
        other = trial.detector_of(fold)
        record, weights = yield from _detector(other, materials, [], needs_weights=True)
        if weights is not None and (best is None or record.best_value > best[0]):
            best = (record.best_value, other, weights)
    if best is None:
        raise RuntimeError("a fold plan has at least two folds, so one of them is the best")
    return best[1], best[2]


def _classifier(
    trial: FoldTrial, materials: Materials, start: tuple[FoldTrial, bytes] | None, reused: list[StageName]
) -> Generator[Progress, None, StageRecord]:
    key = trial.classifier_key(None if start is None else start[0].detector_key)
    found = materials.stages.stage(key)
    if found is not None:
        reused.append("classifier")
        _learn(trial, materials, found)
        return found
    record, _ = yield from run_stage(lambda: classifier_stage(trial, materials, start), materials)
    materials.stages.put_stage(record)
    _learn(trial, materials, record)
    materials.release()
    return record


def _learn(trial: FoldTrial, materials: Materials, record: StageRecord) -> None:
    """What a stage took corrects what is predicted for the next one."""
    materials.memory.learn_from(record, trial.recipe.encoder.name, provenance(materials.device).device)
