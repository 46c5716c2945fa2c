"""`tune_polar.decide` of arrays gives what `tune-polar decide` gives of a file, and refuses what does not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tune_polar
from tune_polar.decide.prediction_files import read_predictions
from tune_polar.report.decide.decided import data_of, report_of
from tune_polar.stats.threshold_report import ReportSettings

RNG = np.random.default_rng(0)
ROWS, TEST = 240, 90
FOLDS = np.arange(ROWS) % 4
QUICK: dict[str, Any] = {"rounds": 100}


def labels(rows: int) -> tuple[np.ndarray, np.ndarray]:
    gold = (RNG.random((rows, 2)) < (0.4, 0.3)).astype(int)
    return gold, 1 / (1 + np.exp(-(2 * gold - 1 + RNG.normal(size=gold.shape))))


def classes(rows: int, names: tuple[str, ...] = ("ant", "bee", "cow")) -> tuple[np.ndarray, np.ndarray]:
    codes = RNG.integers(0, len(names), rows)
    shares = np.exp(RNG.normal(size=(rows, len(names))) + 2 * (codes[:, None] == np.arange(len(names))))
    return np.array(names)[codes], shares / shares.sum(axis=1, keepdims=True)


def numbers(rows: int) -> tuple[np.ndarray, np.ndarray]:
    gold = RNG.uniform(1, 5, rows)
    return gold, gold + RNG.normal(size=rows)


def as_file(gold: np.ndarray, predicted: np.ndarray, names: tuple[str, ...], split: str, prefix: str) -> pd.DataFrame:
    rows = len(gold)
    columns: dict[str, Any] = {"split": split, "id": [str(row) for row in range(rows)]}
    columns["fold"] = FOLDS if split == "oof" else pd.array([None] * rows, dtype="Int64")
    if gold.ndim == 1 and prefix == "prob/":
        columns["gold"] = gold
    else:
        columns |= {f"gold/{n}": gold.reshape(rows, -1)[:, place] for place, n in enumerate(names)}
    return pd.DataFrame(columns | {f"{prefix}{n}": predicted.reshape(rows, -1)[:, p] for p, n in enumerate(names)})


@pytest.mark.parametrize(
    ("make", "names", "prefix"),
    [(labels, ("x", "y"), "prob/"), (classes, ("ant", "bee", "cow"), "prob/"), (numbers, ("age",), "value/")],
)
def test_arrays_and_files_give_the_same(tmp_path: Path, make: Any, names: tuple[str, ...], prefix: str) -> None:
    (gold, predicted), (test_gold, test_predicted) = make(ROWS), make(TEST)
    parts = [as_file(gold, predicted, names, "oof", prefix), as_file(test_gold, test_predicted, names, "test", prefix)]
    path = tmp_path / "arrays.parquet"
    pd.concat(parts).to_parquet(path, index=False)
    told = data_of(report_of(read_predictions(path), ReportSettings(rounds=100)))
    found = tune_polar.decide(
        gold, predicted, FOLDS, labels=names, splits={"test": (test_gold, test_predicted)}, **QUICK
    )
    data = found.data()
    data["file"] = told["file"]
    assert str(data).replace("'predictions'", "'arrays'") == str(told)
    assert found.score == told["selected"]["raw_best"]
    assert found.corrected == told["selected"]["corrected"]["estimate"]
    ahead = told["selected"]["ahead"]
    for ends, interval in ((found.prediction, ahead["prediction"][0]), (found.interval, ahead["expectation"][0])):
        assert ends == (interval["low"], interval["high"])
    assert found.next_rows == ahead["rows"] == TEST
    assert set(found.thresholds) == (set(names) if make is labels else set())
    assert found.report(tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert str(found).startswith("# ")
    assert "<html" in found._repr_html_()
    assert found.configuration in repr(found)


def test_what_scikit_learn_gives_is_taken_as_it_is() -> None:
    from sklearn.datasets import make_classification
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.multioutput import MultiOutputClassifier

    folds = np.zeros(ROWS, dtype=int)
    plan = KFold(4, shuffle=True, random_state=0)
    for number, (_, held) in enumerate(plan.split(folds)):
        folds[held] = number
    model = LogisticRegression()
    x, three = make_classification(ROWS, n_classes=3, n_informative=5, random_state=0)
    found = tune_polar.decide(
        three, cross_val_predict(model, x, three, cv=plan, method="predict_proba"), folds, **QUICK
    )
    assert (found.rule, found.data()["labels"]) == ("likeliest class", ["0", "1", "2"])
    two = (three > 0).astype(int)
    found = tune_polar.decide(two, cross_val_predict(model, x, two, cv=plan, method="predict_proba"), folds, **QUICK)
    assert list(found.thresholds) == ["1"]
    several = np.stack([two, three == 1], axis=1).astype(int)
    shares = cross_val_predict(MultiOutputClassifier(model), x, several, cv=plan, method="predict_proba")
    found = tune_polar.decide(several, shares, folds, labels=["a", "b"], **QUICK)
    assert set(found.thresholds) == {"a", "b"}


def test_one_label_many_configurations_groups_and_no_folds() -> None:
    gold, shares = labels(ROWS)
    found = tune_polar.decide(gold[:, 0], {"good": shares[:, 0], "noise": RNG.random(ROWS)}, FOLDS, **QUICK)
    assert found.configuration == "good"
    assert len(found.data()["scores"]) == 2 * len(found.data()["rules"])
    without = tune_polar.decide(gold, shares, **QUICK)
    assert any("have one fold" in note for note in without.data()["notes"])
    said, shares = classes(ROWS)
    groups = np.where(np.arange(ROWS) % 3 == 0, "eng", "deu")
    told = tune_polar.decide(said, shares, FOLDS, groups=groups.tolist(), **QUICK).data()
    assert {each["group"]: each["rows"] for each in told["selected"]["groups"]} == {"eng": 80, "deu": 160}


GOLD, SHARES = labels(ROWS)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((GOLD, SHARES[:9], FOLDS), "gold must have 9 rows as it has, got 240"),
        ((GOLD, SHARES, FOLDS[:9]), "fold must hold one number per row"),
        ((GOLD, SHARES + 1, FOLDS), "probabilities must be numbers between 0 and 1"),
        (
            (GOLD, np.where(SHARES > 0.9, np.nan, SHARES), FOLDS),
            "probabilities must be numbers between 0 and 1, got nan",
        ),
        ((GOLD * 2, SHARES, FOLDS), "gold must hold only 0 and 1, got 2"),
        ((GOLD, "words", FOLDS), "predictions must be numbers"),
        ((GOLD, {}, FOLDS), "at least one configuration's predictions"),
        ((GOLD, np.zeros((ROWS, 2, 2)), FOLDS), "predictions must have shape"),
        ((np.arange(ROWS) % 4, np.full((ROWS, 3), 1 / 3), FOLDS), "one distinct name for each of the 3 columns"),
        ((GOLD[:, 0].astype(str), SHARES[:, 0], FOLDS), "gold must"),
        ((np.full(ROWS, np.inf), SHARES[:, 0], FOLDS), "gold must be finite numbers"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(words: tuple[Any, ...], says: str) -> None:
    with pytest.raises(tune_polar.TunePolarError, match=says):
        tune_polar.decide(*words, **QUICK)


def test_numbers_of_numpy_are_numbers() -> None:
    whole = {"seed": 3, "new_rows": 50, "rounds": 100}
    of_numpy = {name: np.int64(value) for name, value in whole.items()}
    found, expected = (tune_polar.decide(GOLD, SHARES, FOLDS, **each) for each in (of_numpy, whole))
    assert json.dumps(found.data()) == json.dumps(expected.data())


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"labels": ["x"]}, "one distinct name for each of the 2 columns"),
        ({"labels": ["x", "x"]}, "one distinct name"),
        ({"rules": ["best"]}, "the threshold rule must be one of"),
        ({"rounds": 3}, "rounds must be at least 100"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"new_rows": 0}, "new_rows must be at least 1"),
        ({"new_rows": np.int64(0)}, "new_rows must be at least 1"),
        ({"groups": ["a"]}, "groups must have 240 rows"),
        ({"splits": {"oof": (GOLD, SHARES)}}, "must not be called 'oof'"),
        ({"splits": {"test": (GOLD, SHARES[:, :1])}}, "there must be 2 columns, one of 0, 1 each, got 1"),
    ],
)
def test_words_that_do_not_fit_are_refused(more: dict[str, Any], says: str) -> None:
    with pytest.raises(tune_polar.TunePolarError, match=says):
        tune_polar.decide(GOLD, SHARES, FOLDS, **{**QUICK, **more})
