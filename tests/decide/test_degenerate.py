from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tune_polar.decide.array_checks import BoolArray, FloatArray
from tune_polar.decide.choose_thresholds import choose_thresholds
from tune_polar.decide.degenerate import (
    DegeneracyLimits,
    fold_threshold_findings,
    recorded_threshold_findings,
    threshold_findings,
)
from tune_polar.decide.threshold_rules import PREDICT_NONE
from tune_polar.errors import DecisionError

RNG = np.random.default_rng(0)
GOLD = (RNG.random(1000) < 0.1)[:, None]  # one rare label
P = 1 / (1 + np.exp(-(1.5 * GOLD - 2 + RNG.normal(size=(1000, 1)))))


def kinds(threshold: float, rule: str | None = None) -> list[str]:
    return [each.kind for each in threshold_findings(np.array([threshold]), GOLD, P, labels=["rare"], rule=rule)]


def calling(times: float) -> float:
    """The threshold that calls so many times the positive rows."""
    return float(np.sort(P[:, 0])[-round(times * int(GOLD.sum()))])


def test_a_sound_threshold_is_not_remarked() -> None:
    for rule in ("max_f1", "prevalence_match", "max_f1_grid"):
        assert threshold_findings(choose_thresholds(rule, GOLD, P), GOLD, P) == ()


def test_extremes_are_named_with_their_numbers() -> None:
    assert kinds(0.0) == ["nearly_all", "gives_up_f1"]
    assert kinds(PREDICT_NONE) == ["nearly_none", "gives_up_f1"]
    finding = threshold_findings(np.array([PREDICT_NONE]), GOLD, P, labels=["rare"])[0]
    positives = int(GOLD.sum())
    assert finding.message == (
        f"rare is hardly ever called: of 0 calls on 1,000 rows 0 are right, of {positives} positive rows {positives} "
        "are missed (threshold none predicted)"
    )
    assert (finding.code, finding.label, finding.threshold) == ("TP003", "rare", PREDICT_NONE)


def test_the_mirror_root_is_recognised() -> None:
    negatives = int((~GOLD).sum())
    mirror = np.sort(P[:, 0])[1000 - negatives]
    assert kinds(mirror) == ["nearly_all", "mirror_root", "gives_up_f1"]


def test_only_the_rule_of_the_smallest_gap_has_a_mirror_root() -> None:
    mirror = np.sort(P[:, 0])[int(GOLD.sum())]
    assert "mirror_root" in kinds(mirror, "min_abs_p_minus_r")
    for rule in ("max_f1", "smoothed_max_f1", "max_macro_f1", "prevalence_match"):
        assert "mirror_root" not in kinds(mirror, rule)


def test_calls_far_from_prevalence_are_named_with_what_is_wrong_about_them() -> None:
    for times, expected in ((3.1, True), (2.7, False), (0.9, False), (0.4, False), (0.3, True)):
        assert ("far_from_prevalence" in kinds(calling(times), "max_f1")) == expected, times
    (finding, *_) = threshold_findings(np.array([calling(3.1)]), GOLD, P, labels=["rare"], rule="max_f1")
    called = P[:, 0] >= calling(3.1)
    right, positives = int(GOLD[called, 0].sum()), int(GOLD.sum())
    assert finding.message.startswith(
        f"rare is called 3.1 times as often as it is positive: of {int(called.sum())} calls on 1,000 rows {right} are "
        f"right, of {positives} positive rows {positives - right} are missed"
    )


def test_f1_given_up_is_told_only_where_positives_suffice() -> None:
    few = np.flatnonzero(GOLD[:, 0])[29:]  # all positive rows but 29 are left out
    gold, p = np.delete(GOLD, few, axis=0), np.delete(P, few, axis=0)
    assert "gives_up_f1" not in [each.kind for each in threshold_findings(np.array([0.9]), gold, p)]
    more = np.delete(GOLD, few[1:], axis=0), np.delete(P, few[1:], axis=0)
    assert "gives_up_f1" in [each.kind for each in threshold_findings(np.array([0.9]), *more)]


@pytest.mark.parametrize("rule", ["max_f1", "max_macro_f1"])
def test_the_best_threshold_of_all_is_not_named_where_rows_are_few(rule: str) -> None:
    rng = np.random.default_rng(3)

    def drawn(count: int) -> tuple[BoolArray, FloatArray]:
        p = 1 / (1 + np.exp(-rng.normal(-0.5, 1.2, (count, 1))))
        return rng.random((count, 1)) < p, p  # calibrated

    best = choose_thresholds(rule, *drawn(100_000))
    named = [threshold_findings(best, *drawn(100), rule=rule) for _ in range(220)]  # ten data sets of 22 languages
    assert sum(map(bool, named)) <= 3
    wrong = [threshold_findings(np.array([0.75]), *drawn(1000), rule=rule) for _ in range(20)]
    assert all(any(each.kind == "gives_up_f1" for each in found) for found in wrong)


def test_a_rule_for_both_classes_is_measured_by_both() -> None:
    for rule in ("max_f1", "max_macro_f1"):
        assert "gives_up_f1" not in kinds(float(choose_thresholds(rule, GOLD, P)[0]), rule)


def test_a_balanced_label_has_no_mirror() -> None:
    gold = (np.arange(1000) % 2 == 0)[:, None]
    p = np.clip(0.5 + 0.3 * (gold - 0.5) + RNG.normal(0, 0.1, (1000, 1)), 0, 1)
    assert threshold_findings(choose_thresholds("prevalence_match", gold, p), gold, p) == ()


def test_limits_are_the_callers() -> None:
    strict = DegeneracyLimits(f1_given_up=0.0, standard_errors=0.0)
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
