"""Texts that nearly stand elsewhere too: the same words but for a few."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from tune_polar.data.texts import UNPARTED, normalised, words

NEAR = 0.8  # shared words over all words of both (Jaccard)
ROWS_AT_MOST = 200_000  # of all that are compared: 0.1 GB and some seconds
COMPARED_AT_MOST = 30_000_000  # looks at a row that has a rare word of another: ten seconds or so
FEWEST_WORDS = 4  # of two short texts, one word more or less says nothing

Words = tuple[str, ...]  # of one text, each once


class NearTexts:
    """Texts that others are looked for among: by their words, whatever punctuation, symbols and case.

    Two sets of words with a Jaccard of t or more share one of the |A| − ⌈t |A|⌉ + 1 rarest words of each: only rows
    that do are compared.

    Example: ``dict(NearTexts(train.texts).twins(dev.texts))``
    """

    def __init__(self, known: Sequence[str]) -> None:
        """``known``: the texts to look among."""
        self.is_complete = len(known) <= ROWS_AT_MOST  # False: not every row was looked at
        self._left = COMPARED_AT_MOST
        self._once: dict[str, str] = {}  # of equal words one is kept
        self._texts = list(map(normalised, known)) if self.is_complete else []
        self._words = [self._words_of(text) for text in self._texts]
        self._sizes = list(map(len, self._words))
        self._counts = Counter(word for each in self._words for word in each)
        self._holders: dict[str, list[int]] = defaultdict(list)
        for row, own in enumerate(self._words):
            for word in self._rarest(own):
                self._holders[word].append(row)

    def twins(self, asked: Sequence[str]) -> Iterator[tuple[int, int]]:
        """Rows of ``asked`` with a near twin, each with the first of them; equal texts are not meant."""
        last = -1
        for row, found in self.every_twin(asked):
            if row != last:
                yield row, found
            last = row

    def every_twin(self, asked: Sequence[str]) -> Iterator[tuple[int, int]]:
        """Rows of ``asked`` with all their near twins."""
        if not self.is_complete or len(self._words) + len(asked) > ROWS_AT_MOST:
            self.is_complete = False
            return
        for row, text in enumerate(map(normalised, asked)):
            for found in self._near(text, self._words_of(text), len(self._words)):
                yield row, found
            if self._left < 0:
                return

    def pairs(self) -> Iterator[tuple[int, int]]:
        """All pairs of near twins among the texts themselves, the later row first."""
        for row, (text, own) in enumerate(zip(self._texts, self._words, strict=True)):
            for other in self._near(text, own, row):
                yield row, other
            if self._left < 0:
                return

    def _near(self, text: str, words: Words, before: int) -> Iterator[int]:
        """Rows before one that are near ``text``, in their order."""
        own, least, most = frozenset(words), NEAR * len(words), len(words) / NEAR
        held = set[int]()
        for word in self._rarest(words):
            holders = self._holders.get(word, ())
            self._left -= len(holders)
            if self._left < 0:
                self.is_complete = False
                return
            held.update(holders)
        sizes = self._sizes
        for other in sorted(other for other in held if other < before and least <= sizes[other] <= most):
            shared = len(own.intersection(self._words[other]))
            if shared >= NEAR * (len(own) + sizes[other] - shared) and self._texts[other] != text:
                yield other

    def _words_of(self, text: str) -> Words:
        found = words(text)
        if not text.isascii() and UNPARTED.search(text):
            found = [part for word in found for part in _parted(word)]
        return tuple({self._once.setdefault(word, word): None for word in found})

    def _rarest(self, words: Words) -> list[str]:
        if len(words) < FEWEST_WORDS:
            return []
        kept = len(words) - math.ceil(NEAR * len(words)) + 1
        return sorted(sorted(words), key=self._counts.__getitem__)[:kept]


def _parted(word: str) -> Iterable[str]:
    """``word``, or of a script that parts no words every two characters in a row."""
    if len(word) < 3 or not UNPARTED.search(word):
        return (word,)
    return (word[place : place + 2] for place in range(len(word) - 1))
