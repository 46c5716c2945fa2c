from __future__ import annotations

from pathlib import Path

import pytest

from tune_polar.api.data_words import DataWords
from tune_polar.api.search_request import RecipeWords, asked
from tune_polar.data.column_request import ColumnSpec, DataRequest, column_specs
from tune_polar.data.labels import MANIFESTATIONS, POLARIZATION, TYPES
from tune_polar.data.load import load_corpus
from tune_polar.data.source import Source
from tune_polar.data.table import Corpus
from tune_polar.errors import DataError
from tune_polar.search.recipe_data import read_corpus

HEADER = ["id", "text", POLARIZATION, *TYPES, *MANIFESTATIONS]
POLARIZED = ["a", "甲", *"101000", *"100000"]
NEUTRAL = ["b", "乙", *"000000", *"000000"]


def write(path: Path, *rows: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(",".join(row) + "\r\n" for row in rows).encode())
    return path


def load(folder: Path, language: str = "zho", **request: object) -> Corpus:
    source = Source(kind="polar", path=str(folder), language=language)
    return load_corpus(source, DataRequest(**{"specs": column_specs(labels=[POLARIZATION]), **request}))  # type: ignore[arg-type]


def test_reads_all_splits_and_labels(tmp_path: Path) -> None:
    write(tmp_path / "train/zho.csv", HEADER, POLARIZED, NEUTRAL)
    write(tmp_path / "dev/zho.csv", HEADER, ["c", "丙", *"0" * 12])
    write(tmp_path / "test/zho.csv", [*HEADER, "polar_canary"], ["d", "丁", *"0" * 12, "GUID"])

    corpus = load(tmp_path)

    assert corpus.name == "polar-zho"
    assert list(corpus.splits) == ["train", "dev", "test"]
    assert corpus.train.ids == ("a", "b")
    assert corpus.train.texts == ("甲", "乙")
    assert list(corpus.train.columns) == [POLARIZATION, *TYPES, *MANIFESTATIONS, "language"]
    assert corpus.train.values("racial/ethnic").tolist() == [1, 0]
    assert corpus.train.words("language") == ["zho", "zho"]
    assert corpus.splits["test"].ids == ("d",)


def test_a_language_may_lack_manifestations_or_types(tmp_path: Path) -> None:
    write(tmp_path / "train/ita.csv", HEADER[:8], POLARIZED[:8])
    write(tmp_path / "train/xxx.csv", HEADER[:3], POLARIZED[:3])

    assert list(load(tmp_path, "ita").train.columns) == [POLARIZATION, *TYPES, "language"]
    assert list(load(tmp_path, "xxx").train.columns) == [POLARIZATION, "language"]
    with pytest.raises(
        DataError, match=r"xxx.csv, row 1, column stereotype: the file must have the column 'stereotype'"
    ):
        load(tmp_path, "xxx", specs=column_specs(labels=[POLARIZATION, "stereotype"]))
    with pytest.raises(DataError, match=r"Remedy: Take a recipe that learns what these files have, .*--language"):
        load(tmp_path, "ita,xxx", specs=column_specs(labels=[POLARIZATION, "political"]))


def test_what_a_polar_recipe_does_not_learn_may_be_lacking_in_a_language(tmp_path: Path) -> None:
    write(tmp_path / "train/ita.csv", HEADER[:8], POLARIZED[:8], *[[f"n{row}", *NEUTRAL[1:8]] for row in range(4)])
    write(tmp_path / "train/zho.csv", HEADER, ["z1", *POLARIZED[1:]], ["z2", *NEUTRAL[1:]])

    found = asked(RecipeWords("st1"), DataWords(str(tmp_path), language="ita"))
    assert found.loaded.recipe.data.labels == (POLARIZATION, *TYPES)
    assert found.notes[0].endswith(f"balance folds and batches: {', '.join(MANIFESTATIONS)}")
    corpus = read_corpus(found.loaded.recipe, found.source)
    assert list(corpus.train.columns) == [POLARIZATION, *TYPES, "language"]

    both = asked(RecipeWords("st1"), DataWords(str(tmp_path), language="all"))
    assert both.loaded.recipe == found.loaded.recipe
    assert len(read_corpus(both.loaded.recipe, both.source).train) == 7
    whole = asked(RecipeWords("st1"), DataWords(str(tmp_path), language="zho"))
    assert whole.loaded.recipe.data.labels == (POLARIZATION, *TYPES, *MANIFESTATIONS)
    assert whole.notes == ()
    learning = asked(RecipeWords("st3"), DataWords(str(tmp_path), language="ita"))
    with pytest.raises(DataError, match=r"ita.csv, .*'stereotype'.*\n(.*\n)*.*Take a recipe that learns what these"):
        read_corpus(learning.loaded.recipe, learning.source)


@pytest.mark.parametrize("header", [["id", "text"], HEADER])
def test_dev_and_test_may_lack_gold(tmp_path: Path, header: list[str]) -> None:
    write(tmp_path / "train/zho.csv", HEADER, POLARIZED)
    for split in ("dev", "test"):
        write(tmp_path / split / "zho.csv", header, [f"{split}-1", "丙", *[""] * (len(header) - 2)])

    corpus = load(tmp_path)

    for name in ("dev", "test"):
        assert list(corpus.splits[name].columns) == ["language"]
        assert corpus.splits[name].missing == (POLARIZATION,)


