"""A seeded corpus of short posts in three invented languages, and rows that look as if a model had written them.

A post speaks of a group of people, kindly or not. Languages share no word; they differ in script, in how many of their
posts hurt and in how plainly posts say so: one threshold does not suit all. Two languages have few rows.

Of the extra rows, some are new (``direct``), some say what a row says in other words (``paraphrase``), some turn what a
row says into its contrary (``contrastive``). A few of the new ones nearly repeat a row without saying so, as models do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from tune_polar.data.columns import group_column, label_column
from tune_polar.data.labels import POLARIZATION
from tune_polar.data.readers.polar import LANGUAGE
from tune_polar.data.samples.registry import register
from tune_polar.data.table import DEV, TEST, TRAIN, Corpus, Split
from tune_polar.data.texts import normalised

STRATEGY = "strategy"
DIRECT, PARAPHRASE, CONTRASTIVE = "direct", "paraphrase", "contrastive"
EXTRA_PARTS = {DIRECT: 0.5, PARAPHRASE: 0.3, CONTRASTIVE: 0.2}  # of the extra rows of a language
REPEATED = 0.1  # of the direct rows nearly say what a row of train says
DISPUTED = 0.04  # posts that read like the other class

GREEK = dict(zip("abdefgiklmnoprstuvyz", "αβδεφγικλμνοπρστυωψζ", strict=True))
CYRILLIC = dict(zip("abdefgiklmnoprstuvyz", "абдефгиклмнопрстувыз", strict=True))
KINDS = {"group": 6, "place": 8, "kind": 14, "hostile": 14, "vague": 8, "filler": 26}  # words of each kind
SYNONYMS = 2  # of each word


@dataclass(frozen=True)
class Tongue:
    """An invented language: how it sounds, how many rows it has, and how its speakers argue."""

    name: str
    rows: tuple[int, int, int]  # of train, dev and test
    extra: int  # rows
    hurts: float  # share of its posts
    plain: float  # share of posts that say what they mean
    consonants: str
    vowels: str
    letters: dict[str, str]


TONGUES = (
    Tongue("ard", (330, 60, 90), 120, 0.5, 0.85, "bdgklmnrst", "aeio", {}),
    Tongue("bel", (150, 40, 60), 120, 0.25, 0.7, "fglmprsvz", "aou", GREEK),
    Tongue("cyr", (120, 40, 60), 120, 0.7, 0.75, "bdkmnstvz", "eiuy", CYRILLIC),
)


@dataclass(frozen=True)
class Post:
    """Which words a post has: places in the lexicon, and of each which of its synonyms."""

    words: tuple[tuple[str, int, int], ...]  # kind, number, synonym
    hurts: bool


@register("tongues")
def tongues(seed: int) -> Corpus:
    """600 rows of train, 140 of dev and 210 of test in three languages, and 360 extra rows; no text is there twice.

    Columns: ``polarization``; the group ``language``; ``strategy``, by which an extra row was made, of no other row.
    """
    parts: dict[str, list[_Row]] = {TRAIN: [], DEV: [], TEST: []}
    extra: list[_Row] = []
    for tongue, stream in zip(TONGUES, np.random.SeedSequence(seed).spawn(len(TONGUES)), strict=True):
        speaker = _Speaker(tongue, np.random.default_rng(stream))
        for name, number in zip(parts, tongue.rows, strict=True):
            parts[name] += speaker.rows(number)
        extra += speaker.extra(parts[TRAIN])
    train = [*parts[TRAIN], *extra]
    splits = {name: _split(name, train if name == TRAIN else rows) for name, rows in parts.items()}
    places = {id(row.post): place for place, row in enumerate(parts[TRAIN])}
    sources = [-1 if row.source is None else places[id(row.source)] for row in extra]
    return Corpus("sample", splits, np.array(sources, dtype=np.int64))


@dataclass(frozen=True)
class _Row:
    text: str
    post: Post
    language: str
    strategy: str = ""
    source: Post | None = None


class _Speaker:
    """Writes posts of one language."""

    def __init__(self, tongue: Tongue, rng: np.random.Generator) -> None:
        self._tongue, self._rng = tongue, rng
        self._taken: set[str] = set()
        self._known: set[str] = set()
        self._lexicon = {
            kind: [tuple(self._word(kind) for _ in range(SYNONYMS)) for _ in range(number)]
            for kind, number in KINDS.items()
        }

    def rows(self, number: int) -> list[_Row]:
        """New posts, as many that hurt as the language has."""
        hurts = self._rng.permutation(np.arange(number) < round(number * self._tongue.hurts))
        return [self._said(partial(self._post, bool(each))) for each in hurts]

    def extra(self, train: Sequence[_Row]) -> list[_Row]:
        """Rows made of nothing or of own rows of ``train``."""
        own = [row for row in train if row.language == self._tongue.name]
        found: list[_Row] = []
        for strategy, share in EXTRA_PARTS.items():
            for number in range(round(self._tongue.extra * share)):
                if strategy == DIRECT and self._rng.random() < REPEATED:
                    row = self._said(lambda: self._changed(self._drawn(own), "filler", 1))
                elif strategy == DIRECT:
                    row = self._said(partial(self._post, number % 2 == 0))
                else:
                    row = self._made(strategy, own)
                found.append(replace(row, strategy=strategy))
        return found

    def _made(self, strategy: str, own: Sequence[_Row]) -> _Row:
        while True:
            source = self._drawn(own)
            post = self._reworded(source) if strategy == PARAPHRASE else self._turned(source)
            text = self._text(post)
            if normalised(text) not in self._taken:
                return replace(self._said(partial(replace, post)), source=source)

    def _said(self, make: Callable[[], Post]) -> _Row:
        while True:
            post = make()
            text = self._text(post)
            key = normalised(text)
            if key not in self._taken:
                self._taken.add(key)
                return _Row(text, post, self._tongue.name)

    def _drawn(self, rows: Sequence[_Row]) -> Post:
        return rows[int(self._rng.integers(len(rows)))].post

    def _post(self, hurts: bool) -> Post:
        told = hurts != (self._rng.random() < DISPUTED)
        plain = self._rng.random() < self._tongue.plain
        verbs = [("hostile" if told else "kind") if plain else "vague", "vague"][: 1 + int(self._rng.random() < 0.5)]
        kinds = ["filler"] * int(self._rng.integers(3, 6)) + ["group", *verbs, "place"]
        kinds += ["filler"] * int(self._rng.integers(2, 5))
        return Post(tuple(self._any(kind) for kind in kinds), hurts)

    def _any(self, kind: str) -> tuple[str, int, int]:
        return kind, int(self._rng.integers(KINDS[kind])), int(self._rng.integers(SYNONYMS))

    def _reworded(self, post: Post) -> Post:
        """The same in other words: most of them go by a synonym."""
        words = [
            (kind, number, (other + 1) % SYNONYMS if self._rng.random() < 0.7 else other)
            for kind, number, other in post.words
        ]
        return Post(tuple(words), post.hurts)

    def _turned(self, post: Post) -> Post:
        """The contrary, with as few changes as that takes."""
        other = {"hostile": "kind", "kind": "hostile", "vague": "kind" if post.hurts else "hostile"}
        words = [self._any(other[kind]) if kind in other else (kind, number, by) for kind, number, by in post.words]
        return Post(tuple(words), not post.hurts)

    def _changed(self, post: Post, kind: str, most: int) -> Post:
        """The same but for ``most`` words of a kind."""
        places = [place for place, word in enumerate(post.words) if word[0] == kind][:most]
        words = [self._any(kind) if place in places else word for place, word in enumerate(post.words)]
        return Post(tuple(words), post.hurts)

    def _text(self, post: Post) -> str:
        said = " ".join(self._lexicon[kind][number][other] for kind, number, other in post.words)
        return "".join(self._tongue.letters.get(letter, letter) for letter in said)

    def _word(self, kind: str) -> str:
        """One that the language does not have yet; words of scorn sound harsh, words of praise do not."""
        sounds, middle = self._tongue.consonants, len(self._tongue.consonants) // 2
        consonants = {"hostile": sounds[:middle], "kind": sounds[middle:]}.get(kind, sounds)
        while True:
            syllables = [
                self._letter(consonants) + self._letter(self._tongue.vowels)
                for _ in range(int(self._rng.integers(3, 5) if kind in ("hostile", "kind") else 2))
            ]
            word = "".join(syllables) + (self._letter(consonants) if self._rng.random() < 0.4 else "")
            if word not in self._known:
                self._known.add(word)
                return word

    def _letter(self, letters: str) -> str:
        return letters[int(self._rng.integers(len(letters)))]


def _split(name: str, rows: Sequence[_Row]) -> Split:
    numbers: dict[str, int] = {}
    ids = []
    for row in rows:
        kind = f"{row.language}_{row.strategy or name}"
        numbers[kind] = numbers.get(kind, 0) + 1
        ids.append(f"{kind}_{numbers[kind]}")
    return Split(
        name,
        tuple(ids),
        tuple(row.text for row in rows),
        {
            POLARIZATION: label_column(int(row.post.hurts) for row in rows),
            LANGUAGE: group_column([row.language for row in rows]),
            STRATEGY: group_column([row.strategy for row in rows]),
        },
    )
