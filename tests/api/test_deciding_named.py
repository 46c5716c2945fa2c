"""What names its rows and columns, as DataFrames and Series do, is put in one order by them, or refused in words."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
import torch

import tune_polar

ROWS, TEST = 200, 80
RNG = np.random.default_rng(0)
QUICK: dict[str, Any] = {"rounds": 100}


def two_labels(rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    gold = pd.DataFrame({"x": np.arange(rows) % 2, "z": (np.arange(rows) % 5 == 0).astype(int)})
    return gold, (gold * 0.6 + RNG.random(gold.shape) * 0.45).clip(0, 1)


GOLD, SHARES = two_labels(ROWS)
TEST_GOLD, TEST_SHARES = two_labels(TEST)
FOLDS = pd.Series((np.arange(ROWS) // 2) % 5)
ORDER, TEST_ORDER = RNG.permutation(ROWS), RNG.permutation(TEST)
ALIKE = tune_polar.decide(
    GOLD.to_numpy(),
    SHARES.to_numpy(),
    FOLDS.to_numpy(),
    labels=["x", "z"],
    splits={"test": (TEST_GOLD.to_numpy(), TEST_SHARES.to_numpy())},
    **QUICK,
).data()


@pytest.mark.parametrize(
    ("gold", "predictions", "folds", "more"),
    [
        pytest.param(GOLD, SHARES, FOLDS, {}, id="names"),
        pytest.param(GOLD, SHARES[["z", "x"]], FOLDS, {}, id="columns"),
        pytest.param(GOLD.to_numpy(), SHARES, FOLDS, {}, id="names of predictions"),
        pytest.param(GOLD[["z", "x"]], SHARES.to_numpy(), FOLDS, {"labels": ["x", "z"]}, id="labels"),
        pytest.param(GOLD, pa.table({name: SHARES[name] for name in ("z", "x")}), FOLDS, {}, id="pyarrow"),
        pytest.param(GOLD, SHARES.iloc[ORDER], FOLDS, {}, id="rows of predictions"),
        pytest.param(GOLD, SHARES, FOLDS.iloc[ORDER], {}, id="rows of folds"),
        pytest.param(GOLD.set_axis(np.arange(ROWS)), SHARES, FOLDS.to_frame(), {}, id="numbers as numbers"),
        pytest.param(
            GOLD,
            [pd.DataFrame({1: SHARES[name], 0: 1 - SHARES[name]}).iloc[ORDER] for name in ("x", "z")],
            FOLDS,
            {},
            id="list of tables",
        ),
        pytest.param(scipy.sparse.csr_matrix(GOLD), SHARES, FOLDS, {}, id="sparse"),
        pytest.param(GOLD, torch.tensor(SHARES.to_numpy(), requires_grad=True), FOLDS, {}, id="torch"),
        pytest.param(
            GOLD,
            SHARES,
            FOLDS,
            {"splits": {"test": (TEST_GOLD[["z", "x"]], TEST_SHARES.iloc[TEST_ORDER])}},
            id="splits",
        ),
    ],
)
def test_rows_and_columns_go_by_their_names(gold: Any, predictions: Any, folds: Any, more: dict[str, Any]) -> None:
    splits = {"test": (TEST_GOLD, TEST_SHARES)}
    assert tune_polar.decide(gold, predictions, folds, **{"splits": splits, **QUICK, **more}).data() == ALIKE


def test_several_configurations_go_by_their_names_each() -> None:
    several = {"one": SHARES.iloc[ORDER], "other": SHARES[["z", "x"]] ** 2}
    plain = {"one": SHARES.to_numpy(), "other": SHARES.to_numpy() ** 2}
    told = tune_polar.decide(GOLD, several, FOLDS, **QUICK)
    assert told.data() == tune_polar.decide(GOLD, plain, FOLDS, **QUICK).data()
    assert list(told.thresholds) == ["x", "z"]


def test_classes_are_called_as_the_columns_are() -> None:
    said = pd.Series(np.array(["ant", "bee", "cow"])[np.arange(ROWS) % 3])
    shares = pd.DataFrame({name: 0.1 + 0.7 * (said == name) for name in ("cow", "ant", "bee")})
    groups = pd.Series(np.where(np.arange(ROWS) % 4, "eng", "deu"))
    told = tune_polar.decide(said, shares.iloc[ORDER], FOLDS, groups=groups.iloc[ORDER], **QUICK)
    assert (told.score, told.data()["labels"]) == (1.0, ["cow", "ant", "bee"])
    plain = tune_polar.decide(said, shares, FOLDS, groups=groups, **QUICK)
    assert told.data() == plain.data()


def test_a_series_names_its_label() -> None:
    assert list(tune_polar.decide(GOLD["x"], SHARES["x"].rename("p"), FOLDS, **QUICK).thresholds) == ["x"]


@pytest.mark.parametrize(
    ("folds", "note"),
    [
        ([f"f{place}" for place in FOLDS], "numbered in the order of their names: f0 is 0, f1 is 1, f2 is 2"),
        (FOLDS.astype(str), None),
        (FOLDS.astype(float), None),
        (FOLDS.astype(str).astype("category"), None),
    ],
)
def test_folds_may_have_names(folds: Any, note: str | None) -> None:
    told = tune_polar.decide(GOLD, SHARES, folds, splits={"test": (TEST_GOLD, TEST_SHARES)}, **QUICK).data()
    notes = told.pop("notes")
    assert told == {key: value for key, value in ALIKE.items() if key != "notes"}
    assert [each for each in notes if each not in ALIKE["notes"]] == [] if note is None else note in str(notes)


def missing(value: Any) -> pd.Series:
    return FOLDS.astype(object).where(np.arange(ROWS) != 3, value)


TWICE = SHARES.set_axis([0, *range(ROWS - 1)])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((GOLD, SHARES.rename(columns={"z": "y"}), FOLDS), "columns of predictions must be called x, z, got x, y"),
        ((GOLD, pd.concat([SHARES, SHARES], axis=1), FOLDS), "columns of predictions must have a name each"),
        ((GOLD, SHARES.set_axis(np.arange(ROWS) + 1), FOLDS), "index of predictions .* got 1 that gold lacks: 200"),
        ((GOLD, SHARES.iloc[:-1], FOLDS), "index of predictions must name the rows of gold, got 1 that"),
        ((GOLD, TWICE, FOLDS), "index of predictions must have each name once, .* got 0 again"),
        ((GOLD, [SHARES, SHARES], FOLDS), r"columns of predictions\[0\] must be called 0 and 1, .* got x, z"),
        ((GOLD, SHARES, FOLDS.iloc[1:]), "index of folds must name the rows of gold, got 1 that"),
        ((GOLD, SHARES, missing(np.nan)), "fold must be a whole number, .* got nan in row 3"),
        ((GOLD, SHARES, missing(None).astype(float)), "fold must be a whole number, .* got nan in row 3"),
        ((GOLD, SHARES, missing("f1")), "fold must be a whole number, .* got 'f1' in row 3"),
        ((GOLD, SHARES, FOLDS + 0.5), "fold must be a whole number, .* got 0.5 in row 0"),
        ((GOLD, SHARES, FOLDS - 1), "fold must be a whole number, 0 or more, .* got -1 in row 0"),
        ((GOLD, SHARES, FOLDS.astype(str).where(FOLDS > 0, "")), "fold must be a whole number, .* got '' in row 0"),
        (([], [], []), r"predictions must have shape \(rows,\) or \(rows, columns\), got \(0,\)"),
        (([], [0.5], [0]), r"gold must have shape \(rows,\) or \(rows, columns\), got \(0,\)"),
        ((None, SHARES, FOLDS), "gold of the out-of-fold rows must be an array, got None"),
        (({"x": [1]}, SHARES, FOLDS), r"gold must have shape .*, got \(\)"),
        (([[1], [1, 0]], SHARES, FOLDS), "gold must be an array, got list"),
        ((GOLD, torch.tensor(SHARES.to_numpy()).bfloat16(), FOLDS), "predictions must be an array, got Tensor"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(given: tuple[Any, ...], says: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(tune_polar.TunePolarError, match=says):
            tune_polar.decide(*given, **QUICK)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"splits": {"test": (TEST_GOLD,)}}, r"splits\['test'\] must be a pair .*, got 1 of them"),
        ({"splits": {"test": TEST_GOLD}}, r"splits\['test'\] must be a pair .*, got DataFrame"),
        ({"splits": [TEST_GOLD, TEST_SHARES]}, "splits must map names to"),
        ({"splits": {"test": (TEST_GOLD, {"other": TEST_SHARES})}}, "must hold predictions of predictions, got other"),
        ({"splits": {"test": (TEST_GOLD, TEST_SHARES.iloc[1:])}}, "index of predictions of test must name the rows of"),
        ({"splits": {"test": (None, TEST_SHARES[["x"]])}}, "columns of predictions of test must be called x, z, got x"),
        ({"labels": ["x", "y"]}, "columns of .* must be called x, y, got x, z"),
        ({"groups": 5}, "groups must name the group of each row, got 5"),
        ({"groups": FOLDS.iloc[1:]}, "index of groups must name the rows of gold"),
        ({"seed": "a"}, "seed must be at least 0, got 'a'"),
        ({"new_rows": "a"}, "new_rows must be at least 1, got 'a'"),
    ],
)
def test_further_words_that_do_not_fit_are_refused(more: dict[str, Any], says: str) -> None:
    with pytest.raises(tune_polar.TunePolarError, match=says):
        tune_polar.decide(GOLD, SHARES, FOLDS, **{**QUICK, **more})


@pytest.mark.parametrize(("path", "says"), [(None, "path must be text or a Path, got None"), ("d.txt", "d.txt")])
def test_a_report_that_cannot_be_written_is_told_in_the_words_of_python(path: Any, says: str) -> None:
    found = tune_polar.decide(GOLD, SHARES, FOLDS, **QUICK)
    with pytest.raises(tune_polar.TunePolarError, match=says) as error:
        found.report(path)
    assert "--" not in str(error.value)
    assert "thresholds.html" in error.value.remedy
