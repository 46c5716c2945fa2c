"""What a corpus holds, in numbers."""

from __future__ import annotations

from typing import TypedDict

from tune_polar.data.corpus import Corpus
from tune_polar.data.labels import POLARIZATION


class SplitSummary(TypedDict):
    """Sizes and label shares of one split."""

    rows: int
    mean_characters: float
    longest_characters: int
    shares: dict[str, float]  # polarization of all rows; every other label of the polarized rows


def describe(corpus: Corpus) -> list[tuple[str, SplitSummary]]:
    """A summary of each split, in the order of the corpus."""
    summaries: list[tuple[str, SplitSummary]] = []
    for name, split in corpus.splits.items():
        polarized = split.labels.get(POLARIZATION)
        shares: dict[str, float] = {}
        for label, values in split.labels.items():
            among = values if label == POLARIZATION or polarized is None else values[polarized == 1]
            shares[label] = float(among.mean()) if among.size else 0.0
        lengths = [len(text) for text in split.texts]
        summaries.append(
            (
                name,
                SplitSummary(
                    rows=len(split),
                    mean_characters=sum(lengths) / max(len(lengths), 1),
                    longest_characters=max(lengths, default=0),
                    shares=shares,
                ),
            )
        )
    return summaries
