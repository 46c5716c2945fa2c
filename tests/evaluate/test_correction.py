"""What the best score is worth once the luck of choosing it is taken off."""

from __future__ import annotations

import pytest

from tests.store.made_recipes import one_vote, regression, three_classes, two_stages
from tests.store.made_store import finished_store, made_store
from tune_polar.evaluate.correction import corrected_best
from tune_polar.stats.bbc_cv import BbcCv


@pytest.mark.parametrize("make", [two_stages, one_vote, three_classes, regression])
@pytest.mark.parametrize("seeds", [(42,), (1, 2)])
def test_the_correction_lies_below_the_best_of_equals(tmp_path, make, seeds):
    made = finished_store(tmp_path / "equals", make(seeds=seeds), (0.5,) * 10)
    summary = made.summary()
    corrected = corrected_best(summary)
    assert isinstance(corrected, BbcCv)
    assert corrected.entered == 10
    assert corrected.corrected < corrected.raw_best
    assert corrected.corrected in corrected.interval
    assert corrected.raw_best == pytest.approx(summary.best.outcome.score, abs=1e-12)
    assert summary.configurations[corrected.winner] is summary.best


def test_where_smaller_is_better_it_lies_above(tmp_path):
    recipe = regression(score={"of": "model", "metric": "mae"})
    summary = finished_store(tmp_path / "equals", recipe, (0.5,) * 10).summary()
    corrected = corrected_best(summary)
    assert corrected.corrected > corrected.raw_best == pytest.approx(summary.best.outcome.score, abs=1e-12)
    assert corrected.optimism > 0


def test_seeds_of_one_split_are_corrected_too(tmp_path):
    recipe = three_classes(folds={"plan": "holdout", "share": 0.4}, seeds=(1, 2, 3))
    summary = finished_store(tmp_path / "split", recipe, (0.5,) * 8, rows=150).summary()
    corrected = corrected_best(summary)
    assert corrected.corrected < corrected.raw_best
    assert corrected.raw_best == pytest.approx(summary.best.outcome.score, abs=1e-12)


def test_every_alternative_is_a_candidate(tmp_path):
    rule = {"decide.kinds.rule": {"type": "categorical", "choices": ["max_f1", "fixed", "prevalence_match"]}}
    made = made_store(tmp_path / "s", two_stages(), space=rule)
    for value in ("max_f1", "fixed"):
        made.finish(made.configuration({"decide.kinds.rule": value, "sorter.optimizer.lr": 2e-3}, origin="sampled"))
    made.finish(made.configuration(), 0.5)
    corrected = corrected_best(made.summary())
    assert corrected.entered == 9


def test_the_correction_says_why_there_is_none(tmp_path):
    made = made_store(tmp_path / "s", two_stages())
    made.finish(made.configuration(), 0.5)
    made.finish(made.configuration({"sorter.optimizer.lr": 0.01}), 0.5, cells=made.cells[:2])
    assert corrected_best(made.summary()) == "needs two configurations that have finished all their folds"
