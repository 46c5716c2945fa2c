"""What the recorded predictions of nine real models say of each protocol, against their own test rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tune_polar.decide.metrics import metric_named
from tune_polar.decide.prediction_files import read_predictions
from tune_polar.decide.predictions import align
from tune_polar.stats.bbc_cv import Candidate, bbc_cv
from tune_polar.stats.scored_configuration import gold_of, scored_configurations, thresholds_of


@pytest.mark.shared
def test_optimism_falls_from_oracle_to_cross_fitted(shared_dir: Path) -> None:
    biases = []
    for language in ("eng", "deu", "hau"):
        complete = read_predictions(shared_dir / "data" / "smash" / "st3" / f"{language}.csv.gz").complete
        scored = scored_configurations(complete, align(complete), ["max_f1"])
        for configuration, found in zip(complete, scored, strict=True):
            test, ladder = configuration.splits["test"], found.judgement.ladder
            assert test.gold is not None
            decided = test.probability >= thresholds_of(ladder["fold_tuned"])
            truth = metric_named("macro_f1").score(gold_of(test.gold, configuration.labels), decided)
            on_dev, on_test = found.on("dev", "oracle"), found.on("test", "fold_tuned")
            assert on_dev is not None
            assert on_test is not None
            assert on_test.score == pytest.approx(truth, abs=1e-12)
            estimates = [on_dev.score, *(ladder[rung].score for rung in ("inside_folds", "fold_tuned", "cross_fitted"))]
            biases.append([each - truth for each in estimates])
    oracle, inside, pooled, crossed = 100 * np.mean(biases, axis=0)
    assert oracle > inside > pooled > abs(crossed)
    assert oracle > 5
    assert abs(crossed) < 1


@pytest.mark.shared
def test_bbc_cv_of_nine_real_models_lies_under_the_raw_best(shared_dir: Path) -> None:
    complete = read_predictions(shared_dir / "data" / "smash" / "st2" / "zho.csv.gz").complete
    rows = align(complete)
    scored = list(scored_configurations(complete, rows, ["max_f1"]))
    candidates = [Candidate(each.name, each.rule, each.decided) for each in scored]
    result = bbc_cv(scored[0].judgement.rows, candidates, np.random.default_rng(0), rounds=300)
    assert result.entered == 9
    assert -0.002 < result.optimism < 0.02
    assert result.raw_best in result.interval
