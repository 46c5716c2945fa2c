"""Calibrated numbers against scikit-learn on the same rows, cross-fitted, and for each group."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression

from tune_polar.decide.decision_engine import decide_rows, judge
from tune_polar.decide.deployed import settings_from_json, settings_to_json
from tune_polar.decide.evidence import Evidence
from tune_polar.decide.graph import Graph
from tune_polar.decide.judgement import Judged
from tune_polar.decide.kinds import Calibrate
from tune_polar.decide.number_scores import mae
from tune_polar.decide.rows import Gold, Rows
from tune_polar.decide.tables import Table
from tune_polar.errors import DecisionError

FOLDS = 4


class Made:
    """Predictions that are drawn to the middle, each language off by a level of its own."""

    def __init__(self, rows: int = 400, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.gold = np.round(rng.uniform(1, 5, rows), 1)
        self.language = np.arange(rows) % 3
        self.part = (np.arange(rows) // 3) % FOLDS
        self.predicted = (
            3 + 0.4 * (self.gold - 3) + rng.normal(0, 0.3, rows) + np.array([-0.5, 0.0, 0.6])[self.language]
        )

    def judged(self, **settings: Any) -> Judged:
        steps: Mapping[str, Mapping[str, Any]] = {"it": {"type": "calibrate", "of": "stage", **settings}}
        gold = Gold("number", self.gold[:, None], ("warmth",))
        rows = Rows.of(gold, part=self.part, groups={"language": self.language})
        table = Table.of("value", [self.predicted[:, None]])
        return judge(Graph.of(steps, score="it", stages=["stage"]), {"stage": table}, {"stage": rows}, "mae")


def expected(made: Made, method: str, own: np.ndarray, of: np.ndarray) -> np.ndarray:
    """What scikit-learn's model of rows ``own`` says of rows ``of``."""
    if method == "linear":
        return LinearRegression().fit(made.predicted[own, None], made.gold[own]).predict(made.predicted[of, None])
    model = IsotonicRegression(out_of_bounds="clip").fit(made.predicted[own], made.gold[own])
    return model.predict(made.predicted[of])


@pytest.mark.parametrize("method", ["isotonic", "linear"])
def test_each_fold_is_calibrated_on_the_others_as_scikit_learn_does(method):
    made = Made()
    found = made.judged(method=method).scored
    for part in range(FOLDS):
        own = made.part == part
        assert found.cross_fitted.decided[own, 0] == pytest.approx(expected(made, method, ~own, own), abs=1e-9)
    whole = found.ladder["fold_tuned"].decided[:, 0]
    assert whole == pytest.approx(
        expected(made, method, np.ones(len(whole), bool), np.ones(len(whole), bool)), abs=1e-9
    )
    assert np.array_equal(found.ladder["plain"].decided[:, 0], made.predicted)
    assert found.cross_fitted.score < found.ladder["plain"].score, "it helps the error"


@pytest.mark.parametrize("method", ["isotonic", "linear"])
def test_a_level_of_each_group_is_mended_by_points_of_its_own(method):
    made = Made()
    found = made.judged(method=method, per="language").scored
    for part in range(FOLDS):
        for language in range(3):
            own, of = made.part == part, made.language == language
            theirs = expected(made, method, ~own & of, own & of)
            assert found.cross_fitted.decided[own & of, 0] == pytest.approx(theirs, abs=1e-9)
    assert found.cross_fitted.score < made.judged(method=method).scored.cross_fitted.score
    shifted = (pearson(made, found.cross_fitted.decided[:, 0]), pearson(made, made.predicted))
    assert shifted[0] > shifted[1] + 0.05, "of all groups pooled r gains too"


def pearson(made: Made, decided: np.ndarray) -> float:
    return float(stats.pearsonr(made.gold, decided).statistic)


def test_one_rising_map_changes_no_rank_and_a_line_no_correlation():
    made = Made()
    line, steps = (
        made.judged(method=method).scored.ladder["fold_tuned"].decided[:, 0] for method in ("linear", "isotonic")
    )
    assert pearson(made, line) == pytest.approx(pearson(made, made.predicted), abs=1e-12)
    order = np.argsort(made.predicted)
    assert (np.diff(steps[order]) >= 0).all()
    assert mae(made.gold, line) < mae(made.gold, made.predicted)


def test_a_group_with_few_rows_or_none_has_all_groups_points():
    made = Made()
    made.language[:] = np.where(np.arange(len(made.gold)) < 12, 7, 1)
    found, pooled = made.judged(per="language").scored, made.judged().scored
    few = made.language == 7
    assert np.array_equal(found.cross_fitted.decided[few], pooled.cross_fitted.decided[few])


def test_the_range_holds_and_a_line_goes_on():
    made = Made()
    made.predicted[:] = made.gold * 2
    found = made.judged(method="linear", low=1.5, high=4.5).scored.cross_fitted.decided
    assert (found.min(), found.max()) == (1.5, 4.5)
    written = Calibrate("linear", points=[[1, 2], [2, 4]])
    beyond = made.judged(method="linear", points=[[1, 2], [2, 4]]).scored.ladder["as_written"].decided[:, 0]
    assert beyond == pytest.approx(2 * made.predicted)
    assert str(written.as_written(("x",), 1)) == "1 → 2 … 2 → 4"


@pytest.mark.parametrize("settings", [{}, {"method": "linear"}, {"per": "language"}])
def test_what_was_chosen_decides_the_same_once_it_is_read_again(settings):
    made = Made()
    graph = Graph.of({"it": {"type": "calibrate", "of": "stage", **settings}}, score="it", stages=["stage"])
    chosen = made.judged(**settings).scored.deployed
    written = json.loads(json.dumps(settings_to_json(graph, chosen, {"language": ["a", "b", "c"]})))
    again = settings_from_json(graph, written, {"stage": ["warmth"]})
    evidence = Evidence(
        {"stage": Table.of("value", [made.predicted[:, None]])},
        {"stage": Rows.unlabelled("number", ["warmth"], 400, {"language": np.array(["a", "b", "c"])[made.language]})},
    )
    assert np.array_equal(
        decide_rows(graph, "it", again, evidence), made.judged(**settings).scored.ladder["fold_tuned"].decided
    )


@pytest.mark.parametrize("method", ["isotonic", "linear"])
def test_constant_predictions_become_the_golds_mean(method):
    made = Made()
    made.predicted[:] = 3
    found = made.judged(method=method).scored.ladder["fold_tuned"].decided[:, 0]
    assert found == pytest.approx(np.full(len(found), made.gold.mean()))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "cubic"}, "method must be one of isotonic, linear, got 'cubic'"),
        ({"low": 3, "high": 1}, "low must not lie above high, got 3 and 1"),
        (
            {"points": [[1, 2], [1, 3]]},
            "points must be pairs of finite numbers, the first of each above the one before",
        ),
        ({"points": [[1, float("nan")]]}, "points must be pairs of finite numbers"),
    ],
)
def test_refuses_what_is_no_calibration(settings, message):
    with pytest.raises(DecisionError, match=message):
        Calibrate(**settings)
