from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tune_polar.data.labels import MANIFESTATIONS, POLARIZATION, TYPES
from tune_polar.data.polar_csv import load_polar
from tune_polar.errors import DataError

HEADER = ["id", "text", POLARIZATION, *TYPES, *MANIFESTATIONS]
POLARIZED = ["a", "甲", *"101000", *"100000"]
NEUTRAL = ["b", "乙", *"000000", *"000000"]


def write(path: Path, *rows: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(",".join(row) + "\r\n" for row in rows).encode())
    return path


def test_reads_all_splits_and_labels(tmp_path: Path) -> None:
    write(tmp_path / "train/zho.csv", HEADER, POLARIZED, NEUTRAL)
    write(tmp_path / "dev/zho.csv", HEADER, ["c", "丙", *"0" * 12])
    write(tmp_path / "test/zho.csv", [*HEADER, "polar_canary"], ["d", "丁", *"0" * 12, "GUID"])

    corpus = load_polar(tmp_path, "zho")

    assert corpus.name == "polar-zho"
    assert list(corpus.splits) == ["train", "dev", "test"]
    assert corpus.train.ids == ("a", "b")
    assert corpus.train.texts == ("甲", "乙")
    assert list(corpus.train.labels) == [POLARIZATION, *TYPES, *MANIFESTATIONS]
    np.testing.assert_array_equal(corpus.train.labels["racial/ethnic"], [1, 0])
    assert corpus.splits["test"].ids == ("d",)


def test_a_language_may_lack_manifestations_or_types(tmp_path: Path) -> None:
    write(tmp_path / "train/ita.csv", HEADER[:8], POLARIZED[:8])
    write(tmp_path / "train/xxx.csv", HEADER[:3], POLARIZED[:3])

    assert list(load_polar(tmp_path, "ita").train.labels) == [POLARIZATION, *TYPES]
    assert list(load_polar(tmp_path, "xxx").train.labels) == [POLARIZATION]


@pytest.mark.parametrize("header", [["id", "text"], HEADER])
def test_dev_and_test_may_lack_gold(tmp_path: Path, header: list[str]) -> None:
    write(tmp_path / "train/zho.csv", HEADER, POLARIZED)
    for split in ("dev", "test"):
        write(tmp_path / split / "zho.csv", header, [f"{split}-1", "丙", *[""] * (len(header) - 2)])

    corpus = load_polar(tmp_path, "zho")

    assert corpus.dev is not None
    assert dict(corpus.dev.labels) == dict(corpus.splits["test"].labels) == {}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [HEADER[:-1], NEUTRAL[:-1]],
            "row 1, column invalidation: the file must have the column 'invalidation'",
        ),
        ([HEADER[:2], NEUTRAL[:2]], "must have the column 'polarization'"),
        ([["ID", *HEADER[1:]], NEUTRAL], "must have the column 'id', got .*did you mean 'ID'"),
        ([[*HEADER, "txet"], [*NEUTRAL, ""]], "column txet: must be a column of POLAR; did you mean 'text'"),
        (
            [HEADER, [*NEUTRAL[:2], "2", *NEUTRAL[3:]]],
            "row 2, column polarization: a label must be 0 or 1, got '2'",
        ),
        ([HEADER, NEUTRAL, ["c", "丙", "", *NEUTRAL[3:]]], "row 3, column polarization: .* got ''"),
        ([HEADER, ["b", " ", *NEUTRAL[2:]]], "row 2, column text: a text must not be empty, got ' '"),
        ([HEADER, ["", *NEUTRAL[1:]]], "row 2, column id: an id must not be empty"),
        ([HEADER, NEUTRAL, NEUTRAL], "row 3, column id: an id must be unique, got 'b', which row 2 has too"),
    ],
)
def test_refuses_bad_cells_by_place_and_rule(tmp_path: Path, rows: list[list[str]], message: str) -> None:
    path = write(tmp_path / "train/zho.csv", *rows)

    with pytest.raises(DataError, match=message) as caught:
        load_polar(tmp_path, "zho")

    assert str(path) in str(caught.value)
    assert "Remedy: " in str(caught.value)


def test_an_error_lists_some_findings_and_counts_the_rest(tmp_path: Path) -> None:
    write(tmp_path / "train/zho.csv", HEADER, *[[str(row), "x", *"2" * 12] for row in range(3)])

    with pytest.raises(DataError, match="and 28 more"):
        load_polar(tmp_path, "zho")


@pytest.mark.parametrize("language", ["zoh", "../train/zho", ""])
def test_names_the_languages_that_are_there(tmp_path: Path, language: str) -> None:
    write(tmp_path / "train/zho.csv", HEADER, POLARIZED)

    with pytest.raises(DataError, match=r"must have the file train/<language>.csv(.|\n)*languages: zho"):
        load_polar(tmp_path, language)


def test_refuses_a_folder_without_train(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Name a folder that holds"):
        load_polar(tmp_path / "absent", "zho")


def test_competition_order_moves_rows_with_their_labels(tmp_path: Path) -> None:
    write(tmp_path / "train/zho.csv", HEADER, NEUTRAL, POLARIZED)
    (tmp_path / "zho_competition_order.txt").write_text("a\nb\n")

    train = load_polar(tmp_path, "zho", order="competition").train

    assert (train.ids, train.texts) == (("a", "b"), ("甲", "乙"))
    np.testing.assert_array_equal(train.labels[POLARIZATION], [1, 0])


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (b"a\n", "got 1 of 2 ids missing, the first 'b'"),
        (b"a\nb\nb\n", "order.txt, row 3: .* got a repeated id: 'b'"),
        (b"a\nb\nz\n", "row 3: .* got an id that train does not have: 'z'"),
        (b"\xff\xff", "must be a readable UTF-8 file"),
        (None, "must be a readable UTF-8 file"),
    ],
)
def test_refuses_an_order_that_is_no_permutation(tmp_path: Path, order: bytes | None, message: str) -> None:
    write(tmp_path / "train/zho.csv", HEADER, NEUTRAL, POLARIZED)
    if order is not None:
        (tmp_path / "zho_competition_order.txt").write_bytes(order)

    with pytest.raises(DataError, match=message):
        load_polar(tmp_path, "zho", order="competition")


@pytest.mark.shared
def test_every_published_language_loads(shared_dir: Path) -> None:
    folder = shared_dir / "data" / "polar"
    languages = sorted(path.stem for path in (folder / "train").glob("*.csv"))
    corpora = {language: load_polar(folder, language) for language in languages}

    assert len(corpora) == 22
    without = {name for name, corpus in corpora.items() if "stereotype" not in corpus.train.labels}
    assert without == {"ita", "mya", "pol", "rus"}
    zho = corpora["zho"]
    assert zho.dev is not None
    assert (len(zho.train), int(zho.train.labels[POLARIZATION].sum()), len(zho.dev)) == (4280, 2121, 214)
    ordered = load_polar(folder, "zho", order="competition").train.labels[POLARIZATION]
    assert ordered[:2121].all()
    assert not ordered[2121:].any()
