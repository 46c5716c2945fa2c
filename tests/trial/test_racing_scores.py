"""What racing reads of a cell, against plain loops over its stored predictions."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from graph_bench import MANIFESTATIONS, ONE_STAGE, TWO_STAGES, Bench, recipe_of

from tune_polar.data.columns import number_column
from tune_polar.data.table import Corpus
from tune_polar.recipe.recipe import Recipe
from tune_polar.store.records import FoldRecord, StageRecord
from tune_polar.trial.run_fold_trial import run_fold_trial


def trained(graph: Bench, recipe: Recipe) -> tuple[FoldRecord, dict[str, StageRecord]]:
    record = run_fold_trial(graph.trial(recipe, 1), graph.context(recipe))
    found = {name: graph.store.stage(key) for name, key in record.stages.items()}
    return record, {name: stage for name, stage in found.items() if stage is not None}


def f1(gold: list[bool], decided: list[bool]) -> float:
    hits = sum(g and d for g, d in zip(gold, decided, strict=True))
    return 2 * hits / (sum(gold) + sum(decided)) if sum(gold) + sum(decided) else 0.0


def test_a_vote_is_raced_at_its_best(graph: Bench) -> None:
    record, stages = trained(graph, recipe_of(ONE_STAGE))
    detector = stages["detector"]
    gold = graph.corpus.train.values("polarization")[detector.rows("validation")] == 1
    table, best = detector.table("validation"), 0.0
    for k in range(1, table.shape[1] + 1):
        votes = table[:, :k].sum(axis=1)
        for need in range(1, k + 1):
            decided = votes >= need
            best = max(best, (f1(list(gold), list(decided)) + f1(list(~gold), list(~decided))) / 2)
    assert record.scores["race"] == pytest.approx(best)


@pytest.mark.parametrize("score", ["manifestations", "system"])
def test_labels_are_raced_with_thresholds_of_the_cell(graph: Bench, score: str) -> None:
    """Behind a gate that opens where most of the stored neighbours say so; without one on the judged rows alone."""
    record, stages = trained(graph, recipe_of(TWO_STAGES, score={"of": score}))
    rows = stages["classifier"].rows("validation")
    polarized = graph.corpus.train.values("polarization")[rows] == 1
    accepted = [sum(row) >= len(row) / 2 for row in stages["detector"].table("validation").astype(int).tolist()]
    scores = []
    for place, label in enumerate(MANIFESTATIONS):
        gold = (graph.corpus.train.values(label)[rows] == 1).tolist()
        chance = stages["classifier"].table("validation")[:, place].astype(np.float64)
        inside = [g for g, p in zip(gold, polarized, strict=True) if p]
        # Thresholds maximise F1 on the rows that the stage is judged on; the highest of equal ones.
        cuts = sorted(set(chance[polarized].tolist()))
        found = [f1(inside, (chance[polarized] >= cut).tolist()) for cut in cuts]
        candidates = [cut for cut, value in zip(cuts, found, strict=True) if value == max(found)]
        if score == "manifestations":
            scores.append([max(found)])
        else:
            scores.append([f1(gold, [c >= t and a for c, a in zip(chance, accepted, strict=True)]) for t in candidates])
    possible = [np.mean(pick) for pick in itertools.product(*scores)]  # ties may be cut anywhere
    assert min(abs(record.scores["race"] - each) for each in possible) < 0.02


def test_a_metric_that_should_be_small_is_turned_round(graph: Bench) -> None:
    number = {"recipe": "number", "data": {"numbers": {"score": []}}, "folds": {"count": 3}}
    stage = {"task": {"type": "regression", "target": "score"}, "optimizer": {"max_steps": 2, "eval_every_steps": 1}}
    values = {**number, "encoder": {"tiny": {"hidden": 32}}, "stages": {"model": stage}, "score": {"metric": "mae"}}
    gold = np.random.default_rng(1).random(150) * 4
    bench = with_number(graph, gold)
    record, stages = trained(bench, recipe_of(values))
    errors = np.abs(stages["model"].table("validation")[:, 0] - gold[stages["model"].rows("validation")])
    assert record.scores["race"] == pytest.approx(-errors.mean(), rel=1e-6)
    assert record.scores["model.mae"] == stages["model"].best_value > 0
    assert record.curve[-1][1] == -stages["model"].best_value


def with_number(graph: Bench, gold: np.ndarray) -> Bench:
    train = graph.corpus.train
    columns = {**train.columns, "score": number_column(gold.tolist())}
    return replace(graph, corpus=Corpus("number", {"train": replace(train, columns=columns)}))


def test_the_curve_is_the_last_stages_by_share_of_its_steps(graph: Bench) -> None:
    record, stages = trained(graph, recipe_of(TWO_STAGES))
    classifier = stages["classifier"]
    best = list(itertools.accumulate((point.value for point in classifier.curve), max))
    assert record.curve == tuple((point.step / 4, value) for point, value in zip(classifier.curve, best, strict=True))
    assert classifier.total_steps == 4
