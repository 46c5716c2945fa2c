"""A recorded source is taken up as it was, but for what is said anew and for files that have moved with the data."""

from __future__ import annotations

from pathlib import Path

import pytest

from tune_polar.data.polar_writer import write_polar
from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.data.source import LEFT_OUT, Source, parse_source, taken_up
from tune_polar.errors import DataError

COLUMNS = {"text": "tweet", "rude": "bad"}


@pytest.fixture
def was(tmp_path: Path) -> Source:
    """Train in one folder, dev beside it, test in a folder of its own."""
    for name in ("old/data/train.csv", "old/data/dev.csv", "old/held/test.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("tweet,bad\nx,1\n")
    old = tmp_path / "old"
    return parse_source(
        str(old / "data/train.csv"), dev=str(old / "data/dev.csv"), test=str(old / "held/test.csv"), columns=COLUMNS
    )


def test_what_is_not_said_is_as_it_was(was: Source, tmp_path: Path) -> None:
    assert taken_up(was) == was
    assert taken_up(was, columns={"text": "said"}).columns == {"text": "said", "rude": "bad"}
    other = str(tmp_path / "other.csv")
    assert taken_up(was, dev=other).files == {**was.files, "dev": (other,)}


def test_files_are_looked_for_beside_the_data_as_they_lay_then(was: Source, tmp_path: Path) -> None:
    (tmp_path / "old").rename(tmp_path / "new")
    now = taken_up(was, data=str(tmp_path / "new/data/train.csv"))
    assert (now.files, now.columns) == (
        {split: (paths[0].replace("/old/", "/new/"),) for split, paths in was.files.items()},
        COLUMNS,
    )
    with pytest.raises(DataError, match="--data must be"):
        taken_up(was)


def test_files_that_stayed_are_found_where_they_lay(was: Source, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "old/data/train.csv").rename(tmp_path / "new/texts.csv")
    now = taken_up(was, data=str(tmp_path / "new/texts.csv"))
    assert now.files == {**was.files, "train": (str(tmp_path / "new/texts.csv"),)}


def test_a_folder_names_its_own_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        for split in ("train", "dev"):
            (tmp_path / name / f"{split}.csv").write_text("text,bad\nx,1\n")
    folder = parse_source(str(tmp_path / "one"))
    assert taken_up(folder) == folder
    assert taken_up(folder, data=str(tmp_path / "two")).files["dev"] == (str(tmp_path / "two/dev.csv"),)


def test_a_folder_of_languages_keeps_its_language(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_polar(sample_corpus(rows_train=30, rows_dev=10, rows_test=10), tmp_path / name, "deu")
    german = parse_source(str(tmp_path / "one"), language="deu")
    assert taken_up(german, data=str(tmp_path / "two")).language == "deu"
    assert taken_up(german, language="all").language == "all"


def test_data_of_another_kind_brings_columns_of_its_own(was: Source, tmp_path: Path) -> None:
    write_polar(sample_corpus(rows_train=30, rows_dev=10, rows_test=10), tmp_path / "polar", "zho")
    now = taken_up(was, data=str(tmp_path / "polar"))
    assert (now.kind, now.columns, now.files) == ("polar", {}, {})
    sample = parse_source("sample")
    assert taken_up(sample) == sample


def test_a_store_without_places_is_told_all_of_them(was: Source, tmp_path: Path) -> None:
    left_out = dict.fromkeys(was.files, (LEFT_OUT,))
    without = was.model_copy(update={"path": LEFT_OUT, "files": left_out})
    told = {"data": was.files["train"][0], "dev": was.files["dev"][0], "test": was.files["test"][0]}
    assert taken_up(without, **told) == was
    for option in told:
        with pytest.raises(DataError, match=r"must be told where .* merged with --anonymous"):
            taken_up(without, **{name: path for name, path in told.items() if name != option})
