"""A seeded corpus shaped like POLAR's Chinese data, about invented groups, for a first run offline."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tune_polar.data import sample_lexicon as lexicon
from tune_polar.data.checks import normalised
from tune_polar.data.corpus import Corpus, IntArray, Split
from tune_polar.data.labels import MANIFESTATIONS, POLARIZATION, TYPES
from tune_polar.data.sample_labels import (
    MANIFESTATION_OF_INITIAL,
    MANIFESTATION_SETS,
    POLARIZED_SHARE,
    TYPE_OF_INITIAL,
    TYPE_SETS,
    draw_sets,
)
from tune_polar.data.write_polar import write_polar
from tune_polar.errors import DataError

__all__ = ["sample_corpus", "write_polar"]

LONGEST_CHARACTERS = 89
MEAN_CHARACTERS, SPREAD_CHARACTERS, SHORTEST_CHARACTERS = 34.0, 8.6, 13  # of POLAR zho train
HALF_A_CLAUSE = 5  # texts end on whole clauses; half of one on either side keeps the mean
MOST_ROWS = 20_000  # beyond this, unique texts take ever longer to find

# How the texts are spoken; set so that TF-IDF and logistic regression do about as well as on POLAR zho.
EXPRESSED = 0.59  # a manifestation is put into its own words, else into ambiguous ones
STRAY = 0.15  # a polarized row borrows the words of a manifestation it does not have
FRAMED = 0.35  # a hostile clause of a polarized row is quoted, mostly to endorse it
SOFTENED = 0.35  # a polarized row also says something neutral of the group
DISPUTED = 0.03  # a row reads like one of the other class: annotators disagree
MISTYPED = 0.02  # a character that has a common misspelling gets it
WITH_EMOJI = 0.08
MENTION_POLARIZED = (0.52, 0.18, 0.12, 0.18)  # name, coded, homophone, vague
MENTION_NEUTRAL = (0.58, 0.16, 0.10, 0.16)
# Rows without polarization: plain mention, quote (mostly rejected), ambiguous, hostile to a thing, daily life
NEUTRAL_KINDS = (0.22, 0.34, 0.26, 0.10, 0.08)

_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class _Row:
    types: frozenset[str]
    manifestations: frozenset[str]

    @property
    def polarized(self) -> bool:
        return bool(self.types)


def sample_corpus(seed: int = 0, *, rows_train: int = 1000, rows_dev: int = 200, rows_test: int = 400) -> Corpus:
    """Train, dev and test with all of POLAR's labels; equal arguments give equal corpora.

    Texts are unique over all splits, 34 characters on average and 89 at most. A split with 0 rows is left
    out. Every label has 12 rows or more from 1,000 rows on.

    Raises:
        DataError: ``seed`` is negative, ``rows_train`` below 1, or a number of rows negative or too large.
    """
    rows = {"train": rows_train, "dev": rows_dev, "test": rows_test}
    for name, number in rows.items():
        least = 1 if name == "train" else 0
        if not least <= number <= MOST_ROWS:
            raise DataError(
                f"the sample's {name} rows must be between {least} and {MOST_ROWS}, got {number}",
                "Give fewer rows, or use real data for more." if number > 0 else "Give more rows.",
            )
    if seed < 0:
        raise DataError(f"the sample's seed must be at least 0, got {seed}", "Use 0.")
    taken: set[str] = set()
    splits = {}
    # A stream for each split: dev and test do not change what train holds.
    for (name, number), stream in zip(rows.items(), np.random.SeedSequence(seed).spawn(3), strict=True):
        if number:
            splits[name] = _split(name, seed, number, np.random.default_rng(stream), taken)
    return Corpus("sample", splits)


def _split(name: str, seed: int, number: int, rng: np.random.Generator, taken: set[str]) -> Split:
    rows = _rows(number, rng)
    texts = [_unique_text(row, rng, taken) for row in rows]
    ids = [hashlib.sha256(f"{seed}/{name}/{place}".encode()).hexdigest()[:32] for place in range(number)]
    labels: dict[str, IntArray] = {POLARIZATION: np.array([row.polarized for row in rows], dtype=np.int64)}
    for label in TYPES:
        labels[label] = np.array([label in row.types for row in rows], dtype=np.int64)
    for label in MANIFESTATIONS:
        labels[label] = np.array([label in row.manifestations for row in rows], dtype=np.int64)
    return Split(name, tuple(f"sample_{row_id}" for row_id in ids), tuple(texts), labels)


def _rows(number: int, rng: np.random.Generator) -> list[_Row]:
    """Label sets in POLAR's shares, in random order."""
    polarized = round(number * POLARIZED_SHARE)
    types = draw_sets(TYPE_SETS, polarized, rng)
    manifestations = draw_sets(MANIFESTATION_SETS, polarized, rng)
    rows = [
        _Row(
            frozenset(TYPE_OF_INITIAL[initial] for initial in of_type),
            frozenset(MANIFESTATION_OF_INITIAL[initial] for initial in of_manifestation),
        )
        for of_type, of_manifestation in zip(types, manifestations, strict=True)
    ]
    rows += [_Row(frozenset(), frozenset())] * (number - polarized)
    return [rows[place] for place in rng.permutation(number)]


