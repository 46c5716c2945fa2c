"""Texts of one split that nearly stand in another: the same words but for a few."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tune_polar.data.texts import normalised

NEAR = 0.8  # shared words over all words of both (Jaccard)
ROWS_AT_MOST = 200_000  # of both: beyond, it would take minutes
FEWEST_WORDS = 4  # of two short texts, one word more or less says nothing


def near_twins(known: Sequence[str], asked: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Rows of ``asked`` with a near twin in ``known``, each with the first of them; equal texts are not meant.

    Two sets of words with a Jaccard of t or more share one of the |A| − ⌈t |A|⌉ + 1 rarest words of each: only rows
    that do are compared.

    Example: ``dict(near_twins(train.texts, dev.texts))``
    """
    if len(known) + len(asked) > ROWS_AT_MOST:
        return
    words = [(text, frozenset(text.split())) for text in map(normalised, (*known, *asked))]
    counts = Counter(word for _, each in words for word in each)
    holders: dict[str, list[int]] = defaultdict(list)
    for row, (_, own) in enumerate(words[: len(known)]):
        for word in _rarest(own, counts):
            holders[word].append(row)
    for row, (text, own) in enumerate(words[len(known) :]):
        rows = sorted({other for word in _rarest(own, counts) for other in holders.get(word, ())})
        for other in rows:
            said, theirs = words[other]
            if said != text and len(own & theirs) >= NEAR * len(own | theirs):
                yield row, other
                break


def _rarest(words: frozenset[str], counts: Counter[str]) -> list[str]:
    if len(words) < FEWEST_WORDS:
        return []
    kept = len(words) - math.ceil(NEAR * len(words)) + 1
    return sorted(words, key=lambda word: (counts[word], word))[:kept]
