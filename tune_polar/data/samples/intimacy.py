"""A seeded corpus of short posts in invented languages, each with a number: how intimate it is, from 1 to 5.

As in the tweets it stands for: most posts are hardly intimate, a number is the mean of five raters, languages differ in
their mean, and languages of one script share words that have come apart in sound. The test split holds two languages
that train does not: one of each script.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from tune_polar.data.columns import FloatArray, group_column, number_column
from tune_polar.data.samples.registry import register
from tune_polar.data.table import Corpus, Split
from tune_polar.data.texts import normalised

LOW, HIGH = 1.0, 5.0
RATERS = 5
ROOTS_A_LEVEL = 9  # words of each level from 1 to 5
OWN_SHARE, FAR_OWN_SHARE = 0.3, 0.75  # of the words of a language, of one not seen, that no other has
MEAN_WORDS, SPREAD_WORDS, LEAST_WORDS = 7.0, 2.0, 3
WITH_SIGN = 0.3  # a post ends with an emoji
OFF_LEVEL = 0.3  # a word of a post is of any level


@dataclass(frozen=True)
class Language:
    """How an invented language sounds and is written.

    ``shifts`` replaces sounds of the common roots, ``ending`` closes its words, ``offset`` is by how much more intimate
    its posts are than others.
    """

    name: str
    script: str
    shifts: Mapping[str, str]
    ending: str
    offset: float


LANGUAGES = (
    Language("Kerovan", "cyrillic", {"p": "b", "o": "a"}, "i", 0.3),
    Language("Lumic", "cyrillic", {"t": "d", "e": "i"}, "u", -0.3),
    Language("Ormic", "latin", {"p": "b", "t": "d"}, "en", 0.0),
    Language("Teshi", "latin", {"k": "h", "a": "e"}, "o", 0.5),
    Language("Valdish", "latin", {"u": "o", "s": "z"}, "a", -0.4),
    Language("Zhadri", "cyrillic", {"s": "z", "k": "g"}, "om", 0.1),
)
UNSEEN = (
    Language("Bruvian", "cyrillic", {"p": "b", "s": "z"}, "e", 0.9),
    Language("Paltic", "latin", {"k": "h", "t": "d"}, "is", -0.5),
)
SIGNS: tuple[tuple[str, ...], ...] = (("📰", "📈"), ("⚽", "🎮"), ("😀", "🎂"), ("🤗", "🥺"), ("💕", "😍"))  # by level
CYRILLIC = dict(zip("abdeghijklmnoprstuvz", "абдегхийклмнопрстувз", strict=True))

ROWS_A_LANGUAGE, TEST_ROWS_A_LANGUAGE = 200, 50


@register("intimacy")
def intimacy(seed: int) -> Corpus:
    """1,200 rows of train in six languages, 400 of test in eight; texts are unique over both."""
    taken: set[str] = set()
    streams = [np.random.default_rng(stream) for stream in np.random.SeedSequence(seed).spawn(2)]
    train = _split("train", seed, LANGUAGES, ROWS_A_LANGUAGE, streams[0], taken)
    test = _split("test", seed, (*LANGUAGES, *UNSEEN), TEST_ROWS_A_LANGUAGE, streams[1], taken)
    return Corpus("sample", {"train": train, "test": test})


def _split(
    name: str, seed: int, languages: Sequence[Language], rows: int, rng: np.random.Generator, taken: set[str]
) -> Split:
    said: list[tuple[str, float, str]] = []
    for language in languages:
        latent = np.clip(LOW + rng.gamma(1.3, 0.85, rows) + language.offset, LOW, HIGH)
        said += [(_unique(language, level, rng, taken), _rated(level, rng), language.name) for level in latent]
    said = [said[place] for place in rng.permutation(len(said))]
    texts, numbers, names = zip(*said, strict=True)
    ids = [hashlib.sha256(f"intimacy/{seed}/{name}/{row}".encode()).hexdigest()[:32] for row in range(len(said))]
    columns = {"intimacy": number_column(numbers), "language": group_column(names)}
    return Split(name, tuple(f"sample_{row_id}" for row_id in ids), texts, columns)


def _rated(level: float, rng: np.random.Generator) -> float:
    """The mean of what five raters say, who use whole numbers and do not agree."""
    ratings: FloatArray = np.clip(np.rint(level + rng.normal(0.0, 0.7, RATERS)), LOW, HIGH)
    return float(ratings.sum()) / RATERS


def _unique(language: Language, level: float, rng: np.random.Generator, taken: set[str]) -> str:
    while True:
        text = _text(language, level, rng)
        if normalised(text) not in taken:
            taken.add(normalised(text))
            return text


def _text(language: Language, level: float, rng: np.random.Generator) -> str:
    """Words whose levels lie about ``level``, some of any; the emoji is the same in all languages."""
    words, count = _lexicon(language.name), max(LEAST_WORDS, round(rng.normal(MEAN_WORDS, SPREAD_WORDS)))
    spoken = []
    for _ in range(count):
        near = np.clip(np.rint(level + rng.normal(0.0, 0.8)), LOW, HIGH)
        place = int(rng.integers(5)) if rng.random() < OFF_LEVEL else int(near) - 1
        spoken.append(words[place][int(rng.integers(ROOTS_A_LEVEL))])
    text = " ".join(spoken)
    if rng.random() < WITH_SIGN:
        signs = SIGNS[int(np.clip(np.rint(level + rng.normal(0.0, 0.6)), LOW, HIGH)) - 1]
        text += " " + signs[int(rng.integers(len(signs)))]
    return text


@cache
def _lexicon(name: str) -> tuple[tuple[str, ...], ...]:
    """The words of a language by level: common roots as it says them, and some that are its own."""
    language = next(each for each in (*LANGUAGES, *UNSEEN) if each.name == name)
    rng = np.random.default_rng(list(name.encode()))
    own = rng.random((5, ROOTS_A_LEVEL)) < (FAR_OWN_SHARE if language in UNSEEN else OWN_SHARE)
    return tuple(
        tuple(
            _written(_root(rng) if own[level, place] else root, language) for place, root in enumerate(_roots()[level])
        )
        for level in range(5)
    )


@cache
def _roots() -> tuple[tuple[str, ...], ...]:
    """What the languages have in common, by level."""
    rng = np.random.default_rng(7)
    found: dict[str, None] = {}
    while len(found) < 5 * ROOTS_A_LEVEL:
        found[_root(rng)] = None
    roots = list(found)
    return tuple(tuple(roots[level * ROOTS_A_LEVEL : (level + 1) * ROOTS_A_LEVEL]) for level in range(5))


def _root(rng: np.random.Generator) -> str:
    syllables = [rng.choice(list("ptksmnlr")) + rng.choice(list("aeiou")) for _ in range(2)]
    return "".join(syllables) + str(rng.choice(list("ptksmnlr")))


def _written(root: str, language: Language) -> str:
    said = "".join(language.shifts.get(sound, sound) for sound in root) + language.ending
    return said if language.script == "latin" else "".join(CYRILLIC[sound] for sound in said)
