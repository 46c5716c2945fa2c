"""Which of the texts that a model wrote are rows to train on; of each that is not, the first reason."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tune_polar.data.near_texts import NearTexts
from tune_polar.data.repeated import first_with_text, matches
from tune_polar.data.texts import letters
from tune_polar.synthesis.patterns import Patterns
from tune_polar.synthesis.row_requests import OwnRows

Reason = Literal[
    "too short",
    "too long",
    "control characters",
    "says its label",
    "another script",
    "near to one before",
    "near to a row",
    "near in meaning to one before",
    "near in meaning to a row",
]
SHORTEST, LONGEST = 10, 1000  # characters
OF_SCRIPT = 0.5  # of the letters of a text that are of its language's script
_BLOCK = 512  # texts that are compared with all others at once

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Written:
    """One text that a model wrote."""

    text: str
    label: str
    language: str


@dataclass(frozen=True)
class Meaning:
    """How near texts are in what they mean: the cosine of their vectors.

    Args:
        vectors: of texts, (texts, size).
        at_least: the cosine from which two are near.
    """

    vectors: Callable[[Sequence[str]], Vectors]
    at_least: float = 0.9


def sieve(
    written: Sequence[Written],
    rows: OwnRows,
    leaks: Patterns,
    *,
    others: Sequence[str] = (),
    meaning: Meaning | None = None,
) -> list[Reason | None]:
    """For each text why it is left out; None: it is kept.

    Args:
        written: in the order in which they were asked for; of near ones the first is kept.
        rows: of the data.
        leaks: patterns of texts that say what they were written for.
        others: texts of other splits, which synthetic rows must not tell of either.
        meaning: by which those near in meaning are left out too, after all others; None: words alone decide.
    """
    scripts = {language: _script_of(rows, language) for language in dict.fromkeys(rows.languages)}
    found = [_alone(each, scripts.get(each.language, ""), leaks) for each in written]
    left = [place for place, reason in enumerate(found) if reason is None]
    texts = [written[place].text for place in left]
    twins = _twins(texts)
    known = [*rows.texts, *others]
    near_rows = {row for row, other in enumerate(matches(texts, known, letters).tolist()) if other >= 0}
    near_rows |= {row for row, _ in NearTexts(known).twins(texts)}
    kept: set[int] = set()
    for row, place in enumerate(left):
        if twins[row] & kept:
            found[place] = "near to one before"
        elif row in near_rows:
            found[place] = "near to a row"
        else:
            kept.add(row)
    left = [place for place, reason in enumerate(found) if reason is None]
    if meaning is not None and left:
        for place, reason in zip(left, _by_meaning([written[each].text for each in left], known, meaning), strict=True):
            found[place] = reason
    return found


def _by_meaning(texts: Sequence[str], known: Sequence[str], meaning: Meaning) -> list[Reason | None]:
    """Of each text whether it is near one of ``known``, or one before it that is kept."""
    found: list[Reason | None] = [None] * len(texts)
    vectors, theirs = _unit(meaning.vectors(texts)), _unit(meaning.vectors(known))
    is_kept = np.ones(len(texts), dtype=np.bool_)
    for first in range(0, len(texts), _BLOCK):
        block = vectors[first : first + _BLOCK]
        nearest = np.full(len(block), -1.0, dtype=np.float32)
        for begin in range(0, len(theirs), _BLOCK):
            nearest = np.maximum(nearest, (block @ theirs[begin : begin + _BLOCK].T).max(axis=1))
        among = block @ vectors[: first + len(block)].T >= meaning.at_least
        for row in range(first, first + len(block)):
            if nearest[row - first] >= meaning.at_least:
                found[row] = "near in meaning to a row"
            elif (among[row - first, :row] & is_kept[:row]).any():
                found[row] = "near in meaning to one before"
            is_kept[row] = found[row] is None
    return found


def _unit(vectors: Vectors) -> Vectors:
    """Each of length 1; a vector of nothing stays one, and is near to none."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True).astype(np.float32)
    unit: Vectors = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return unit


def _alone(one: Written, script: str, leaks: Patterns) -> Reason | None:
    """What is wrong with a text by itself."""
    if len(one.text) < SHORTEST:
        return "too short"
    if len(one.text) > LONGEST:
        return "too long"
    if any(unicodedata.category(letter) == "Cc" and letter not in "\t\n\r" for letter in one.text):
        return "control characters"  # no file of rows may hold NUL, and no terminal should be shown ESC
    if leaks.match(one.text):
        return "says its label"
    return "another script" if script and _share(one.text, script) < OF_SCRIPT else None


def _twins(texts: Sequence[str]) -> dict[int, set[int]]:
    """By row those before it that say the same or nearly so."""
    found: dict[int, set[int]] = defaultdict(set)
    for row, first in enumerate(first_with_text(texts, letters).tolist()):
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
