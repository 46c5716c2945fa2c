"""What the recorded predictions of nine real models say of each protocol, against their own test rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tune_polar.decide.crossfit import cross_fitted_decisions, threshold_protocols
from tune_polar.decide.prediction_files import read_predictions
from tune_polar.decide.predictions import align
from tune_polar.decide.scores import label_macro_f1
from tune_polar.stats.bbc_cv import Candidate, bbc_cv


@pytest.mark.shared
def test_optimism_falls_from_oracle_to_cross_fitted(shared_dir: Path) -> None:
    biases = []
    for language in ("eng", "deu", "hau"):
        table = read_predictions(shared_dir / "data" / "smash" / "st3" / f"{language}.csv.gz")
        for configuration in table.complete:
            oof, dev, test = (configuration.splits[name] for name in ("oof", "dev", "test"))
            assert oof.gold is not None
            assert oof.fold is not None
            assert test.gold is not None
            protocols = threshold_protocols("max_f1", oof.gold, oof.probability, oof.fold, dev.gold, dev.probability)
            pooled = protocols.score("fold_tuned", "oof")
            truth = label_macro_f1(test.gold, test.probability >= pooled.thresholds)
            estimates = [
                protocols.score("oracle", "dev"),
                protocols.score("inside_folds"),
                pooled,
                protocols.score("cross_fitted"),
            ]
            biases.append([each.macro_f1 - truth for each in estimates])
    oracle, inside, pooled_bias, crossed = 100 * np.mean(biases, axis=0)
    assert oracle > inside > pooled_bias > abs(crossed)
    assert oracle > 5
    assert abs(crossed) < 1


@pytest.mark.shared
def test_bbc_cv_of_nine_real_models_lies_under_the_raw_best(shared_dir: Path) -> None:
    table = read_predictions(shared_dir / "data" / "smash" / "st2" / "zho.csv.gz")
    rows = align(table.complete)
    assert rows.gold is not None
    assert rows.fold is not None
    candidates = [
        Candidate(name, "max_f1", cross_fitted_decisions("max_f1", rows.gold, probability, fold).decided)
        for name, probability, fold in zip(rows.names, rows.probability, rows.fold, strict=True)
    ]
    result = bbc_cv(rows.gold, candidates, np.random.default_rng(0), rounds=300)
    assert result.entered == 9
    assert -0.002 < result.optimism < 0.02
    assert result.raw_best in result.interval
