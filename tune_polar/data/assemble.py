"""Makes a corpus of scanned files: groups that mean the same in all splits, and extra rows behind those of train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tune_polar.data.columns import IntArray, blank_column, group_column, joined
from tune_polar.data.scan import ScannedSplit
from tune_polar.data.table import TRAIN, Corpus, Split


def assembled(name: str, scanned: Sequence[ScannedSplit], extra: ScannedSplit | None, order: IntArray | None) -> Corpus:
    """The corpus of files that nothing is wrong with.

    Args:
        name: of the corpus.
        scanned: its splits and evaluation sets.
        extra: rows to train on and never to validate.
        order: of the rows of train; None: as in the file.
    """
    splits = {split.name: split.to_split() for split in scanned}
    if order is not None:
        splits[TRAIN] = splits[TRAIN].take(order)
    sources = np.zeros(0, dtype=np.int64)
    if extra is not None:
        splits[TRAIN], sources = _with_extra(splits[TRAIN], extra)
    return Corpus(name, _common_groups(splits), sources)


def _with_extra(train: Split, scanned: ScannedSplit) -> tuple[Split, IntArray]:
    """Train with the extra rows behind its own; columns that the recipe does not ask for are blank in these."""
    extra = scanned.to_split()
    row_of = {row_id: row for row, row_id in enumerate(train.ids)}
    said = [source for file in scanned.files for source in file.sources or [""] * len(file.lines)]
    columns = {
        name: joined([column, extra.columns.get(name, blank_column(column, len(extra)))])
        for name, column in train.columns.items()
    }
    columns |= {  # how they were made: of no other row
        name: joined([blank_column(column, len(train)), column])
        for name, column in extra.columns.items()
        if name not in train.columns
    }
    whole = Split(TRAIN, train.ids + extra.ids, train.texts + extra.texts, columns, train.missing)
    return whole, np.array([row_of.get(source.strip(), -1) for source in said], dtype=np.int64)


def _common_groups(splits: Mapping[str, Split]) -> dict[str, Split]:
    """The same group has the same code in all splits."""
    found = dict(splits)
    names = {name for split in splits.values() for name, column in split.columns.items() if column.kind == "group"}
    for name in names:
        holders = [key for key, split in found.items() if name in split.columns]
        every = sorted({group for key in holders for group in found[key].columns[name].names})
        for key in holders:
            split = found[key]
            columns = {**split.columns, name: group_column(split.columns[name].words(), every)}
            found[key] = replace(split, columns=columns)
    return found
