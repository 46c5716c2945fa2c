from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tune_polar.decide.degenerate import (
    DegeneracyLimits,
    fold_threshold_findings,
    recorded_threshold_findings,
    threshold_findings,
)
from tune_polar.decide.threshold_rules import PREDICT_NONE
from tune_polar.decide.thresholds import choose_thresholds
from tune_polar.errors import DecisionError

RNG = np.random.default_rng(0)
GOLD = (RNG.random(1000) < 0.1)[:, None]  # one rare label
P = 1 / (1 + np.exp(-(1.5 * GOLD - 2 + RNG.normal(size=(1000, 1)))))


def kinds(threshold: float) -> list[str]:
    return [each.kind for each in threshold_findings(np.array([threshold]), GOLD, P, labels=["rare"])]


def test_a_sound_threshold_is_not_remarked() -> None:
    for rule in ("max_f1", "prevalence_match", "max_f1_grid"):
        assert threshold_findings(choose_thresholds(rule, GOLD, P), GOLD, P) == ()


def test_extremes_are_named_with_their_numbers() -> None:
    assert kinds(0.0) == ["nearly_all", "gives_up_f1"]
    assert kinds(PREDICT_NONE) == ["nearly_none", "gives_up_f1"]
    finding = threshold_findings(np.array([PREDICT_NONE]), GOLD, P, labels=["rare"])[0]
    positives = int(GOLD.sum())
    assert finding.message == (
        f"rare is hardly ever called: 0 of 1000 rows called positive where {positives} are (threshold none predicted)"
    )
    assert (finding.code, finding.label, finding.threshold) == ("TP003", "rare", PREDICT_NONE)


def test_the_mirror_root_is_recognised() -> None:
    negatives = int((~GOLD).sum())
    mirror = np.sort(P[:, 0])[1000 - negatives]
    assert kinds(mirror) == ["nearly_all", "mirror_root", "gives_up_f1"]


def test_a_balanced_label_has_no_mirror() -> None:
    gold = (np.arange(1000) % 2 == 0)[:, None]
    p = np.clip(0.5 + 0.3 * (gold - 0.5) + RNG.normal(0, 0.1, (1000, 1)), 0, 1)
    assert threshold_findings(choose_thresholds("prevalence_match", gold, p), gold, p) == ()


def test_limits_are_the_callers() -> None:
    strict = DegeneracyLimits(f1_given_up=0.0)
    found = threshold_findings(choose_thresholds("prevalence_match", GOLD, P), GOLD, P, limits=strict)
    assert [each.kind for each in found] == ["gives_up_f1"]


def test_the_odd_fold_is_named() -> None:
    table = np.array([[0.4, 0.5], [0.45, 0.5], [0.42, 0.03], [0.4, 0.5], [0.5, 0.45]])
    found = fold_threshold_findings(table, folds=[1, 2, 3, 4, 5], labels=["common", "rare"])
    assert [(each.fold, each.label, each.threshold) for each in found] == [(3, "rare", 0.03)]
    assert "got 0.03 in fold 3, their median is 0.5" in found[0].message
    assert fold_threshold_findings(table[1:3]) == (), "of two folds neither is the odd one"


def test_values_alone() -> None:
    found = recorded_threshold_findings(np.array([0.5, 0.05, np.nan, 0.1, 0.9, PREDICT_NONE]))
    assert [each.label for each in found] == ["label 1", "label 5"]
    assert "nearly always" in found[0].message
    assert "got none predicted: the label is called nearly never" in found[1].message


def test_one_threshold_per_label() -> None:
    with pytest.raises(DecisionError, match=r"thresholds must be one per label \(1\), got shape \(2,\)"):
        threshold_findings(np.array([0.5, 0.5]), GOLD, P)


@pytest.mark.shared
def test_the_recorded_ablation_without_fgm_is_remarked(shared_dir: Path) -> None:
    results = pd.read_csv(shared_dir / "data" / "alphalyrae" / "alphalyrae_results.csv")
    st3 = results[results["subtask"] == "st3"].set_index("configuration").filter(like="oracle_threshold/")
    st3 = st3.dropna(axis=1)
    labels = [name.partition("/")[2] for name in st3.columns]
    found = {
        name: [(each.label, each.threshold) for each in recorded_threshold_findings(row.to_numpy(), labels=labels)]
        for name, row in st3.iterrows()
    }
    assert found.pop("no_fgm") == [("stereotype", 0.98), ("lack_of_empathy", 0.03)]
    assert all(findings == [] for findings in found.values()), found
