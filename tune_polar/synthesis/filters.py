"""Which of the texts that a model wrote are rows to train on; of each that is not, the first reason."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from tune_polar.data.near_texts import NearTexts
from tune_polar.data.repeated import first_with_text, matches
from tune_polar.synthesis.row_requests import OwnRows

Reason = Literal[
    "too short",
    "too long",
    "control characters",
    "says its label",
    "another script",
    "near to one before",
    "near to a row",
]
SHORTEST, LONGEST = 10, 1000  # characters
OF_SCRIPT = 0.5  # of the letters of a text that are of its language's script


@dataclass(frozen=True)
class Written:
    """One text that a model wrote."""

    text: str
    label: str
    language: str


def sieve(
    written: Sequence[Written], rows: OwnRows, leaks: Sequence[re.Pattern[str]], *, others: Sequence[str] = ()
) -> list[Reason | None]:
    """For each text why it is left out; None: it is kept.

    Args:
        written: in the order in which they were asked for; of near ones the first is kept.
        rows: of the data.
        leaks: patterns of texts that say what they were written for.
        others: texts of other splits, which synthetic rows must not tell of either.
    """
    scripts = {language: _script_of(rows, language) for language in dict.fromkeys(rows.languages)}
    found = [_alone(each, scripts.get(each.language, ""), leaks) for each in written]
    left = [place for place, reason in enumerate(found) if reason is None]
    texts = [written[place].text for place in left]
    twins = _twins(texts)
    known = [*rows.texts, *others]
    near_rows = {row for row, other in enumerate(matches(texts, known).tolist()) if other >= 0}
    near_rows |= {row for row, _ in NearTexts(known).twins(texts)}
    kept: set[int] = set()
    for row, place in enumerate(left):
        if twins[row] & kept:
            found[place] = "near to one before"
        elif row in near_rows:
            found[place] = "near to a row"
        else:
            kept.add(row)
    return found


def _alone(one: Written, script: str, leaks: Sequence[re.Pattern[str]]) -> Reason | None:
    """What is wrong with a text by itself."""
    if len(one.text) < SHORTEST:
        return "too short"
    if len(one.text) > LONGEST:
        return "too long"
    if any(unicodedata.category(letter) == "Cc" and letter not in "\t\n\r" for letter in one.text):
        return "control characters"  # no file of rows may hold NUL, and no terminal should be shown ESC
    if any(pattern.search(one.text) for pattern in leaks):
        return "says its label"
    return "another script" if script and _share(one.text, script) < OF_SCRIPT else None


def _twins(texts: Sequence[str]) -> dict[int, set[int]]:
    """By row those before it that say the same or nearly so."""
    found: dict[int, set[int]] = defaultdict(set)
    for row, first in enumerate(first_with_text(texts).tolist()):
        if first != row:
            found[row].add(first)
    for row, other in NearTexts(texts).pairs():
        found[row].add(other)
    return found


def _script_of(rows: OwnRows, language: str) -> str:
    """The script of most letters in a language's rows; nothing where it is written in several."""
    texts = [text for text, its in zip(rows.texts, rows.languages, strict=True) if its == language]
    counts = Counter(_scripts(" ".join(texts[:200])))
    if not counts:
        return ""
    script, number = counts.most_common(1)[0]
    return script if number >= OF_SCRIPT * counts.total() else ""


def _share(text: str, script: str) -> float:
    found = _scripts(text)
    return found.count(script) / len(found) if found else 0.0


def _scripts(text: str) -> list[str]:
    return [_script(character) for character in text if character.isalpha()]


@lru_cache(maxsize=1 << 16)
def _script(character: str) -> str:
    """The first word of a letter's name: LATIN, DEVANAGARI, CJK."""
    return unicodedata.name(character, "").partition(" ")[0]
