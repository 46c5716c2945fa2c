from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune_polar.data.columns import class_column, group_column, label_column, number_column, text_column
from tune_polar.data.table import Corpus, Split
from tune_polar.errors import DataError


def made(rows: int = 4) -> Split:
    columns = {
        "hate": label_column([0, 1] * (rows // 2)),
        "topic": class_column(["news", "sport"] * (rows // 2), ["sport", "news"]),
        "warmth": number_column(np.arange(rows) / 2),
        "language": group_column(["zho", "eng"] * (rows // 2)),
        "reply": text_column(f"r{row}" for row in range(rows)),
    }
    return Split("train", tuple(f"i{row}" for row in range(rows)), tuple(f"t{row}" for row in range(rows)), columns)


def test_values_are_numbers_and_codes() -> None:
    split = made()

    assert split.values("hate").tolist() == [0, 1, 0, 1]
    assert split.values("topic").tolist() == [1, 0, 1, 0]
    assert split.words("topic") == ["news", "sport", "news", "sport"]
    assert split.matrix(["hate", "warmth"]).tolist() == [[0, 0], [1, 0.5], [0, 1], [1, 1.5]]
    assert split.matrix(["hate"]).dtype == np.int64
    assert split.matrix([]).shape == (4, 0)


def test_rows_are_chosen_by_labels_classes_and_groups() -> None:
    split = made()

    assert split.where({}).all()
    assert split.where({"hate": 1}).tolist() == [False, True, False, True]
    assert split.where({"topic": "news", "hate": 0, "language": "zho"}).tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            lambda split: split.matrix(["hate", "hat"]),
            r"columns \['hate', 'hat'\], got .*missing \['hat'\]; did you mean",
        ),
        (lambda split: split.values("reply"), "got the text column 'reply'"),
        (lambda split: split.where({"hate": 2}), r"got hate: 2, a label column of \[0, 1\]"),
        (lambda split: split.where({"hate": True}), "got hate: True"),
        (lambda split: split.where({"topic": "art"}), r"got topic: 'art', a class column of \['sport', 'news'\]"),
        (lambda split: split.where({"topic": 1}), "got topic: 1"),
        (lambda split: split.where({"warmth": 1}), "a number column"),
        (lambda split: split.fingerprint_of(None, ["absent"]), "missing"),
        (lambda split: Split("x", ("a",), (), {}), r"a value for each of its 1 ids, got \{'texts': 0\}"),
        (lambda split: Corpus("x", {"dev": split}), "a corpus must have train rows"),
        (lambda split: Corpus("x", {"train": split}, np.array([3])), "extra rows made from them"),
        (lambda split: Corpus("x", {"train": split}, np.array([-1] * 4)), "got 4 rows of which 4 are extra"),
    ],
)
def test_refuses_what_is_not_there(ask, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ask(made())


def test_a_fingerprint_is_of_its_rows_and_columns_alone() -> None:
    split, rows = made(), np.array([2, 3])
    corpus = Corpus("made", {"train": split})
    kept = corpus.fingerprint_of(rows, ["hate", "language"])

    others = split.columns | {"warmth": number_column([9, 9, 9, 9]), "new": label_column([1, 1, 1, 1])}
    changed = Split("train", ("x", "y", *split.ids[2:]), ("x", "y", *split.texts[2:]), others)
    changed = Split(
        "train",
        changed.ids,
        changed.texts,
        changed.columns | {"language": group_column(["aaa", "bbb", "zho", "eng"]), "hate": label_column([1, 1, 0, 1])},
    )
    assert Corpus("other", {"train": changed, "dev": made()}).fingerprint_of(rows, ["language", "hate"]) == kept

    for other in (
        corpus.fingerprint_of(rows[::-1], ["hate", "language"]),
        corpus.fingerprint_of(np.array([0, 3]), ["hate", "language"]),
        corpus.fingerprint_of(rows, ["hate"]),
        corpus.fingerprint_of(rows, ["hate", "topic"]),
    ):
        assert other != kept


@given(st.sampled_from(["id", "text", "hate", "topic", "warmth", "language", "reply"]), st.integers(0, 3))
def test_every_change_of_a_read_row_changes_the_fingerprint(what: str, row: int) -> None:
    split = made()
    columns, ids, texts = dict(split.columns), list(split.ids), list(split.texts)
    if what == "id":
        ids[row] += "x"
    elif what == "text":
        texts[row] += "x"
    elif what == "warmth":
        columns[what] = number_column(split.values(what) + np.eye(4)[row])
    elif what == "hate":
        columns[what] = label_column(split.values(what) ^ np.eye(4, dtype=int)[row])
    else:
        words = split.words(what)
        words[row] = "new" if what in ("language", "reply") else {"news": "sport", "sport": "news"}[words[row]]
        make = {"language": group_column, "reply": text_column, "topic": lambda w: class_column(w, ["sport", "news"])}
        columns[what] = make[what](words)
    changed = Split("train", tuple(ids), tuple(texts), columns)
    rows, read = np.arange(4), ["hate", "topic", "warmth", "language", "reply"]

    assert changed.fingerprint_of(rows, read) != split.fingerprint_of(rows, read)
    assert changed.fingerprint_of() == split.fingerprint_of() or what in ("id", "text")
    assert Corpus("a", {"train": changed}).fingerprint != Corpus("a", {"train": split}).fingerprint


def test_extra_rows_are_the_last_of_train() -> None:
    corpus = Corpus("made", {"train": made()}, np.array([0, -1]))

    assert (corpus.own_rows, len(corpus.train)) == (2, 4)
    assert corpus.fingerprint != Corpus("made", {"train": made()}).fingerprint
    assert corpus.dev is None
