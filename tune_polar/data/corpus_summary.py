"""What a corpus holds, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

import numpy as np

from tune_polar.data.columns import Column
from tune_polar.data.table import Corpus, Split


class SplitSummary(TypedDict):
    """Sizes of one split and what its columns hold."""

    rows: int
    mean_characters: float
    longest_characters: int
    shares: dict[str, float]  # of each label, and of each class or group as "topic = news"
    means: dict[str, float]  # of each number
    missing: list[str]  # columns it has no values of


def summarise(
    corpus: Corpus, under: Mapping[str, Mapping[str, int | str]] | None = None
) -> list[tuple[str, SplitSummary]]:
    """A summary of each split, in the order of the corpus.

    ``under`` says for columns that some rows alone have, which rows: shares of them are counted among these. Extra rows
    come as a split of their own.

    Raises:
        DataError: ``under`` names a column that is not there.
    """
    splits = dict(corpus.splits)
    if len(corpus.sources):
        rows = np.arange(len(corpus.train), dtype=np.int64)
        splits["train"] = corpus.train.take(rows[: corpus.own_rows])
        splits["extra"] = corpus.train.take(rows[corpus.own_rows :])
    return [(name, _summary(split, under or {})) for name, split in splits.items()]


def _summary(split: Split, under: Mapping[str, Mapping[str, int | str]]) -> SplitSummary:
    shares: dict[str, float] = {}
    means: dict[str, float] = {}
    for name, column in split.columns.items():
        conditions = under.get(name, {})
        if column.kind == "text" or any(each not in split.columns for each in conditions):
            continue
        values = split.values(name)[split.where(conditions)]
        if column.kind == "number":
            means[name] = float(values.mean()) if values.size else 0.0
            continue
        for label, code in _parts(name, column):
            shares[label] = float((values == code).mean()) if values.size else 0.0
    lengths = [len(text) for text in split.texts]
    return SplitSummary(
        rows=len(split),
        mean_characters=sum(lengths) / max(len(lengths), 1),
        longest_characters=max(lengths, default=0),
        shares=shares,
        means=means,
        missing=list(split.missing),
    )


def _parts(name: str, column: Column) -> list[tuple[str, int]]:
    if column.kind == "label":
        return [(name, 1)]
    return [(f"{name} = {each}", code) for code, each in enumerate(column.names)]
