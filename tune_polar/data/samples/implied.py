"""Embedded posts about groups that do not exist, with what the hurtful ones imply: two data sets that differ in topic.

Hints such as "funny how" run through both sets, places and work do not: a model carries over a part of what it learns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tune_polar.data.columns import label_column, text_column
from tune_polar.data.samples.registry import register
from tune_polar.data.table import DEV, TRAIN, Corpus, Split
from tune_polar.data.texts import normalised

TRAIN_ROWS, DEV_ROWS, OTHER_ROWS = 480, 160, 240
HATE_SHARE = 0.4
MISLEADING_SHARE = 0.12  # of the harmless posts that begin with a hint too


@dataclass(frozen=True)
class Topic:
    """What posts of one data set are about."""

    name: str
    groups: Sequence[str]
    places: Sequence[str]
    harmless: Sequence[str]
    hurtful: Sequence[Sequence[str]]  # what a post says, and what it implies


_READ = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
HARBOUR, ORCHARD = (Topic(**_READ[name]) for name in ("harbour", "orchard"))
HINTS: Sequence[str] = _READ["hints"]
OPENINGS: Sequence[str] = _READ["openings"]
CLOSINGS: Sequence[str] = _READ["closings"]
SYNONYMS: Mapping[str, str] = _READ["synonyms"]


@register("harbour")
def harbour(seed: int) -> Corpus:
    """Posts about a harbour, and an evaluation set about orchards; see ``implied_corpus``."""
    return implied_corpus(HARBOUR, ORCHARD, seed)


@register("orchard")
def orchard(seed: int) -> Corpus:
    """Posts about orchards, and an evaluation set about a harbour."""
    return implied_corpus(ORCHARD, HARBOUR, seed)


def implied_corpus(topic: Topic, other: Topic, seed: int = 0) -> Corpus:
    """Posts about ``topic`` with a train and a dev split, and an evaluation set about ``other``.

    Columns: ``hate``; ``implied_statement``, empty where nothing is implied; ``augmented``, the post in other words.
    The evaluation set has its gold alone.

    Example:
        >>> implied_corpus(HARBOUR, ORCHARD).splits["orchard"].columns.keys()
        dict_keys(['hate'])
    """
    rows = _posts(topic, TRAIN_ROWS + DEV_ROWS, np.random.default_rng((seed, 0)))
    foreign = _posts(other, OTHER_ROWS, np.random.default_rng((seed, 1)))
    parts = {TRAIN: rows[:TRAIN_ROWS], DEV: rows[TRAIN_ROWS:]}
    splits = {name: _split(name, part, with_texts=True) for name, part in parts.items()}
    return Corpus("sample", {**splits, other.name: _split(other.name, foreign, with_texts=False)})


@dataclass(frozen=True)
class _Post:
    text: str
    implied: str  # "": nothing; such a post is harmless
    augmented: str


def _split(name: str, posts: list[_Post], *, with_texts: bool) -> Split:
    texts = {
        "implied_statement": text_column(post.implied for post in posts),
        "augmented": text_column(post.augmented for post in posts),
    }
    columns = {"hate": label_column(int(bool(post.implied)) for post in posts), **(texts if with_texts else {})}
    ids = tuple(f"{name}-{number}" for number in range(1, len(posts) + 1))
    return Split(name, ids, tuple(post.text for post in posts), columns)


def _posts(topic: Topic, count: int, rng: np.random.Generator) -> list[_Post]:
    """So many different ones."""
    found: dict[str, _Post] = {}
    while len(found) < count:
        group, place, closing = (str(rng.choice(each)) for each in (topic.groups, topic.places, CLOSINGS))
        is_hurtful = rng.random() < HATE_SHARE
        misleads = not is_hurtful and rng.random() < MISLEADING_SHARE
        opening = str(rng.choice(HINTS if is_hurtful or misleads else OPENINGS))
        if is_hurtful:
            said, implied = topic.hurtful[int(rng.integers(len(topic.hurtful)))]
        else:
            said, implied = str(rng.choice(topic.harmless)), ""
        text = opening + said.format(group=group, place=place) + closing
        found.setdefault(normalised(text), _Post(text, implied.format(group=group), _reworded(text, rng)))
    return list(found.values())


def _reworded(text: str, rng: np.random.Generator) -> str:
    """``text`` with words in place of others that mean the same; without any, its words in another place."""
    words = text.split(" ")
    known = [place for place, word in enumerate(words) if word in SYNONYMS]
    for place in known:
        if place == known[0] or rng.random() < 0.7:
            words[place] = SYNONYMS[words[place]]
    return " ".join(words) if known else f"{' '.join(words[2:])}, {' '.join(words[:2])}"
