from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tune_polar.decide.choose_thresholds import choose_thresholds, usual_rules
from tune_polar.decide.confusion_scores import binary_macro_f1, label_macro_f1
from tune_polar.decide.prediction_files import read_predictions
from tune_polar.decide.rows import Gold, Rows
from tune_polar.errors import DecisionError
from tune_polar.stats.bbc_cv import Candidate, bbc_cv
from tune_polar.stats.paired import fold_paired
from tune_polar.stats.threshold_report import ReportSettings, ThresholdReport, threshold_report
from tune_polar.stats.told_apart import reference_comparisons

QUICK = ReportSettings(rules=("max_f1", "prevalence_match"), rounds=200)


def frame(labels: str = "pq", models: int = 3, seed: int = 0) -> pd.DataFrame:
    """Out-of-fold, dev and test rows; later models are better."""
    rng = np.random.default_rng(seed)
    parts = []
    for split, rows in (("oof", 300), ("dev", 40), ("test", 150)):
        gold = (rng.random((rows, len(labels))) < 0.3).astype(int)
        for model in range(models):
            logit = rng.normal(size=gold.shape) + (1 + 0.6 * model) * gold - 1
            parts.append(
                pd.DataFrame(
                    {
                        "model": f"m{model}",
                        "split": split,
                        "fold": np.arange(rows) % 5 if split == "oof" else pd.NA,
                        "id": [f"{split}{row}" for row in range(rows)],
                    }
                    | {f"gold/{name}": gold[:, place] for place, name in enumerate(labels)}
                    | {f"logit/{name}": logit[:, place] for place, name in enumerate(labels)}
                ).astype({"fold": "Int64"})
            )
    return pd.concat(parts, ignore_index=True)


