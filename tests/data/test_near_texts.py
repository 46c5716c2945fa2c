"""Near twins against a comparison of all pairs, and what a reader is told of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tune_polar.data import near_texts
from tune_polar.data.column_request import DataRequest, column_specs
from tune_polar.data.load import load_corpus
from tune_polar.data.near_texts import NEAR, NearTexts
from tune_polar.data.source import parse_source
from tune_polar.data.texts import words


def by_all_pairs(known: list[str], asked: list[str]) -> dict[int, int]:
    found: dict[int, int] = {}
    for row, text in enumerate(asked):
        for other, said in enumerate(known):
            one, two = set(text.split()), set(said.split())
            if len(one) >= 4 and len(two) >= 4 and said != text and len(one & two) / len(one | two) >= NEAR:
                found.setdefault(row, other)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_near_twins_are_those_of_all_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    known = [f"w{number}" for number in range(9)]
    texts = [" ".join(rng.choice(known, size=rng.integers(1, 8), replace=False)) for _ in range(160)]
    expected = by_all_pairs(texts[:80], texts[80:])
    assert expected
    assert dict(NearTexts(texts[:80]).twins(texts[80:])) == expected


def test_pairs_of_one_list_are_those_of_all_pairs() -> None:
    rng = np.random.default_rng(7)
    known = [f"w{number}" for number in range(8)]
    texts = [" ".join(rng.choice(known, size=rng.integers(1, 8), replace=False)) for _ in range(80)]
    expected = [(row, other) for row in range(80) for other in range(row) if by_all_pairs([texts[other]], [texts[row]])]
    assert expected
    assert list(NearTexts(texts).pairs()) == expected


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        ("You people are ruining this, get out!", "you people are ruining this get out"),
        ('"You people are ruining this" - get out...', "You people, are ruining (this). Get *out* 😀"),
        ("don’t go, they don’t want you", "Don't go! They don't want you"),
        ("तुम लोग, देश को बर्बाद कर रहे हो।", "तुम लोग देश को बर्बाद कर रहे हो!"),
        ("今天，天气很好。我们去公园！", "今天天气很好我们去公园"),
        ("วันนี้อากาศดี, ไปเที่ยว", "วันนี้ อากาศดี ไปเที่ยว!"),
    ],
)
def test_punctuation_and_case_tell_no_words_apart(known: str, asked: str) -> None:
    assert list(NearTexts([known]).twins([asked])) == [(0, 0)]


def test_words_of_all_scripts_stay_whole() -> None:
    """Their marks are no letters: cut at them, the words of either line below would be the same few consonants."""
    for one, other in (
        ("की कि के को कौ", "का कु कू कृ कै"),
        ("நீ நி நே நோ நௌ", "நா நு நூ நெ நை"),
        ("कि की कु कू के", "क"),
    ):
        assert list(NearTexts([one]).twins([other])) == []
    assert words("नमस्ते, दुनिया! ภาษาไทย ನಮಸ್ಕಾರ; བོད་སྐད e\u0301t\u00e9") == [
        *("नमस्ते", "दुनिया", "ภาษาไทย", "ನಮಸ್ಕಾರ", "བོད", "སྐད", "e\u0301t\u00e9"),
    ]


def test_scripts_that_part_no_words_are_compared_two_characters_at_a_time() -> None:
    known = "今天天气很好我们去公园玩吧大家都来"
    assert list(NearTexts([known]).twins([known[:-1] + "了"])) == [(0, 0)]
    assert list(NearTexts([known]).twins([known[::-1]])) == []


def test_they_are_told_with_their_number(tmp_path: Path) -> None:
    for name, end in (("train", "day"), ("dev", "night")):
        rows = "".join(f"this is now one post with number {n} of the {end},{n % 2}\n" for n in range(4))
        (tmp_path / f"{name}.csv").write_text(f"text,hate\n{rows}", encoding="utf-8")
    source = parse_source(str(tmp_path / "train.csv"), dev=str(tmp_path / "dev.csv"))
    corpus = load_corpus(source, DataRequest(column_specs(labels=["hate"])))
    (told,) = [each for each in corpus.warnings if each.code == "near-text-in-two-splits"]
    assert (told.severity, told.count, told.rows) == ("warning", 4, (2, 3, 4, 5))
    assert "train.csv, row 2" in told.message


def test_where_not_all_were_looked_for_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_texts, "COMPARED_AT_MOST", 3)
    for name, end in (("train", "day"), ("dev", "night")):
        rows = "".join(f"this is now one post with number {n} of the {end},{n % 2}\n" for n in range(4))
        (tmp_path / f"{name}.csv").write_text(f"text,hate\n{rows}", encoding="utf-8")
    source = parse_source(str(tmp_path / "train.csv"), dev=str(tmp_path / "dev.csv"))
    corpus = load_corpus(source, DataRequest(column_specs(labels=["hate"])))
    (told,) = [each for each in corpus.warnings if each.code == "near-texts-unseen"]
    assert "not all looked for" in told.message
