from __future__ import annotations

from pathlib import Path

import pytest

from tune_polar.data.column_request import DataRequest, column_specs
from tune_polar.data.header import word_of_label
from tune_polar.data.infer import Inferred, infer_columns
from tune_polar.data.load import load_corpus
from tune_polar.data.source import parse_source
from tune_polar.errors import DataError


def infer(tmp_path: Path, values: list[str], *targets: str) -> Inferred:
    path = tmp_path / "a.csv"
    path.write_text("text,y\n" + "".join(f"text {row},{value}\n" for row, value in enumerate(values)))
    return infer_columns(str(path), targets or ("y",))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["0", "1", "1"], None),
        (["1.0", "0.0"], None),
        (["True", "False"], None),
        (["yes", "no", "yes"], ("no", "yes")),
        (["normal", "hateful"], ("normal", "hateful")),
        (["implicit_hate", "not_hate"], ("not_hate", "implicit_hate")),
        (["hate", "nothate"], ("nothate", "hate")),
        (["ham", "spam"], ("ham", "spam")),
        (["2", "1"], ("1", "2")),
        (["1", "-1"], ("-1", "1")),
        (["zebra", "ape", "zebra"], ("zebra", "ape")),  # the more frequent is 0
        (["b", "a"], ("a", "b")),
        (["yes", "no", ""], ("no", "yes")),
    ],
)
def test_two_values_are_a_label_in_a_stated_order(
    tmp_path: Path, values: list[str], words: tuple[str, str] | None
) -> None:
    inferred = infer(tmp_path, values)

    assert inferred.labels == ("y",)
    assert inferred.words == ({} if words is None else {"y": words})
    if words is not None and "" not in values:
        source = parse_source(str(tmp_path / "a.csv"), columns=dict(inferred.columns))
        corpus = load_corpus(source, DataRequest(column_specs(labels=["y"])))
        assert corpus.train.values("y").tolist() == [words.index(value) for value in values]


def test_some_values_are_classes_and_many_or_decimal_ones_numbers(tmp_path: Path) -> None:
    assert infer(tmp_path, ["c", "a", "b"]).classes == {"y": ("a", "b", "c")}
    assert infer(tmp_path, ["10", "9", "1"]).classes == {"y": ("1", "9", "10")}
    assert infer(tmp_path, ["1.5", "2", "4"]).numbers == {"y": (1.5, 4.0)}
    assert infer(tmp_path, ["1.0", "2.0", "3.0"]).numbers == {"y": (1.0, 3.0)}
    assert infer(tmp_path, [str(value) for value in range(51)]).numbers == {"y": (0.0, 50.0)}
    assert len(infer(tmp_path, [f"c{value}" for value in range(50)]).classes["y"]) == 50


def test_ranges_and_classes_are_of_train_alone(tmp_path: Path) -> None:
    for name, rows in (("train", "a\t1.5\nb\t2.5\nc\t3\n"), ("dev", "d\t0.5\n")):
        (tmp_path / f"{name}.tsv").write_text(f"text\ty\n{rows}")

    assert infer_columns(str(tmp_path), ["y"]).numbers == {"y": (1.5, 3.0)}
    assert infer_columns(parse_source(str(tmp_path), columns={"warmth": "y"}), ["warmth"]).numbers == {
        "warmth": (1.5, 3.0)
    }


def test_several_targets_are_labels(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,a,b,c\nx,0,1,no\ny,1,0,yes\n")

    assert infer_columns(str(path), ["a", "b"]) == Inferred(labels=("a", "b"))
    with pytest.raises(DataError, match=r"several targets must each hold 0 and 1, got .*'no'.* in 'c'"):
        infer_columns(str(path), ["a", "c"])


@pytest.mark.parametrize(
    ("values", "targets", "message"),
    [
        (["1", "true"], ["y"], r"a target must have two values or more, got '1', 'true' in 'y', which all mean 1"),
        (["1", "1"], ["y"], r"a target must have two values or more, got 1 in 'y': .*'1'"),
        (["", ""], ["y"], "got 0 in 'y'"),
        ([f"c{value}" for value in range(51)], ["y"], "at most 50 classes, or numbers, got 51 different texts in 'y'"),
        (["0", "1"], ["z"], r"must have the column 'z', got \['text', 'y'\]"),
        (["0", "1"], ["Y"], "did you mean 'y'"),
        (["0", "1"], [], "--target must name a column"),
    ],
)
def test_refuses_what_is_no_target(tmp_path: Path, values: list[str], targets: list[str], message: str) -> None:
    (tmp_path / "a.csv").write_text("text,y\n" + "".join(f"text {row},{value}\n" for row, value in enumerate(values)))
    with pytest.raises(DataError, match=message):
        infer_columns(str(tmp_path / "a.csv"), targets)


def test_the_sample_has_labels_alone() -> None:
    assert infer_columns("sample", ["polarization"]) == Inferred(labels=("polarization",))
    with pytest.raises(DataError, match=r"a target must be one of polarization, .*, got 'polarisation'; did you mean"):
        infer_columns("sample", ["polarisation"])


def test_numbers_that_are_asked_for_are_no_classes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,intimacy,topic\n" + "".join(f"text {row},{row % 5 + 1},t{row % 2}\n" for row in range(10)))

    assert infer_columns(str(path), ["intimacy"]).classes == {"intimacy": ("1", "2", "3", "4", "5")}
    assert infer_columns(str(path), ["intimacy"], numbers=True) == Inferred(numbers={"intimacy": (1.0, 5.0)})
    with pytest.raises(DataError, match=r"two different numbers or more, got 't0', 't1' in 'topic'"):
        infer_columns(str(path), ["topic"], numbers=True)
    with pytest.raises(DataError, match="must be in a file of your own, got 'polarization' of data 'sample'"):
        infer_columns("sample", ["polarization"], numbers=True)


@pytest.mark.parametrize(
    ("column", "words"), [("y", ("a=b", "c=d")), ("y=z", ("0=no", "1=yes")), ("y", ("=", "==")), ("y", ("no", "y=es"))]
)
def test_columns_and_words_may_have_the_mark_in_them(tmp_path: Path, column: str, words: tuple[str, str]) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"text,{column}\n" + "".join(f"text {row},{words[row % 2]}\n" for row in range(8)))
    inferred = infer_columns(str(path), [column])
    assert set(inferred.words[column]) == set(words)

    source = parse_source(str(path), columns=dict(inferred.columns))
    positive = inferred.words[column][1]
    assert word_of_label(source, column) == (column, positive)
    corpus = load_corpus(source, DataRequest(column_specs(labels=[column])))
    assert corpus.train.values(column).tolist() == [int(words[row % 2] == positive) for row in range(8)]
