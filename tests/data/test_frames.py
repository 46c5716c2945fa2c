"""A DataFrame is read as the file would be that holds it, and is refused for the same faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tune_polar.data.column_request import DataRequest, column_specs
from tune_polar.data.columns import Column
from tune_polar.data.header import columns_lacking
from tune_polar.data.infer import infer_columns
from tune_polar.data.load import load_corpus
from tune_polar.data.readers import Place, read_raw
from tune_polar.data.source import FRAME, parse_source, source_from_json
from tune_polar.errors import DataError

ROWS = 60
WANTED = DataRequest(column_specs(labels=["rude"], numbers={"warmth": [0, 9]}, groups=["author"]))
COLUMNS = {"text": "tweet"}


def table(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "tweet": [f"text {seed} {row}, with a comma" for row in range(ROWS)],
            "rude": rng.integers(2, size=ROWS),
            "warmth": rng.random(ROWS) * 9,
            "author": pd.Categorical([f"a{row % 7}" for row in range(ROWS)]),
        }
    )


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_it_says_what_a_file_of_it_says(tmp_path: Path, kind: str) -> None:
    train, dev = table(), table(1)
    for name, frame in (("train", train), ("dev", dev)):
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        frame.astype({"author": str}).to_parquet(tmp_path / f"{name}.parquet")
    paths = [str(tmp_path / f"{name}.{kind}") for name in ("train", "dev")]
    of_files = load_corpus(parse_source(paths[0], dev=paths[1], columns=COLUMNS), WANTED)
    of_frames = load_corpus(parse_source(train.set_index("rude", drop=False), dev=dev, columns=COLUMNS), WANTED)
    mixed = load_corpus(parse_source(train, dev=paths[1], columns=COLUMNS), WANTED)
    for corpus in (of_frames, mixed):
        assert corpus.fingerprint == of_files.fingerprint
        assert corpus.splits["dev"].texts == of_files.splits["dev"].texts
    assert of_frames.name == FRAME


def test_labels_with_gaps_and_of_every_type_are_read() -> None:
    for values in ([0, 1] * 30, [0.0, 1.0] * 30, [False, True] * 30, ["0", "1"] * 30):
        corpus = load_corpus(parse_source(table().assign(rude=values), columns=COLUMNS), WANTED)
        rude: Column = corpus.train.columns["rude"]
        assert np.asarray(rude.values).ravel().tolist() == [0, 1] * 30
    without = table(1).assign(rude=[None] * ROWS, warmth=np.nan)
    corpus = load_corpus(parse_source(table(), test=without, columns=COLUMNS), WANTED)
    assert set(corpus.splits["test"].missing) == {"rude", "warmth"}


def test_a_missing_text_is_told_with_its_row() -> None:
    frame = table()
    frame.loc[4, "tweet"] = None
    with pytest.raises(DataError, match="DataFrame train, row 5, column tweet: a text must not be empty"):
        load_corpus(parse_source(frame, columns=COLUMNS), WANTED)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (table().iloc[:0], "must have rows, got none"),
        (table().assign(rude=[[1]] * ROWS), "a cell must be text, a number, true, false or empty"),
        (table().assign(rude=2), "DataFrame train"),
        (pd.concat([table(), table()], axis=1), "a column name must be unique, got 'tweet' again"),
        (table().drop(columns="tweet"), "the file must have the column 'tweet'"),
    ],
)
def test_faults_are_those_of_files(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_corpus(parse_source(frame, columns=COLUMNS), WANTED)


def test_columns_without_a_name_are_nobodys_as_in_a_file() -> None:
    frame = table()
    for _ in range(2):
        frame.insert(0, "", 7, allow_duplicates=True)
    corpus, plain = (load_corpus(parse_source(each, columns=COLUMNS), WANTED) for each in (frame, table()))
    assert corpus.train.texts == plain.train.texts
    assert set(corpus.train.columns) == set(plain.train.columns)


def test_columns_are_found_out_without_a_file() -> None:
    source = parse_source(table().assign(mood=["calm", "angry"] * 30), columns=COLUMNS)
    assert infer_columns(source, ["mood"]).labels == ("mood",)
    assert columns_lacking(source, ["mood", "rude", "loud"]) == ("loud",)
    narrow, _ = read_raw(source.places("train")[0], ["rude"], most_rows=3)
    assert narrow is not None
    assert (len(narrow), list(narrow.cells)) == (3, ["rude"])
    numbered, _ = read_raw(Place("x", table().rename(columns={"rude": 3})), ["3"])
    assert numbered is not None
    assert len(numbered.cells["3"]) == ROWS


def test_the_records_hold_no_row_of_it_and_want_it_again() -> None:
    kept = parse_source(table(), dev=table(1), columns=COLUMNS).model_dump(mode="json")
    assert "frames" not in kept
    read = source_from_json(kept)
    with pytest.raises(DataError, match="the rows of train were given as a DataFrame, which no record holds") as told:
        load_corpus(read, WANTED)
    assert told.value.remedy == "Give the same rows again with --data: a file, or from Python a DataFrame."
    with pytest.raises(DataError, match="a manifest's data source"):
        source_from_json({**kept, "frames": {"train": "x"}})


def test_what_is_no_data_is_refused() -> None:
    with pytest.raises(DataError, match="--data must be a path, an address or a pandas DataFrame, got a list"):
        parse_source([1, 2])  # type: ignore[arg-type]
    with pytest.raises(DataError, match="--dev must be a path, an address or a pandas DataFrame, got a dict"):
        parse_source(table(), dev={})  # type: ignore[arg-type]
    with pytest.raises(DataError, match="--language must be left out"):
        parse_source(table(), language="zho")


def test_what_numpy_holds_as_objects_is_read_as_what_it_says() -> None:
    said = [np.int64(0), np.int64(1), np.bool_(True), np.float64(0.5), np.str_("x"), None]
    table, findings = read_raw(Place(FRAME, pd.DataFrame({"cell": pd.Series(said, dtype=object)})))
    assert table is not None
    assert list(table.cells["cell"]) == ["0", "1", "True", "0.5", "x", ""]
    assert findings == []
