"""Rows that are not those of the search: whether ids, order, gold or texts differ is told, as far as records tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tune_polar.data.columns import Column, group_column, label_column, number_column, text_column
from tune_polar.data.table import Corpus, Split
from tune_polar.errors import SearchError
from tune_polar.search.changed_rows import check_train
from tune_polar.store.gold import Gold, gold_of

LABELS, LANGUAGES = (0, 1, 1, 0, 1, 0), ("zho", "eng", "", "eng", "zho", "")


def corpus_of(
    ids: Sequence[str] = tuple("abcdef"), labels: Sequence[int] = LABELS, sources: Sequence[int] = (), **columns: Column
) -> Corpus:
    texts = tuple(f"text {number}" for number in range(len(ids)))
    own = {"hate": label_column(labels), "language": group_column(LANGUAGES), **columns}
    return Corpus("own", {"train": Split("train", tuple(ids), texts, own)}, np.array(sources, dtype=np.int64))


def changed(corpus: Corpus, **about: Any) -> Corpus:
    return replace(corpus, splits={"train": replace(corpus.train, **about)})


def with_columns(corpus: Corpus, columns: Mapping[str, Column]) -> Corpus:
    return changed(corpus, columns={**corpus.train.columns, **columns})


def taken(corpus: Corpus, rows: Sequence[int]) -> Corpus:
    return replace(corpus, splits={"train": corpus.train.take(np.array(rows))})


def told(was: Corpus, now: Corpus, gold: Gold | None) -> SearchError:
    with pytest.raises(SearchError, match=r"^the rows of train must be the same as when the search began") as caught:
        check_train(was.fingerprint, now, gold)
    return caught.value


OWN = corpus_of(reply=text_column("uvwxyz"), closeness=number_column((1, 2, 3, 4, 5, 6)))
BACK = (5, 4, 3, 2, 1, 0)
ORDER = "Sort the rows as they were, beginning with 'a', 'b', 'c' …, or start a new search."
FILES = "Restore the original files and give them with --data, or start a new search."


@pytest.mark.parametrize(
    ("now", "how", "remedy"),
    [
        (taken(OWN, BACK), "they are the same rows in another order", ORDER),
        (
            taken(OWN, BACK[1:]),
            "5 rows in place of 6; gone is 'f'",
            FILES,
        ),
        (
            changed(OWN, ids=(*"abcd", "x", "y")),
            "6 rows in place of 6; gone are 'e', 'f', new are 'x', 'y'",
            FILES,
        ),
        (
            with_columns(OWN, {"hate": label_column((0, 1, 1, 0, 1, 1))}),
            "hate is another in 1 of 6 rows ('f')",
            FILES,
        ),
        (
            with_columns(OWN, {"language": group_column(("zho", "eng", "", "eng", "deu", "deu"))}),
            "language is another in 2 of 6 rows ('e', 'f')",
            FILES,
        ),
        (
            changed(OWN, columns={name: OWN.train.columns[name] for name in ("hate", "language", "reply")}),
            "closeness is not there any more",
            FILES,
        ),
        (changed(OWN, texts=tuple("abcdef")), "texts are others, with the same ids and gold", FILES),
        (
            with_columns(OWN, {"reply": text_column("other!")}),
            "texts are others, with the same ids and gold",
            FILES,
        ),
        (
            changed(taken(OWN, BACK), texts=tuple("abcdef")),
            "the rows stand in another order and texts are others, with the same ids and gold",
            FILES,
        ),
        (
            with_columns(taken(OWN, BACK), {"hate": label_column((1, 1, 0, 1, 1, 0))}),
            "the rows stand in another order and hate is another in 1 of 6 rows ('f')",
            FILES,
        ),
        (
            changed(taken(OWN, BACK), ids=OWN.train.ids),  # counted ids
            "hate is another in 2 of 6 rows ('c', 'd'), language is another in 6 of 6 rows ('a', 'b', 'c' …), "
            "closeness is another in 6 of 6 rows ('a', 'b', 'c' …); all gold is there as often as before: if the rows "
            "stand in another order, sort them as they were",
            FILES,
        ),
    ],
    ids=[
        *("order", "fewer rows", "another row", "gold", "group", "a column", "text", "further text", "order and texts"),
        *("order and gold", "order of counted rows"),
    ],
)  # fmt: skip
def test_what_differs_is_told(now: Corpus, how: str, remedy: str) -> None:
    error = told(OWN, now, gold_of(OWN, {}))
    assert error.problem.partition(", got ")[2].partition(": ")[2] == how
    assert error.remedy == remedy
    assert "got" in told(OWN, now, None).problem


def test_extra_rows_move_with_the_rows_that_they_were_made_from() -> None:
    was = corpus_of(sources=(2, -1))  # of e the third row, of f none
    moved = replace(taken(was, (2, 0, 1, 3, 4, 5)), sources=np.array((0, -1)))
    assert told(was, moved, gold_of(was, {})).problem.endswith(": they are the same rows in another order")
    other = replace(moved, sources=np.array((1, -1)))
    assert "texts" in told(was, other, gold_of(was, {})).problem
    check_train(was.fingerprint, was, gold_of(was, {}))
