"""What racing reads of a fold, against plain loops over its stored predictions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from trial_bench import Bench, quick_recipe

from tune_polar.spec.recipe import Recipe
from tune_polar.store.record import FoldRecord, StageRecord
from tune_polar.trial.run import run_fold_trial


def trained(bench: Bench, recipe: Recipe) -> tuple[FoldRecord, StageRecord, StageRecord | None]:
    record = run_fold_trial(bench.trial(recipe, 1), bench.materials(recipe))
    detector = bench.store.stage(record.detector_key)
    assert detector is not None
    return record, detector, None if record.classifier_key is None else bench.store.stage(record.classifier_key)


def f1(gold: list[bool], decided: list[bool]) -> float:
    hits = sum(g and d for g, d in zip(gold, decided, strict=True))
    return 2 * hits / (sum(gold) + sum(decided)) if sum(gold) + sum(decided) else 0.0


def test_a_detector_is_raced_on_its_best_votes(bench: Bench) -> None:
    record, detector, _ = trained(bench, quick_recipe("st1"))
    gold = bench.corpus.train.labels["polarization"][detector.arrays["validation_rows"]] == 1
    table, best = detector.arrays["neighbour_labels"], 0.0
    for k in range(1, table.shape[1] + 1):
        votes = table[:, :k].sum(axis=1)
        for need in range(1, k + 1):
            decided = votes >= need
            best = max(best, (f1(list(gold), list(decided)) + f1(list(~gold), list(~decided))) / 2)
    assert record.scores["race"] == pytest.approx(best)


@pytest.mark.parametrize("objective", ["gold_gated", "end_to_end"])
def test_a_classifier_is_raced_on_its_objective_with_thresholds_of_the_fold(bench: Bench, objective: str) -> None:
    recipe = quick_recipe(decision__objective=objective)
    record, detector, classifier = trained(bench, recipe)
    assert classifier is not None
    rows = classifier.arrays["validation_rows"]
    polarized = bench.corpus.train.labels["polarization"][rows] == 1
    accepted = [sum(row) >= len(row) / 2 for row in detector.arrays["neighbour_labels"].astype(int).tolist()]
    scores = []
    for place, label in enumerate(recipe.task.labels):
        gold = (bench.corpus.train.labels[label][rows] == 1).tolist()
        chance = classifier.arrays["probability"][:, place].astype(np.float64)
        inside = [g for g, p in zip(gold, polarized, strict=True) if p]
        # Thresholds maximise F1 on gold-polarized rows; the highest of equal ones.
        cuts = sorted(set(chance[polarized].tolist()))
        found = [f1(inside, (chance[polarized] >= cut).tolist()) for cut in cuts]
        candidates = [cut for cut, value in zip(cuts, found, strict=True) if value == max(found)]
        if objective == "gold_gated":
            scores.append([max(found)])
        else:
            scores.append([f1(gold, [c >= t and a for c, a in zip(chance, accepted, strict=True)]) for t in candidates])
    possible = [np.mean(pick) for pick in itertools.product(*scores)]  # ties may be cut anywhere
    assert min(abs(record.scores["race"] - each) for each in possible) < 0.02


def test_the_curve_is_the_last_stages_by_share_of_steps(bench: Bench) -> None:
    record, _, classifier = trained(bench, quick_recipe())
    assert classifier is not None
    best = list(itertools.accumulate((point.value for point in classifier.curve), max))
    assert record.curve == tuple((point.step / 4, value) for point, value in zip(classifier.curve, best, strict=True))
    assert FoldRecord.from_json(record.to_json()) == record
    assert FoldRecord.from_json({k: v for k, v in record.to_json().items() if k != "curve"}).curve == ()
