from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tune_polar.data.generic_csv import ColumnNames, load_csv
from tune_polar.errors import DataError

COLUMNS = ColumnNames(id="key", text="tweet", labels={"polarization": "hate"})


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_renames_columns_and_ignores_others(tmp_path: Path) -> None:
    train = write(tmp_path / "mine.csv", "key,lang,tweet,hate\n7,zh,早,1\n8,zh,晚,0\n")

    corpus = load_csv(train, dev=None, test=None, columns=COLUMNS)

    assert corpus.name == "mine"
    assert corpus.train.ids == ("7", "8")
    np.testing.assert_array_equal(corpus.train.labels["polarization"], [1, 0])
    assert corpus.dev is None


def test_numbers_rows_without_an_id_column_apart_by_split(tmp_path: Path) -> None:
    train = write(tmp_path / "a.csv", "tweet,hate\nx,1\ny,0\n")
    dev = write(tmp_path / "b.csv", "tweet,hate\nz,1\n")

    corpus = load_csv(train, dev=dev, test=None, columns=ColumnNames(None, "tweet", {"polarization": "hate"}))

    assert corpus.train.ids == ("train-1", "train-2")
    assert corpus.dev is not None
    assert corpus.dev.ids == ("dev-1",)


def test_test_rows_may_lack_gold_but_train_rows_may_not(tmp_path: Path) -> None:
    train = write(tmp_path / "a.csv", "key,tweet,hate\n1,x,1\n")
    bare = write(tmp_path / "b.csv", "key,tweet\n2,y\n")

    assert not load_csv(train, dev=None, test=bare, columns=COLUMNS).splits["test"].labels
    with pytest.raises(DataError, match="must have the column 'hate'"):
        load_csv(bare, dev=None, test=None, columns=COLUMNS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("key,Tweets,hate\n1,x,1\n", "must have the column 'tweet', got .*; did you mean 'Tweets'"),
        ("key,tweet,hate\n1,x,yes\n", "a.csv, row 2, column hate: a label must be 0 or 1, got 'yes'"),
        ("key,tweet,hate\n1,x,1\n1,y,1\n", "row 3, column key: an id must be unique"),
        ("key,tweet,hate\n", "must have rows"),
    ],
)
def test_refuses_bad_files(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_csv(write(tmp_path / "a.csv", text), dev=None, test=None, columns=COLUMNS)
