from __future__ import annotations

from pathlib import Path

import pytest

from tune_polar.data.readers import Place
from tune_polar.data.readers.folders import split_files
from tune_polar.errors import DataError


def folder(tmp_path: Path, *names: str) -> Place:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    return Place(str(tmp_path))


@pytest.mark.parametrize(
    "found",
    [
        {"train": ["train.csv"]},
        {"train": ["Train.TSV.gz"], "dev": ["validation.jsonl"], "test": ["test.parquet"]},
        {"train": ["train.tsv"], "dev": ["valid.tsv"]},
        {"train": ["data/train.csv"], "dev": ["data/val.csv"]},
        {"train": ["train-00000-of-00002.csv", "train-00001-of-00002.csv"]},
    ],
)
def test_finds_the_file_of_each_split(tmp_path: Path, found: dict[str, list[str]]) -> None:
    others = ["README.md", "train.txt", "trained.csv", "x.csv"]
    names = [*others, *sorted((name for files in found.values() for name in files), reverse=True)]
    expected = {split: tuple(str(tmp_path / name) for name in files) for split, files in found.items()}

    assert split_files(folder(tmp_path, *names)) == expected


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["dev.csv"], r"must have a train file \(train.csv, .*got \['dev.csv'\]"),
        (["train.csv", "train.tsv"], r"one file of each split, got \['train.csv', 'train.tsv'\]"),
        (["train.csv", "dev.csv", "validation.csv"], r"one file of each split, got \['dev.csv', 'validation.csv'\]"),
        (["train.csv", "train-00000-of-00001.csv"], "one file of each split"),
        (["train-00000-of-00002.csv"], "all shards of a split must be there, got 1 of 2 of train"),
    ],
)
def test_refuses_what_is_not_clear(tmp_path: Path, names: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        split_files(folder(tmp_path, *names))
    assert str(tmp_path) in str(caught.value)
