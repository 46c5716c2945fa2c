from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tune_polar.decide.choose_thresholds import choose_thresholds
from tune_polar.decide.confusion_scores import label_macro_f1
from tune_polar.decide.prediction_files import read_predictions
from tune_polar.decide.rows import Gold, Rows
from tune_polar.errors import DecisionError
from tune_polar.stats.group_thresholds import GROUP, GroupedRows, group_thresholds
from tune_polar.stats.grouped_rows import group_names, group_report, grouped_rows

GROUPS = np.array(["a"] * 300 + ["b"] * 200)
FOLDS = np.arange(500) % 4


def rows_of(shift: float, *, fold: np.ndarray = FOLDS, groups: np.ndarray = GROUPS) -> GroupedRows:
    """Two groups; the probabilities of b lie higher by ``shift`` on the logit scale."""
    rng = np.random.default_rng(0)
    gold = rng.random((500, 2)) < (0.3, 0.15)
    logit = rng.normal(size=gold.shape) + 2 * gold - 1 + shift * (GROUPS == "b")[:, None]
    rows = Rows.of(Gold("labels", gold, ("p", "q")), part=fold, groups={GROUP: groups})
    return GroupedRows(rows, 1 / (1 + np.exp(-logit)))


def test_scores_equal_plain_loops() -> None:
    grouped = rows_of(1.0)
    gold, p, fold = grouped.rows.gold.values, grouped.probability, grouped.rows.part
    found = group_thresholds("max_f1", grouped, np.random.default_rng(0), rounds=100)
    for each in found.groups:
        own, pooled = np.zeros_like(gold), np.zeros_like(gold)
        here = each.group == GROUPS
        for number in range(4):
            for decided, chosen_on in ((own, here & (fold != number)), (pooled, fold != number)):
                thresholds = choose_thresholds("max_f1", gold[chosen_on], p[chosen_on])
                decided[fold == number] = p[fold == number] >= thresholds
        assert each.rows == here.sum()
        assert each.own == pytest.approx(label_macro_f1(gold[here], own[here]), abs=1e-12)
        assert each.pooled == pytest.approx(label_macro_f1(gold[here], pooled[here]), abs=1e-12)
    assert found.own == pytest.approx(np.mean([each.own for each in found.groups]))


def test_groups_that_differ_gain_and_groups_alike_do_not() -> None:
    apart = group_thresholds("max_f1", rows_of(3.0), np.random.default_rng(0))
    assert apart.gain > 0.05
    assert apart.interval.low > 0
    alike = group_thresholds("max_f1", rows_of(0.0), np.random.default_rng(0))
    assert alike.gain < 0.02
    assert alike.interval.low < 0


def test_a_rule_that_chooses_nothing_gains_nothing() -> None:
    found = group_thresholds("fixed", rows_of(3.0), np.random.default_rng(0), rounds=100)
    assert [each.gain for each in found.groups] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rows_of(0, groups=np.full(500, "a")), r"groups must be at least two, got 1: \['a'\]"),
        (
            lambda: rows_of(0, groups=np.array(["a", "b"])),
            r"groups of group must hold one value per row of gold \(500\)",
        ),
        (
            lambda: rows_of(0, fold=np.where(GROUPS == "b", 0, FOLDS)),
            r"rows in at least two folds, got 'b' in fold 0 only",
        ),
    ],
)
def test_groups_that_cannot_be_compared(make: Callable[[], GroupedRows], message: str) -> None:
    with pytest.raises(DecisionError, match=message):
        group_thresholds("max_f1", make(), np.random.default_rng(0))


def frame_of(seed: int, prefix: str = "") -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    parts = []
    gold = (rng.random((120, 2)) < 0.3).astype(int)
    for model in ("x", "y"):
        logit = rng.normal(size=gold.shape) + 2 * gold - 1
        ids = [f"{prefix}{row}" for row in range(120)]
        parts.append(
            pd.DataFrame(
                {"model": model, "split": "oof", "fold": np.arange(120) % 3, "id": ids}
                | {f"gold/{name}": gold[:, place] for place, name in enumerate("pq")}
                | {f"logit/{name}": logit[:, place] for place, name in enumerate("pq")}
            )
        )
    return pd.concat(parts)


def test_files_and_a_column_give_the_same_groups(tmp_path: Path) -> None:
    frames = {name: frame_of(seed, name) for seed, name in enumerate(("eng", "deu"))}
    for name, frame in frames.items():
        frame.to_csv(tmp_path / f"{name}.csv.gz", index=False)
    joined = pd.concat([frame.assign(language=name) for name, frame in frames.items()])
    joined.to_csv(tmp_path / "all.csv", index=False)
    of_files = grouped_rows([read_predictions(tmp_path / f"{name}.csv.gz") for name in frames])
    of_column = grouped_rows([read_predictions(tmp_path / "all.csv", "language")])
    assert set(of_files) == set(of_column) == {"model=x", "model=y"}
    for name, rows in of_files.items():
        assert rows.rows.groups[GROUP].tolist() == of_column[name].rows.groups[GROUP].tolist()
        assert (np.asarray(rows.probability) == np.asarray(of_column[name].probability)).all()
    report = group_report([read_predictions(tmp_path / "all.csv", "language")], ["fixed", "max_f1"], 0, 100)
    assert report.compared == 2
    assert [rule.rule for rule in report.rules] == ["max_f1"]
    assert [group.group for group in report.rules[0].groups] == ["eng", "deu"]


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    assert group_names([Path("st2/eng.csv.gz"), Path("st2/deu.csv.gz")]) == ("eng", "deu")
    assert group_names([Path("a/eng.csv"), Path("b/eng.csv")]) == ("a/eng.csv", "b/eng.csv")


def other_labels(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rename(columns={"gold/q": "gold/r", "logit/q": "logit/r"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_labels, r"must have the same labels with gold, got \[\('p', 'q'\), \('p', 'r'\)\]"),
        (lambda frame: frame.assign(model="z" + frame["model"]), r"must have a complete configuration in common"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str) -> None:
    frame_of(0).to_csv(tmp_path / "one.csv", index=False)
    change(frame_of(0)).to_csv(tmp_path / "two.csv", index=False)
    tables = [read_predictions(tmp_path / name) for name in ("one.csv", "two.csv")]
    with pytest.raises(DecisionError, match=message):
        grouped_rows(tables)


def test_one_file_without_a_column_has_no_groups(tmp_path: Path) -> None:
    frame_of(0).to_csv(tmp_path / "one.csv", index=False)
    table = read_predictions(tmp_path / "one.csv")
    with pytest.raises(DecisionError, match="one file and no column"):
        grouped_rows([table])
    with pytest.raises(DecisionError, match="a rule that chooses thresholds, got fixed"):
        group_report([table, table], ["fixed"], 0, 100)
    with pytest.raises(DecisionError, match=r"must be a column .* one of \['model'\], got 'language'"):
        read_predictions(tmp_path / "one.csv", "language")
