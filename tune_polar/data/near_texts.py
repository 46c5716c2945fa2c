"""Texts of one split that nearly stand in another: the same words but for a few."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from tune_polar.data.texts import normalised

NEAR = 0.8  # shared words over all words of both (Jaccard)
ROWS_AT_MOST = 200_000  # of all splits: their words alone take half a minute
COMPARED_AT_MOST = 2_000_000  # pairs: some seconds; texts of a few hundred words in all share even their rarest ones
FEWEST_WORDS = 4  # of two short texts, one word more or less says nothing


class NearTexts:
    """Texts that others are looked for among.

    Two sets of words with a Jaccard of t or more share one of the |A| − ⌈t |A|⌉ + 1 rarest words of each: only rows
    that do are compared.

    Example: ``dict(NearTexts(train.texts).twins(dev.texts))``
    """

    def __init__(self, known: Sequence[str]) -> None:
        """``known``: the texts to look among."""
        self.is_complete = len(known) <= ROWS_AT_MOST  # False: not every row was looked at
        self._left = COMPARED_AT_MOST
        self._words = _words(known) if self.is_complete else []
        self._counts = Counter(word for _, each in self._words for word in each)
        self._holders: dict[str, list[int]] = defaultdict(list)
        for row, (_, own) in enumerate(self._words):
            for word in self._rarest(own):
                self._holders[word].append(row)

    def twins(self, asked: Sequence[str]) -> Iterator[tuple[int, int]]:
        """Rows of ``asked`` with a near twin, each with the first of them; equal texts are not meant."""
        if not self.is_complete or len(self._words) + len(asked) > ROWS_AT_MOST:
            self.is_complete = False
            return
        for row, (text, own) in enumerate(_words(asked)):
            rows = sorted({other for word in self._rarest(own) for other in self._holders.get(word, ())})
            self._left -= len(rows)
            if self._left < 0:
                self.is_complete = False
                return
            for other in rows:
                said, theirs = self._words[other]
                if said != text and len(own & theirs) >= NEAR * len(own | theirs):
                    yield row, other
                    break

    def _rarest(self, words: frozenset[str]) -> list[str]:
        if len(words) < FEWEST_WORDS:
            return []
        kept = len(words) - math.ceil(NEAR * len(words)) + 1
        return sorted(words, key=lambda word: (self._counts[word], word))[:kept]


def _words(texts: Iterable[str]) -> list[tuple[str, frozenset[str]]]:
    return [(text, frozenset(text.split())) for text in map(normalised, texts)]
