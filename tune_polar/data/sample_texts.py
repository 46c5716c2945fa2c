"""What the rows of the sample corpus say: texts about invented groups, about as hard to tell apart as real ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tune_polar.data import sample_lexicon as lexicon
from tune_polar.data.labels import MANIFESTATIONS
from tune_polar.data.sample_labels import TYPE_OF_INITIAL, TYPE_SETS, draw_sets
from tune_polar.data.texts import normalised

LONGEST_CHARACTERS = 89
MEAN_CHARACTERS, SPREAD_CHARACTERS, SHORTEST_CHARACTERS = 34.0, 8.6, 13  # of POLAR zho train
HALF_A_CLAUSE = 5  # texts end on whole clauses; half of one on either side keeps the mean

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
class SampleRow:
    """The labels of a row that has a text to come."""

    types: frozenset[str]
    manifestations: frozenset[str]

    @property
    def polarized(self) -> bool:
        """Whether the row speaks against a group."""
        return bool(self.types)


def unique_text(row: SampleRow, rng: np.random.Generator, taken: set[str]) -> str:
    """A text for ``row`` that no reader would call the same as one of ``taken``, to which it is added."""
    while True:
        text = _text(row, rng)
        key = normalised(text)
        if len(text) <= LONGEST_CHARACTERS and key not in taken:
            taken.add(key)
            return text


def _text(row: SampleRow, rng: np.random.Generator) -> str:
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


def _polarized_clauses(row: SampleRow, disputed: bool, rng: np.random.Generator) -> list[str]:
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
