"""A metric is added by the very lines of CONTRIBUTING.md: it is scored by, kept by, swept by and corrected by."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from tests.shipped.contributing import blocks_of
from tests.trial.graph_bench import Bench, plans_of, recipe_of
from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.decide.decision_engine import judge
from tune_polar.decide.graph import Graph
from tune_polar.decide.metrics import METRICS as MEASURED
from tune_polar.decide.rows import Gold, Rows
from tune_polar.decide.tables import Table
from tune_polar.recipe.components.metrics import METRICS as WRITTEN
from tune_polar.recipe.schema import recipe_schema
from tune_polar.stats.bbc_cv import Candidate, bbc_cv
from tune_polar.store.store import open_store
from tune_polar.trial.run_fold_trial import run_fold_trial

STAGE = {
    "task": {"type": "binary", "target": "polarization"},
    "optimizer": {"max_steps": 4, "eval_every_steps": 2},
    "keep": "kappa",
}
RECIPE = {
    "recipe": "agreement",
    "data": {"labels": ["polarization"]},
    "folds": {"count": 3},
    "stages": {"model": STAGE},
    "score": {"of": "model", "metric": "kappa"},
}


@pytest.fixture(autouse=True)
def added() -> Iterator[None]:
    for block in blocks_of("## Add a metric"):
        exec(compile(block, "CONTRIBUTING.md", "exec"), {})
    yield
    del MEASURED["kappa"], WRITTEN["kappa"]


def made(rng: np.random.Generator, columns: int) -> tuple[Gold, np.ndarray]:
    gold = rng.random((90, columns)) < 0.4
    shares = np.clip(0.3 * gold + rng.random(gold.shape) * 0.7, 0, 1)
    return Gold("binary" if columns == 1 else "labels", gold, tuple("abc"[:columns])), shares


@pytest.mark.parametrize("columns", [1, 3])
def test_it_measures_what_scikit_learn_does(columns: int) -> None:
    gold, shares = made(np.random.default_rng(columns), columns)
    each = [cohen_kappa_score(gold.values[:, c], shares[:, c] >= 0.5) for c in range(columns)]
    assert MEASURED["kappa"].per_column(gold, shares >= 0.5) == pytest.approx(each)
    assert MEASURED["kappa"].score(gold, shares >= 0.5) == pytest.approx(np.mean(each))


def test_decisions_are_judged_votes_swept_and_the_best_corrected_by_it() -> None:
    rng = np.random.default_rng(3)
    gold, shares = made(rng, 1)
    near = (rng.random((90, 9)) < np.where(gold.values, 0.65, 0.35)).astype(np.uint8)
    rows = Rows.of(gold, part=np.arange(90) % 3)
    for step, table in (
        ({"type": "threshold", "of": "model"}, Table.of("probability", [shares])),
        ({"type": "knn_vote", "of": "model"}, Table.of("neighbours", [near])),
    ):
        graph = Graph.of({"it": step}, score="it", stages=["model"])
        found = judge(graph, {"model": table}, {"model": rows}, "kappa").scored
        by_hand = cohen_kappa_score(gold.values[:, 0], found.cross_fitted.decided[:, 0])
        assert found.cross_fitted.score == pytest.approx(by_hand)
    candidates = [Candidate(str(cut), "", shares >= cut) for cut in (0.3, 0.5, 0.6)]
    corrected = bbc_cv(rows, candidates, rng, metric=MEASURED["kappa"], rounds=100)
    scores = [cohen_kappa_score(gold.values[:, 0], (shares >= cut)[:, 0]) for cut in (0.3, 0.5, 0.6)]
    assert corrected.raw_best == pytest.approx(max(scores))
    assert -1 <= corrected.interval.low <= corrected.corrected <= corrected.interval.high <= 1


def test_a_stage_is_kept_by_it(tmp_path) -> None:
    recipe = recipe_of(RECIPE)
    corpus = sample_corpus(0, rows_train=120, rows_dev=0, rows_test=0)
    bench = Bench(corpus, open_store(tmp_path / "store"), tmp_path, plans_of(recipe, corpus))
    record = run_fold_trial(bench.trial(recipe), bench.context(recipe))
    assert -1 <= record.scores["model.kappa"] <= 1
    assert '"kappa"' in json.dumps(recipe_schema())
