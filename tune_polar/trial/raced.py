"""What racing reads of a finished fold: one score that needs no other fold, and the last stage's curve."""

from __future__ import annotations

import math

import numpy as np

from tune_polar.decide.scores import label_macro_f1
from tune_polar.decide.thresholds import choose_thresholds
from tune_polar.decide.vote_sweep import VoteSweep
from tune_polar.decide.votes import every_share
from tune_polar.spec.fold_trial import FoldTrial
from tune_polar.store.record import StageRecord
from tune_polar.trial.loop import total_steps
from tune_polar.trial.materials import Materials


def race_score(trial: FoldTrial, materials: Materials, detector: StageRecord, classifier: StageRecord | None) -> float:
    """Macro-F1 of the objective with decisions chosen on this very fold.

    It flatters, all configurations about alike, and says more of the final score than decisions fixed beforehand do:
    on the recorded tables its rank correlation with the cross-fitted score is 0.85 for ST3, 0.68 at 0.5, since loss
    settings move all probabilities. The (k, τ) that was proposed is swept later and says nothing of the weights.
    """
    task, train = trial.recipe.task, materials.corpus.train
    target = train.labels[task.target]
    neighbours, own = detector.arrays["neighbour_labels"], detector.arrays["validation_rows"]
    if classifier is None or trial.recipe.decision.objective == "detector":
        candidates = every_share(range(1, neighbours.shape[1] + 1))
        return float(VoteSweep.of_folds([neighbours], [target[own]], candidates).macro_f1().max())
    rows, probability = classifier.arrays["validation_rows"], classifier.arrays["probability"].astype(np.float64)
    gold = train.label_matrix(task.labels)[rows] == 1
    polarized = target[rows] == 1
    decided = probability >= choose_thresholds("max_f1", gold[polarized], probability[polarized])
    if trial.recipe.decision.objective == "gold_gated" or not np.array_equal(rows, own):
        return label_macro_f1(gold[polarized], decided[polarized])
    accepted = neighbours.mean(axis=1) >= 0.5  # what most of the stored neighbours are
    return label_macro_f1(gold, decided & accepted[:, None])


def race_curve(trial: FoldTrial, materials: Materials, last: StageRecord) -> tuple[tuple[float, float], ...]:
    """Share of the stage's steps and the best value so far, at each evaluation."""
    if last.stage == "detector":
        steps = total_steps(trial.recipe.detector, len(materials.detector_plan.training_rows(trial.fold)))
    elif trial.recipe.classifier is not None:
        rows = materials.classifier_plan.training_rows(trial.fold)
        polarized = materials.corpus.train.labels[trial.recipe.task.target][rows] == 1
        steps = total_steps(trial.recipe.classifier, int(polarized.sum()))
    else:
        return ()
    best, found = -math.inf, []
    for point in last.curve:
        best = max(best, point.value)
        found.append((min(1.0, point.step / steps), best))
    return tuple(found)