def cross_fitted(rule: str, gold: np.ndarray, probability: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Each fold's rows decided by thresholds chosen on the others, (rows, labels)."""
    decided = np.zeros_like(gold)
    for part in np.unique(fold):
        own = fold == part
        decided[own] = probability[own] >= choose_thresholds(rule, gold[~own], probability[~own])
    return decided


def table_of(content: pd.DataFrame, folder: Path, name: str = "predictions.csv"):
    content.to_csv(folder / name, index=False)
    return read_predictions(folder / name)


def test_a_text_held_out_twice_is_drawn_with_both_its_rows(tmp_path: Path) -> None:
    """Every out-of-fold row once more in another fold: the same scores, and no interval gets narrower for it."""
    once = frame()
    oof = once[once["split"] == "oof"]
    twice = pd.concat([once, oof.assign(fold=(oof["fold"] + 1) % 5)], ignore_index=True)
    first = threshold_report(table_of(once, tmp_path), QUICK)
    second = threshold_report(table_of(twice, tmp_path, "twice.csv"), QUICK)
    assert second.splits == first.splits
    assert second.bootstrap.macro_f1 == pytest.approx(first.bootstrap.macro_f1, abs=0.02)

    def widths(report: ThresholdReport) -> list[float]:
        assert not isinstance(report.corrected, str)
        assert not isinstance(report.by_rows, str)
        of_pair = report.by_rows.pair("model=m0", "model=m2").paired.interval
        every = (report.bootstrap.macro_interval, report.corrected.interval, of_pair)
        return [each.high - each.low for each in every]

    assert widths(second) == pytest.approx(widths(first), rel=0.3)


def test_every_number_is_what_its_name_says(tmp_path: Path) -> None:
    table = table_of(frame(), tmp_path)
    report = threshold_report(table, QUICK)
    assert (report.winner.name, len(report.scored)) == ("model=m2", 6)
    best = max(report.scored, key=lambda each: each.cross_fitted)
    assert report.winner is best
    parts = table.configurations[2].splits
    oof, test = parts["oof"], parts["test"]
    assert oof.gold is not None
    assert oof.fold is not None
    assert test.gold is not None
    rule = report.winner.rule
    crossed = cross_fitted(rule, oof.gold, oof.probability, oof.fold)
    assert report.winner.cross_fitted == label_macro_f1(oof.gold, crossed)
    on_test, oracle = report.winner.on("test"), report.winner.on("test", "oracle")
    assert on_test is not None
    assert oracle is not None
    pooled = choose_thresholds(rule, oof.gold, oof.probability)
    assert on_test.score == label_macro_f1(test.gold, test.probability >= pooled)
    own = choose_thresholds(rule, test.gold, test.probability)
    assert oracle.score == label_macro_f1(test.gold, test.probability >= own)
    expected = bbc_cv(
        Rows.of(Gold("labels", oof.gold, ("p", "q"))),
        [Candidate(each.name, each.rule, each.decided) for each in report.scored],
        np.random.default_rng(0),
        rounds=200,
        level=0.9,
    )
    assert not isinstance(report.corrected, str)
    assert report.corrected.corrected == expected.corrected
    assert report.corrected.interval == expected.interval
    assert report.corrected.interval_at(0.9) == expected.interval
    wider = report.corrected.interval_at(0.95)
    assert wider.low <= expected.interval.low < expected.interval.high <= wider.high
    assert not isinstance(report.new_rows, str)
    assert report.new_rows.rows == 150, "the largest split beside oof"


def test_the_same_seed_gives_the_same_report(tmp_path: Path) -> None:
    table = table_of(frame(), tmp_path)
    first, again = (threshold_report(table, QUICK) for _ in range(2))
    assert not isinstance(first.new_rows, str)
    assert not isinstance(again.new_rows, str)
    assert first.new_rows.interval(0.9) == again.new_rows.interval(0.9)
    assert first.bootstrap.macro_interval == again.bootstrap.macro_interval


def test_one_label_is_scored_by_both_classes(tmp_path: Path) -> None:
    table = table_of(frame("p"), tmp_path)
    assert threshold_report(table, ReportSettings(rounds=200)).rules == usual_rules("both_classes")
    report = threshold_report(table, ReportSettings(rules=("max_macro_f1", "max_f1"), rounds=200))
    assert report.gold.kind == "binary"
    oof = table.configurations[0].splits["oof"]
    assert oof.gold is not None
    assert oof.fold is not None
    for each in report.of("model=m0"):
        decided = cross_fitted(each.rule, oof.gold, oof.probability, oof.fold)
        assert each.cross_fitted == pytest.approx(binary_macro_f1(oof.gold[:, 0], decided[:, 0]), abs=1e-12)
    macro, positive = (
        next(each for each in report.of("model=m0") if each.rule == rule) for rule in ("max_macro_f1", "max_f1")
    )
    score = [each.judgement.ladder["fold_tuned"].score for each in (macro, positive)]
    assert score[0] >= score[1] - 1e-12


def test_configurations_on_other_folds_are_not_paired_by_fold(tmp_path: Path) -> None:
    content = frame()
    own = (content["model"] == "m0") & (content["split"] == "oof")
    content.loc[own, "fold"] = (np.arange(own.sum()) // 60).astype(int)
    report = threshold_report(table_of(content, tmp_path), QUICK)
    assert not isinstance(report.by_folds, str)
    assert not isinstance(report.by_rows, str)
    assert {frozenset(pair) for pair in report.by_folds.not_applicable} == {
        frozenset({"model=m0", "model=m1"}),
        frozenset({"model=m0", "model=m2"}),
    }
    assert len(report.by_rows.pairs) == 3


def test_ranking_counts_regret_on_test(tmp_path: Path) -> None:
    report = threshold_report(table_of(frame(), tmp_path), QUICK)
    assert not isinstance(report.ranking, str)
    assert report.ranking.reference == "fold-tuned on test"
    assert set(report.ranking.scorings) >= {"oracle on dev", "inside folds", "fold-tuned", "cross-fitted"}
    without = frame()[lambda each: each["split"] != "test"]
    report = threshold_report(table_of(without, tmp_path), QUICK)
    assert not isinstance(report.ranking, str)
    assert report.ranking.reference == "cross-fitted"


def test_a_configuration_that_lacks_a_fold_enters_nothing(tmp_path: Path) -> None:
    content = frame()
    content = content[~((content["model"] == "m2") & (content["fold"] == 3))]
    report = threshold_report(table_of(content, tmp_path), QUICK)
    assert report.incomplete == ("model=m2",)
    assert {each.name for each in report.scored} == {"model=m0", "model=m1"}
    assert "model=m2 lacks fold 3: left out of BBC-CV" in report.notes


def test_comparison_with_a_reference_adjusts_for_these_pairs_alone() -> None:
    scores = np.array([[0.70, 0.72, 0.69], [0.60, 0.61, 0.58], [0.71, 0.70, 0.72], [np.nan, np.nan, 0.5]])
    matrix = reference_comparisons(["a", "b", "c", "d"], scores, "a")
    assert [(each.first, each.second) for each in matrix.pairs] == [("b", "a"), ("c", "a")]
    assert matrix.not_applicable == (("d", "a"),)
    plain = fold_paired(scores[1], scores[0])
    assert matrix.pairs[0].paired == plain
    assert matrix.pairs[0].adjusted_p == pytest.approx(min(1, 2 * plain.p_value))
    with pytest.raises(DecisionError, match=r"reference must be one of .* got 'z'"):
        reference_comparisons(["a", "b", "c", "d"], scores, "z")


def test_unknown_rules_and_too_few_rounds_are_refused(tmp_path: Path) -> None:
    table = table_of(frame(), tmp_path)
    with pytest.raises(DecisionError, match=r"rule must be one of fixed, max_f1.* got 'best'"):
        threshold_report(table, ReportSettings(rules=("best",)))
    with pytest.raises(DecisionError, match=r"rounds must be at least 100, got 5"):
        threshold_report(table, ReportSettings(rounds=5))
