"""What may be given as texts from Python, and what is refused before a model is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.serve.test_model_folder import composition_of, encoder_at, loads, shape_of
from tune_polar.api.model_words import ModelWords
from tune_polar.api.predicting import predict, text_columns
from tune_polar.errors import DataError
from tune_polar.serve.model_folder import write_model_folder


def made(place: Path, **about: Any) -> ModelWords:
    shape = shape_of("binary", ("rude",))
    load = loads(encoder_at(place / "encoder"), shape)
    write_model_folder(place / "model", replace(composition_of(shape), **about), load, [], {})
    return ModelWords(str(place / "model"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelWords:
    return made(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def of_tweets(tmp_path_factory: pytest.TempPathFactory) -> ModelWords:
    return made(tmp_path_factory.mktemp("tweets"), text_column="Tweet", id_column="Tweet ID")


def ids(model: ModelWords, texts: Any, say: Callable[[str], None] = lambda _: None) -> list[str]:
    table = predict(model, texts, lambda about: text_columns(about, None, None, {}), "cpu", None, say)
    found: list[str] = table["id"].tolist()
    return found


def test_ids_are_those_given_or_the_rows_numbers(model: ModelWords) -> None:
    assert ids(model, ["天", "地"]) == ["1", "2"]
    assert ids(model, np.array(["天", "地"])) == ["1", "2"]
    assert ids(model, pd.Series(["天", "地"], index=[7, 9])) == ["7", "9"]
    assert ids(model, pd.Series(["天"], index=pd.MultiIndex.from_tuples([(1, "a")]))) == ["(1, 'a')"]
    assert ids(model, pd.DataFrame({"text": ["天", "地"], "id": [7, 9]})) == ["7", "9"]


@pytest.mark.parametrize(
    ("named", "expected"),
    [("Tweet ID", ["x7", "x9"]), ("id", ["x7", "x9"]), ("ID", ["1", "2"])],
    ids=["as the search called them", "as everybody does", "otherwise"],
)
def test_ids_are_found_where_the_search_had_them(
    of_tweets: ModelWords, tmp_path: Path, named: str, expected: list[str]
) -> None:
    frame = pd.DataFrame({named: ["x7", "x9"], "Tweet": ["天", "地"]})
    frame.to_csv(tmp_path / "new.csv", index=False)
    for texts, name in ((frame, "DataFrame"), (str(tmp_path / "new.csv"), "new.csv")):
        said: list[str] = []
        assert ids(of_tweets, texts, said.append) == expected
        counted = f"{name}: it has no column 'Tweet ID' as the search had, so ids are the rows' numbers."
        assert said == ([counted] if named == "ID" else [])


def test_nobody_asks_for_ids_of_a_list(of_tweets: ModelWords) -> None:
    said: list[str] = []
    assert ids(of_tweets, ["天", "地"], said.append) == ["1", "2"]
    assert said == []


@pytest.mark.parametrize("missing", [pd.NA, None, np.nan, ""])
def test_a_row_without_its_id_is_refused(model: ModelWords, missing: object) -> None:
    with pytest.raises(DataError, match=r"row 2.*id: an id must not be empty"):
        ids(model, pd.DataFrame({"text": ["天", "地"], "id": [7, missing]}))
    with pytest.raises(DataError, match=r"row 2.*id: an id must not be empty"):
        ids(model, pd.Series(["天", "地"], index=pd.Index([7, missing])))


@pytest.mark.parametrize(
    ("texts", "place"),
    [
        ([None, "天"], "list, row 1"),
        (("天", " "), "tuple, row 2"),
        (pd.Series(["天", np.nan]), "Series, row 2"),
        (np.array(["", "天"]), "ndarray, row 1"),
        (pd.DataFrame({"text": ["天", None]}), "DataFrame, row 2"),
    ],
)
def test_a_row_without_a_text_is_named_in_what_was_given(model: ModelWords, texts: Any, place: str) -> None:
    with pytest.raises(DataError, match=f"^{place}, column text: a text must not be empty") as told:
        ids(model, texts)
    assert ("--text" in told.value.remedy) == isinstance(texts, pd.DataFrame), "columns are no matter of a list"


@pytest.mark.parametrize(
    ("texts", "got"),
    [(np.array("天"), "an array without a dimension"), (3, "a int"), ({"天"}, "a set"), (None, "a NoneType")],
)
def test_what_is_no_list_of_texts_is_refused(model: ModelWords, texts: Any, got: str) -> None:
    with pytest.raises(DataError, match=f"^texts must be a list of texts, .*, got {got}"):
        ids(model, texts)