def test_several_languages_are_told_apart_by_a_group(tmp_path: Path) -> None:
    write(tmp_path / "train/zho.csv", HEADER, POLARIZED, NEUTRAL)
    write(tmp_path / "train/ita.csv", HEADER[:8], ["x", "una", *"000000"])
    write(tmp_path / "dev/ita.csv", HEADER[:8], ["y", "due", *"000000"])

    both = load(tmp_path, "zho,ita")

    assert both.train.ids == ("a", "b", "x")
    assert both.train.columns["language"].words() == ["zho", "zho", "ita"]
    assert both.dev is not None
    assert both.dev.values("language").tolist() == [0]  # the code that ita has in train too
    assert "stereotype" not in both.train.columns
    assert "stereotype" in both.train.missing
    assert load(tmp_path, "all").train.ids == ("x", "a", "b")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([HEADER[:-1], NEUTRAL[:-1]], "row 1, column invalidation: the file must have the column 'invalidation'"),
        ([HEADER[:2], NEUTRAL[:2]], "must have the column 'polarization'"),
        ([["ID", *HEADER[1:]], NEUTRAL], "must have the column 'id', got .*did you mean 'ID'"),
        ([[*HEADER, "txet"], [*NEUTRAL, ""]], "column txet: must be a column of POLAR; did you mean 'text'"),
        ([HEADER, [*NEUTRAL[:2], "2", *NEUTRAL[3:]]], "row 2, column polarization: a label must be 0 or 1, got '2'"),
        ([HEADER, NEUTRAL, ["c", "丙", "", *NEUTRAL[3:]]], "row 3, column polarization: .* got ''"),
        ([HEADER, ["b", " ", *NEUTRAL[2:]]], "row 2, column text: a text must not be empty, got ' '"),
        ([HEADER, ["", *NEUTRAL[1:]]], "row 2, column id: an id must not be empty"),
        ([HEADER, NEUTRAL, NEUTRAL], "row 3, column id: an id must be unique, got 'b', which row 2 has too"),
        (
            [HEADER, [*NEUTRAL[:3], "1", *NEUTRAL[4:]]],
            "row 2, column political: must be 0 where polarization is 0, got 1",
        ),
    ],
)
def test_refuses_bad_cells_by_place_and_rule(tmp_path: Path, rows: list[list[str]], message: str) -> None:
    path = write(tmp_path / "train/zho.csv", *rows)

    with pytest.raises(DataError, match=message) as caught:
        load(tmp_path)

    assert str(path) in str(caught.value)
    assert "Remedy: " in str(caught.value)


def test_dev_must_have_all_of_a_group_of_labels(tmp_path: Path) -> None:
    write(tmp_path / "train/zho.csv", HEADER, POLARIZED)
    write(tmp_path / "dev/zho.csv", HEADER[:-1], ["c", *NEUTRAL[1:-1]])

    with pytest.raises(DataError, match=r"dev/zho.csv, row 1, column invalidation: the file must have the column"):
        load(tmp_path)


@pytest.mark.parametrize("language", ["zoh", "../train/zho", "", "zho,zho", "zho,xyz"])
def test_names_the_languages_that_are_there(tmp_path: Path, language: str) -> None:
    write(tmp_path / "train/zho.csv", HEADER, POLARIZED)

    with pytest.raises(DataError, match=r"must have the file train/<language>.csv(.|\n)*languages: zho"):
        load(tmp_path, language or " ")


def test_refuses_a_folder_without_train(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Name a folder that holds"):
        load(tmp_path / "absent")


def test_competition_order_moves_rows_with_their_labels(tmp_path: Path) -> None:
    write(tmp_path / "train/zho.csv", HEADER, NEUTRAL, POLARIZED)
    (tmp_path / "zho_competition_order.txt").write_text("a\nb\n")

    train = load(tmp_path, order="competition").train

    assert (train.ids, train.texts) == (("a", "b"), ("甲", "乙"))
    assert train.values(POLARIZATION).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (b"a\n", "got 1 of 2 ids missing, the first 'b'"),
        (b"a\nb\nb\n", "order.txt, row 3: .* got a repeated id: 'b'"),
        (b"a\nb\nz\n", "row 3: .* got an id that train does not have: 'z'"),
        (b"\xff\xff", "must be a readable UTF-8 file"),
        (None, "must be a readable UTF-8 file of one id a line, got: must exist"),
    ],
)
def test_refuses_an_order_that_is_no_permutation(tmp_path: Path, order: bytes | None, message: str) -> None:
    write(tmp_path / "train/zho.csv", HEADER, NEUTRAL, POLARIZED)
    if order is not None:
        (tmp_path / "zho_competition_order.txt").write_bytes(order)

    with pytest.raises(DataError, match=message):
        load(tmp_path, order="competition")


def test_a_recipe_may_read_further_columns_of_a_polar_file(tmp_path: Path) -> None:
    write(tmp_path / "train/zho.csv", [*HEADER, "author"], [*NEUTRAL, "ann"])

    specs = (ColumnSpec(POLARIZATION, "label"), ColumnSpec("author", "group"))
    assert load(tmp_path, specs=specs).train.words("author") == ["ann"]


def test_a_language_without_dev_is_told(tmp_path: Path) -> None:
    for language in ("deu", "zho"):
        write(
            tmp_path / f"train/{language}.csv", HEADER, [f"{language}1", *POLARIZED[1:]], [f"{language}2", *NEUTRAL[1:]]
        )
    write(tmp_path / "dev/deu.csv", HEADER, ["c", "丙", *"0" * 12])

    found = [each for each in load(tmp_path, "deu,zho").warnings if each.code == "language-without-split"]

    assert [each.message for each in found] == ["every language should have a file of dev, got none of zho"]
