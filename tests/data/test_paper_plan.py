from __future__ import annotations

import numpy as np
import pytest

from tests.data.plan_bench import corpus_of, one_stage, rows_digest, subtask_plans
from tune_polar.data.labels import POLARIZATION
from tune_polar.data.plans import make_plans
from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.errors import FoldPlanError

DETECTOR, CLASSIFIERS = "3bd9f92f96d301f7", {"st2": "e2dae63878c0b5cb", "st3": "4d3b51bfecbe8010"}


def test_each_stage_has_the_published_plan() -> None:
    corpus = sample_corpus()
    positive = corpus.train.values(POLARIZATION) == 1
    for subtask, classifier in CLASSIFIERS.items():
        plans = subtask_plans("paper", corpus, subtask, count=5, seed=42)
        assert {stage: rows_digest(plan) for stage, plan in plans.items()} == {
            "detector": DETECTOR,
            "classifier": classifier,
        }
        np.testing.assert_array_equal(plans["classifier"].validation.any(axis=0), positive)
        assert plans["classifier"].kind == "paper"
    alone = subtask_plans("paper", corpus, "st1", count=5, seed=42)
    assert [rows_digest(plan) for plan in alone.values()] == [DETECTOR]


@pytest.mark.parametrize(
    ("targets", "changes", "message"),
    [
        (["hate", "other"], {}, "must have one 0/1 target for a stage on all rows, got .*hate.* for 'model'"),
        (["hate"], {"count": 9}, r"at most the rows to split \(6\), got 9"),
        (["hate"], {"count": 1}, "at least 2, got 1"),
        (["hate"], {"seed": -1}, "seed of the folds"),
    ],
)
def test_refuses_plans_that_cannot_be(targets: list[str], changes: dict[str, object], message: str) -> None:
    corpus = corpus_of({"hate": [1, 0] * 3, "other": [0, 1, 1] * 2})
    with pytest.raises(FoldPlanError, match=message):
        one_stage("paper", corpus, *targets, **{"count": 2, "seed": 0, **changes})


def test_a_stage_of_some_rows_needs_each_label_among_them() -> None:
    corpus = corpus_of({"hate": [1, 0] * 6, "a": [1, 1] * 6, "b": [0, 1] * 5 + [1, 1]})
    stages, targets = {"d": {}, "c": {"hate": 1}}, {"d": ["hate"], "c": ["a", "b"]}

    with pytest.raises(FoldPlanError, match="at least 2 rows for 2 folds, got 'b' with 1"):
        make_plans("paper", corpus, stages=stages, targets=targets, count=2, seed=0)
