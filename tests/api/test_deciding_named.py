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
from tune_polar.api.deciding import Decided

ROWS, TEST = 200, 80
RNG = np.random.default_rng(0)
QUICK: dict[str, Any] = {"rounds": 100}


def two_labels(rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    named = pd.RangeIndex(1, rows + 1)  # other numbers than those that pandas gives
    gold = pd.DataFrame({"x": np.arange(rows) % 2, "z": (np.arange(rows) % 5 == 0).astype(int)}, index=named)
    return gold, (gold * 0.6 + RNG.random(gold.shape) * 0.45).clip(0, 1)


GOLD, SHARES = two_labels(ROWS)
TEST_GOLD, TEST_SHARES = two_labels(TEST)
FOLDS = pd.Series((np.arange(ROWS) // 2) % 5, index=GOLD.index)
PLAIN_FOLDS = FOLDS.to_numpy()
ORDER, TEST_ORDER = RNG.permutation(ROWS), RNG.permutation(TEST)
ALIKE = tune_polar.decide(
    GOLD.to_numpy(),
    SHARES.to_numpy(),
    PLAIN_FOLDS,
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
        pytest.param(GOLD.set_axis(np.arange(ROWS) + 1), SHARES, FOLDS.to_frame(), {}, id="numbers as numbers"),
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
    told = tune_polar.decide(gold, predictions, folds, **{"splits": splits, **QUICK, **more}).data()
    notes = told.pop("notes")
    assert told == {key: value for key, value in ALIKE.items() if key != "notes"}
    assert [each for each in notes if MOVED not in each] == ALIKE["notes"]


MOVED = "put in the order of gold"


@pytest.mark.parametrize(
    ("predictions", "folds", "more", "notes"),
    [
        (SHARES, FOLDS, {}, []),
        (SHARES.to_numpy(), FOLDS, {}, []),
        (SHARES.iloc[ORDER], FOLDS, {}, ["rows of predictions are put in the order of gold by their index"]),
        (
            SHARES.iloc[ORDER],
            FOLDS[::-1],
            {},
            ["rows of predictions, folds are put in the order of gold by their index"],
        ),
        (
            SHARES,
            FOLDS,
            {"splits": {"test": (TEST_GOLD, TEST_SHARES.iloc[TEST_ORDER])}},
            ["rows of predictions of test are put in the order of gold of test by their index"],
        ),
    ],
)
def test_a_note_tells_whose_rows_are_moved(
    predictions: Any, folds: Any, more: dict[str, Any], notes: list[str]
) -> None:
    told = tune_polar.decide(GOLD, predictions, folds, **QUICK, **more)
    assert [each for each in told.data()["notes"] if MOVED in each] == notes
    assert all(each in str(told) for each in notes)


def test_predictions_collected_over_folds_go_by_the_numbers_of_gold() -> None:
    """Gold as pandas numbers it: another order of its numbers comes from whoever took its rows apart."""
    gold, shares = HATE.reset_index(drop=True), SHARE.reset_index(drop=True)
    found = tune_polar.decide(gold, shares.iloc[ORDER], PLAIN_FOLDS, **QUICK)
    assert found.score == tune_polar.decide(gold.to_numpy(), shares.to_numpy(), PLAIN_FOLDS, **QUICK).score
    assert "rows of predictions are put in the order of gold by their index" in found.data()["notes"]


@pytest.mark.parametrize("labels", [[True, False], [1, 0], [1.0, 0.0]])
def test_columns_that_pandas_numbered_are_labelled_by_position(labels: list[object]) -> None:
    gold, shares = np.isin(HATE.to_numpy(), labels[:1]), np.column_stack([SHARE, 1 - SHARE])
    kind = type(labels[0])
    told = [
        tune_polar.decide(gold.astype(kind), each, PLAIN_FOLDS, labels=labels, **QUICK)  # type: ignore[arg-type]
        for each in (shares, pd.DataFrame(shares))
    ]
    assert told[0].score == told[1].score > 0.6


def test_several_configurations_go_by_their_names_each() -> None:
    several = {"one": SHARES.iloc[ORDER], "other": SHARES[["z", "x"]] ** 2}
    plain = {"one": SHARES.to_numpy(), "other": SHARES.to_numpy() ** 2}
    told = tune_polar.decide(GOLD, several, FOLDS, **QUICK)
    assert without_notes(told) == without_notes(tune_polar.decide(GOLD, plain, FOLDS, **QUICK))
    assert list(told.thresholds) == ["x", "z"]


def without_notes(told: Decided) -> dict[str, Any]:
    return {key: value for key, value in told.data().items() if key != "notes"}


def test_classes_are_called_as_the_columns_are() -> None:
    said = pd.Series(np.array(["ant", "bee", "cow"])[np.arange(ROWS) % 3], index=GOLD.index)
    shares = pd.DataFrame({name: 0.1 + 0.7 * (said == name) for name in ("cow", "ant", "bee")})
    groups = pd.Series(np.where(np.arange(ROWS) % 4, "eng", "deu"), index=GOLD.index)
    told = tune_polar.decide(said, shares.iloc[ORDER], FOLDS, groups=groups.iloc[ORDER], **QUICK)
    assert (told.score, told.data()["labels"]) == (1.0, ["ant", "bee", "cow"])
    plain = tune_polar.decide(said, shares, FOLDS, groups=groups, **QUICK)
    assert without_notes(told) == without_notes(plain)


def test_a_series_names_its_label() -> None:
    assert list(tune_polar.decide(GOLD["x"], SHARES["x"].rename("p"), FOLDS, **QUICK).thresholds) == ["x"]


HATE, SHARE = GOLD["x"], SHARES["x"]
PAIR = np.column_stack([1 - SHARE, SHARE])
BUGS = np.array(["a", "b", "c"])[np.arange(ROWS) % 3]
NUMBERS = np.arange(ROWS) % 3 + 1
THREE = np.eye(3)[np.arange(ROWS) % 3] * 0.4 + 0.6 * RNG.dirichlet([1, 1, 1], ROWS)
PREFIXED = pd.DataFrame(THREE, columns=["p_a", "p_b", "p_c"], index=GOLD.index)
ONE_LABEL = tune_polar.decide(HATE, SHARE.to_numpy(), FOLDS, **QUICK)
THREE_CLASSES = tune_polar.decide(BUGS, THREE, FOLDS, **QUICK)


@pytest.mark.parametrize(
    ("gold", "predictions"),
    [
        (HATE.to_frame(), SHARE),
        (HATE.to_frame(), SHARE.rename("p")),
        (HATE.to_frame(), SHARE.rename("p").to_frame()),
        (HATE.rename(None), SHARE.to_frame()),
        (HATE.to_numpy()[:, None], SHARE.to_frame()),
        (HATE, pa.table({"p": SHARE})),
    ],
)
def test_a_single_column_goes_by_position_whatever_its_name(gold: Any, predictions: Any) -> None:
    assert tune_polar.decide(gold, predictions, FOLDS, **QUICK).data() == ONE_LABEL.data()


def test_single_columns_of_several_configurations_may_have_other_names() -> None:
    told = tune_polar.decide(
        HATE.rename("hate").to_frame(), {name: SHARE.rename(name).to_frame() for name in ("m1", "m2")}, FOLDS, **QUICK
    )
    assert list(told.thresholds) == ["hate"]


@pytest.mark.parametrize(
    ("gold", "predictions", "labels"),
    [
        (BUGS[:, None], THREE, None),
        (pd.DataFrame({"kind": BUGS}), pd.DataFrame(THREE, columns=list("abc")), None),
        (pd.DataFrame({"kind": BUGS}), THREE, ["a", "b", "c"]),
        (BUGS, PREFIXED, ["a", "b", "c"]),
        (BUGS, pd.DataFrame(THREE, columns=list("abc"))[["c", "a", "b"]], None),
        (BUGS, pd.DataFrame(THREE, columns=list("abc"))[["c", "a", "b"]], ["a", "b", "c"]),
    ],
)
def test_one_column_of_classes_stands_beside_one_a_class(gold: Any, predictions: Any, labels: list[str] | None) -> None:
    told = tune_polar.decide(gold, predictions, PLAIN_FOLDS, labels=labels, **QUICK)
    assert without_notes(told) == without_notes(THREE_CLASSES)


@pytest.mark.parametrize("labels", [None, [1.0, 2.0, 3.0], ["1", "2", "3"]])
@pytest.mark.parametrize("columns", [[1, 2, 3], ["1", "2", "3"], [1.0, 2.0, 3.0]])
def test_whole_numbers_with_a_point_are_the_same_classes(columns: list[Any], labels: Any) -> None:
    shares = pd.DataFrame(THREE, columns=columns).iloc[:, ::-1]
    told = tune_polar.decide(NUMBERS.astype(float), shares, PLAIN_FOLDS, labels=labels, **QUICK)
    assert without_notes(told) == without_notes(tune_polar.decide(NUMBERS, THREE, PLAIN_FOLDS, **QUICK))
    assert told.data()["labels"] == ["1", "2", "3"]


def test_labels_rename_tables_that_have_none_of_their_names() -> None:
    told = tune_polar.decide(GOLD, SHARES[["z", "x"]], FOLDS, labels=["u", "v"], **QUICK)
    plain = tune_polar.decide(GOLD.to_numpy(), SHARES.to_numpy(), FOLDS, labels=["u", "v"], **QUICK)
    assert without_notes(told) == without_notes(plain)
    assert "columns x, z are, by position, u, v" in told.data()["notes"]
    several = {"one": PREFIXED, "other": PREFIXED.iloc[:, ::-1] ** 2, "third": THREE}
    plain = tune_polar.decide(BUGS, {"one": THREE, "other": THREE**2, "third": THREE}, FOLDS, **QUICK)
    assert without_notes(tune_polar.decide(BUGS, several, FOLDS, labels=["a", "b", "c"], **QUICK)) == without_notes(
        plain
    )


@pytest.mark.parametrize("columns", [[True, False], [1, 0], ["1", "0"], [1.0, 0.0]])
@pytest.mark.parametrize(("dtype", "label"), [(bool, "True"), (int, "1"), (float, "1")])
def test_of_two_classes_the_positive_one_is_the_label_in_any_order_of_columns(
    columns: list[Any], dtype: type, label: str
) -> None:
    told = tune_polar.decide(
        HATE.to_numpy().astype(dtype), pd.DataFrame(PAIR[:, ::-1], columns=columns), PLAIN_FOLDS, **QUICK
    )
    assert told.thresholds == {label: ONE_LABEL.thresholds["x"]}


def lacking(values: Any, value: Any, dtype: Any = object) -> pd.Series:
    return pd.Series(values, dtype=object).where(np.arange(ROWS) != 3, value).astype(dtype)


@pytest.mark.parametrize(
    ("gold", "predictions"),
    [
        *((lacking(BUGS, value), THREE) for value in (None, np.nan, pd.NA, float("nan"))),
        (lacking(BUGS, None, "string"), THREE),
        (lacking(BUGS, None, "category"), THREE),
        (lacking(NUMBERS, np.nan, float), THREE),
        (lacking(HATE == 1, None, "boolean"), SHARE.to_numpy()),
        (lacking(HATE, None, "Int64"), SHARE.to_numpy()),
        (lacking(HATE, None).to_frame(), PAIR),
        (GOLD.drop(GOLD.index[3]).reindex(GOLD.index), SHARES),
    ],
)
def test_gold_that_lacks_a_value_is_refused_by_its_row(gold: Any, predictions: Any) -> None:
    with pytest.raises(tune_polar.TunePolarError, match=r"gold must have a value .*, got none in row 3 .* 1 such"):
        tune_polar.decide(gold, predictions, PLAIN_FOLDS, **QUICK)
    rows = np.arange(ROWS) != 3
    assert tune_polar.decide(gold[rows], predictions[rows], PLAIN_FOLDS[rows], **QUICK).thresholds is not None


SHUFFLED = HATE.reset_index(drop=True).iloc[ORDER]
FRESH = pd.Series(SHARE.to_numpy()[ORDER])  # what predicts the shuffled rows by position
SORTED = SHARE.reset_index(drop=True)
BY_ORDER = PLAIN_FOLDS[ORDER]


@pytest.mark.parametrize(
    ("refused", "says", "followed"),
    [
        pytest.param(
            (SHUFFLED, FRESH, BY_ORDER),
            "index of predictions must be .* got 0 to 199 in order, .*, and another order of gold",
            [
                (SHUFFLED, FRESH.set_axis(SHUFFLED.index), BY_ORDER),
                (SHUFFLED, FRESH.to_numpy(), BY_ORDER),
                (SHUFFLED.sort_index(), SORTED, PLAIN_FOLDS),  # where numbers of rows are meant
            ],
            id="fresh predictions",
        ),
        pytest.param(
            (SHUFFLED, FRESH.to_numpy(), pd.Series(BY_ORDER)),
            "index of folds must be that of gold",
            [(SHUFFLED, FRESH.to_numpy(), pd.Series(BY_ORDER, SHUFFLED.index))],
            id="fresh folds",
        ),
        pytest.param(
            (BUGS, PREFIXED, FOLDS),
            "gold must be one of p_a, p_b, p_c, got a, b, c",
            [(BUGS, PREFIXED, FOLDS, ["a", "b", "c"]), (BUGS, PREFIXED.to_numpy(), FOLDS, ["a", "b", "c"])],
            id="classes called otherwise",
        ),
        pytest.param(
            (BUGS, PREFIXED.set_axis(["a", "b", "other"], axis=1), FOLDS),
            "gold must be one of a, b, other, got c",
            [(BUGS, PREFIXED.to_numpy(), FOLDS, ["a", "b", "c"])],
            id="some classes called otherwise",
        ),
        pytest.param(
            (HATE, pd.DataFrame(PAIR, GOLD.index, ["no", "yes"]), FOLDS),
            "gold must be one of no, yes, got 0, 1",
            [(HATE, pd.DataFrame(PAIR, GOLD.index, ["no", "yes"]), FOLDS, [0, 1])],
            id="no and yes",
        ),
        pytest.param(
            (np.where(BUGS == "c", "a", BUGS), THREE, FOLDS),
            "one distinct name for each of the 3 columns",
            [(np.where(BUGS == "c", "a", BUGS), THREE, FOLDS, ["a", "b", "c"])],
            id="a class that no row has",
        ),
        pytest.param(
            (BUGS, PAIR, FOLDS),
            "one distinct name for each of the 2 columns",
            [(BUGS, THREE, FOLDS, ["a", "b", "c"])],
            id="a class without a column",
        ),
        pytest.param(
            (GOLD, SHARES.set_axis(["p_x", "p_z"], axis=1), FOLDS),
            "columns of predictions must be called x, z, got p_x, p_z",
            [(GOLD, SHARES, FOLDS), (GOLD, SHARES.to_numpy(), FOLDS)],
            id="labels called otherwise",
        ),
        pytest.param(
            (GOLD, SHARES, FOLDS, ["x", "y"]),
            "columns of .* must be called x, y, got x, z",
            [(GOLD.to_numpy(), SHARES.to_numpy(), FOLDS, ["x", "y"])],
            id="some labels called otherwise",
        ),
        pytest.param(
            (GOLD, [pd.DataFrame(PAIR, columns=["no", "yes"])] * 2, PLAIN_FOLDS),
            r"columns of predictions\[0\] must be called 0 and 1, .* got no, yes",
            [(GOLD, [PAIR, PAIR], PLAIN_FOLDS)],
            id="list of tables",
        ),
        pytest.param(
            (GOLD, SHARE, FOLDS),
            "columns of predictions must be called x, z, got x",
            [(GOLD, SHARES, FOLDS)],
            id="a column that is lacking",
        ),
        pytest.param(
            (GOLD.to_numpy(), SHARE.to_numpy(), FOLDS),
            r"gold must have shape \(rows, 1\), got \(200, 2\)",
            [(HATE, SHARE.to_numpy(), FOLDS)],
            id="a column too many",
        ),
    ],
)
def test_what_a_remedy_says_is_accepted(refused: Any, says: str, followed: list[Any]) -> None:
    def decided(gold: Any, predictions: Any, folds: Any, labels: Any = None) -> Decided:
        return tune_polar.decide(gold, predictions, folds, labels=labels, **QUICK)

    with pytest.raises(tune_polar.TunePolarError, match=says):
        decided(*refused)
    scores = [decided(*each).score for each in followed]
    assert scores == scores[:1] * len(scores)


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
        ((GOLD, SHARES.set_axis(np.arange(ROWS) + 2), FOLDS), "index of predictions .* got 1 that gold lacks: 201"),
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