def _unique_text(row: _Row, rng: np.random.Generator, taken: set[str]) -> str:
    while True:
        text = _text(row, rng)
        key = normalised(text)
        if len(text) <= LONGEST_CHARACTERS and key not in taken:
            taken.add(key)
            return text


def _text(row: _Row, rng: np.random.Generator) -> str:
    disputed = rng.random() < DISPUTED
    clauses = _polarized_clauses(row, disputed, rng) if row.polarized else _neutral_clauses(disputed, rng)
    wanted = max(SHORTEST_CHARACTERS, rng.normal(MEAN_CHARACTERS, SPREAD_CHARACTERS))
    opener, closer = _pick(lexicon.OPENERS, rng), _pick(lexicon.CLOSERS, rng)
    for place in rng.permutation(len(lexicon.FILLERS)):
        if len(opener) + sum(len(clause) + 1 for clause in clauses) + len(closer) >= wanted - HALF_A_CLAUSE:
            break
        filler = _fill(lexicon.FILLERS[place], "", rng)
        clauses.insert(int(rng.integers(len(clauses) + 1)), filler)
    text = opener + _pick(("，", "，", " ", "。"), rng).join(clauses) + closer
    if rng.random() < WITH_EMOJI:
        text += _pick(lexicon.EMOJI, rng)
    return "".join(
        lexicon.MISTYPED[character] if character in lexicon.MISTYPED and rng.random() < MISTYPED else character
        for character in text
    )


def _polarized_clauses(row: _Row, disputed: bool, rng: np.random.Generator) -> list[str]:
    """A clause for each manifestation, its own words or ambiguous ones; every type is mentioned."""
    mentions = [_mention(label, MENTION_POLARIZED, rng) for label in sorted(row.types)]
    if disputed:
        return [_fill(_pick(lexicon.NEUTRAL_PATTERNS, rng), "和".join(mentions), rng)]
    patterns = [
        _pick(lexicon.MANIFESTATION_PATTERNS[label], rng)
        if rng.random() < EXPRESSED
        else _pick(lexicon.AMBIGUOUS_PATTERNS, rng)
        for label in sorted(row.manifestations)
    ]
    if rng.random() < STRAY:
        patterns.append(_hostile_pattern(rng))
    patterns = list(dict.fromkeys(patterns))
    order = rng.permutation(len(patterns))
    if len(mentions) > len(patterns):
        mentions = ["和".join(mentions)]
    clauses = [_fill(patterns[place], mentions[number % len(mentions)], rng) for number, place in enumerate(order)]
    if rng.random() < FRAMED:
        clauses[0] = _framed(lexicon.ENDORSING_FRAMES, clauses[0], rng)
    if rng.random() < SOFTENED:
        clauses.insert(0, _fill(_pick(lexicon.NEUTRAL_PATTERNS, rng), mentions[0], rng))
    return clauses


def _neutral_clauses(disputed: bool, rng: np.random.Generator) -> list[str]:
    # The type shares of polarized rows: else the group itself would tell the classes apart.
    spoken_of = draw_sets(TYPE_SETS, 1, rng)[0][0]
    mention = _mention(TYPE_OF_INITIAL[spoken_of], MENTION_NEUTRAL, rng)
    kind = rng.choice(len(NEUTRAL_KINDS), p=NEUTRAL_KINDS)
    if disputed:
        return [_fill(_hostile_pattern(rng), mention, rng)]
    if kind == 0:
        return [_fill(_pick(lexicon.NEUTRAL_PATTERNS, rng), mention, rng)]
    if kind == 1:
        quoted = _fill(_hostile_pattern(rng), mention, rng)
        return [_framed(lexicon.REJECTING_FRAMES, quoted, rng)]
    if kind == 2:
        return [_fill(_pick(lexicon.AMBIGUOUS_PATTERNS, rng), mention, rng)]
    return [_fill(_pick(lexicon.THING_PATTERNS if kind == 3 else lexicon.DAILY_PATTERNS, rng), "", rng)]


def _hostile_pattern(rng: np.random.Generator) -> str:
    return _pick(lexicon.MANIFESTATION_PATTERNS[_pick(MANIFESTATIONS, rng)], rng)


def _framed(frames: Sequence[str], clause: str, rng: np.random.Generator) -> str:
    before, after = _pick((*frames, *lexicon.OPEN_FRAMES), rng).split("{c}")
    return _fill(before, "", rng) + clause + after


def _mention(label: str, shares: Sequence[float], rng: np.random.Generator) -> str:
    group = lexicon.GROUPS[label][int(rng.integers(len(lexicon.GROUPS[label])))]
    forms = ((group.name,), group.coded, group.homophones, lexicon.VAGUE)
    return _pick(forms[rng.choice(len(forms), p=shares)], rng)


def _fill(pattern: str, mention: str, rng: np.random.Generator) -> str:
    def word(slot: re.Match[str]) -> str:
        return mention if slot[1] == "g" else _pick(lexicon.SLOTS[slot[1]], rng)

    return _SLOT.sub(word, pattern)


def _pick(words: Sequence[str], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]
