from __future__ import annotations

import numpy as np
import pytest

from tune_polar.data.columns import class_column, group_column, label_column, number_column, text_column
from tune_polar.data.corpus_summary import summarise
from tune_polar.data.table import Corpus, Split


def test_shares_are_of_all_rows_or_of_those_a_label_is_of() -> None:
    columns = {
        "hate": label_column([1, 1, 0, 0]),
        "insult": label_column([1, 0, 0, 0]),
        "topic": class_column(["a", "b", "b", "b"], ["a", "b"]),
        "language": group_column(["x", "", "x", "y"]),
        "warmth": number_column([1, 2, 3, 4]),
        "reply": text_column("abcd"),
    }
    train = Split("train", tuple("abcd"), ("x", "xx", "xxx", "xxxx"), columns)
    test = Split("test", ("e",), ("y",), {}, ("hate",))

    (_, first), (name, last) = summarise(Corpus("made", {"train": train, "test": test}), {"insult": {"hate": 1}})

    assert first["shares"] == {
        "hate": 0.5,
        "insult": 0.5,
        "topic = a": 0.25,
        "topic = b": 0.75,
        "language = x": 0.5,
        "language = y": 0.25,
    }
    assert first["means"] == {"warmth": 2.5}
    assert first["mean_characters"] == pytest.approx(2.5)
    assert (name, last) == (
        "test",
        {"rows": 1, "mean_characters": 1.0, "longest_characters": 1, "shares": {}, "means": {}, "missing": ["hate"]},
    )


def test_extra_rows_are_a_split_of_their_own() -> None:
    train = Split("train", tuple("abc"), tuple("abc"), {"hate": label_column([1, 0, 1])})

    summaries = summarise(Corpus("made", {"train": train}, np.array([0])))

    assert [(name, about["rows"], about["shares"]["hate"]) for name, about in summaries] == [
        ("train", 2, 0.5),
        ("extra", 1, 1.0),
    ]
