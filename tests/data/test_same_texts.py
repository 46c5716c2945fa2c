from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune_polar.data.columns import group_column, label_column, text_column
from tune_polar.data.first_equal import first_equal, found_again
from tune_polar.data.repeated import bonds, first_with_text, matches
from tune_polar.data.table import Split
from tune_polar.data.texts import is_empty, letters, normalised

UNSEEN = [
    "\u200b",
    "\ufeff",
    "\u00ad",
    "\u2060",
    "\u200d",
    "\u200e",
    "\ufe0f",
    "\u3164",
    "\u2800",
    "\u034f",
    "\x01",
    "\x7f",
]


@pytest.mark.parametrize("unseen", UNSEEN)
def test_characters_that_are_not_seen_do_not_count(unseen: str) -> None:
    assert is_empty(unseen)
    assert is_empty(f" {unseen}\t{unseen}　")
    assert normalised(f"{unseen}a{unseen} b{unseen}") == "a b"


def test_same_is_what_readers_call_the_same() -> None:
    assert normalised(" ＡＢc　") == normalised("abC") == "abc"
    assert normalised("Straße") == normalised("STRASSE")
    assert normalised("a b") != normalised("ab")
    assert normalised("a\tb") == "a\tb"
    assert not is_empty("0")


@pytest.mark.parametrize(
    ("text", "other", "same"),
    [
        ("Get out, now!", "get out now", True),
        ("don’t", "DONT", True),
        ("今天，好。", "今天好", True),
        ("कि!", "कि", True),
        ("कि", "की", False),
        ("😀", "😀 ", True),
        ("😀", "😡", False),
        ("?!", "...", False),
    ],
)
def test_letters_are_the_same_whatever_the_punctuation(text: str, other: str, same: bool) -> None:
    assert (letters(text) == letters(other)) is same
    assert matches([text], ["another", other], letters).tolist() == ([1] if same else [-1])


@given(st.lists(st.sampled_from(["a", "A", "b", "ｂ", "c", "c\u200b", "d"]), max_size=30))
def test_first_with_text_against_a_plain_loop(texts: list[str]) -> None:
    expected = [[normalised(text) for text in texts].index(normalised(text)) for text in texts]
    assert first_with_text(texts).tolist() == expected


@given(st.lists(st.text("ab", max_size=2), max_size=12), st.lists(st.text("ab", max_size=2), max_size=12))
def test_matches_and_found_again_against_plain_loops(texts: list[str], others: list[str]) -> None:
    assert matches(texts, others).tolist() == [others.index(text) if text in others else -1 for text in texts]
    seen: dict[str, tuple[int, int]] = {}
    expected = []
    for part, rows in enumerate((others, texts)):
        for row, text in enumerate(rows):
            if text in seen:
                expected.append(((part, row), seen[text]))
            seen.setdefault(text, (part, row))
    assert list(found_again([others, texts])) == expected


def test_equal_hashes_are_not_taken_for_equal_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tune_polar.data.first_equal.hash", lambda value: 0, raising=False)

    assert first_equal(["a", "b", "a", "c", "b"]).tolist() == [0, 1, 0, 3, 1]


def split_of(texts: list[str], **columns: object) -> Split:
    return Split("train", tuple(str(row) for row in range(len(texts))), tuple(texts), columns)  # type: ignore[arg-type]


def test_bonds_join_texts_and_columns_and_what_they_join() -> None:
    split = split_of(
        ["x", "y", "X\u200b", "z", "w", "v"],
        author=group_column(["", "ann", "ann", "", "bob", ""]),
        thread=text_column(["", "", "", "7", "", "7"]),
        flag=label_column([0, 1, 1, 1, 1, 1]),
    )

    def groups(*together: str) -> list[set[int]]:
        found = bonds(split, len(split), together)
        every = [set(np.flatnonzero(found == number).tolist()) for number in np.unique(found)]
        return sorted((group for group in every if len(group) > 1), key=min)

    assert groups() == [{0, 2}]
    assert groups("author") == [{0, 1, 2}]
    assert groups("author", "thread") == [{0, 1, 2}, {3, 5}]
    assert groups("flag") == [set(range(6))]
    assert bonds(split_of(["a", "b"]), 2).tolist() == [0, 1]
