"""A seeded corpus shaped like POLAR's Chinese data, about invented groups, for a first run offline."""

from __future__ import annotations

import hashlib

import numpy as np

from tune_polar.data.columns import group_column, label_column
from tune_polar.data.labels import MANIFESTATIONS, POLARIZATION, TYPES
from tune_polar.data.readers.polar import LANGUAGE
from tune_polar.data.sample_labels import (
    MANIFESTATION_OF_INITIAL,
    MANIFESTATION_SETS,
    POLARIZED_SHARE,
    TYPE_OF_INITIAL,
    TYPE_SETS,
    draw_sets,
)
from tune_polar.data.sample_texts import SampleRow, unique_text
from tune_polar.data.table import Corpus, Split
from tune_polar.errors import DataError

SAMPLE_LANGUAGE = "zho"
MOST_ROWS = 20_000  # beyond this, unique texts take ever longer to find


def sample_corpus(seed: int = 0, *, rows_train: int = 1000, rows_dev: int = 200, rows_test: int = 400) -> Corpus:
    """Train, dev and test with all of POLAR's labels and the group ``language``; equal arguments give equal corpora.

    Texts are unique over all splits, 34 characters on average and 89 at most. A split with 0 rows is left
    out. Every label has 12 rows or more from 1,000 rows on.

    Raises:
        DataError: ``seed`` is negative, ``rows_train`` below 1, or a number of rows negative or too large.
    """
    rows = {"train": rows_train, "dev": rows_dev, "test": rows_test}
    for name, number in rows.items():
        least = 1 if name == "train" else 0
        if not least <= number <= MOST_ROWS:
            raise DataError(
                f"the sample's {name} rows must be between {least} and {MOST_ROWS}, got {number}",
                "Give fewer rows, or use real data for more." if number > 0 else "Give more rows.",
            )
    if seed < 0:
        raise DataError(f"the sample's seed must be at least 0, got {seed}", "Use 0.")
    taken: set[str] = set()
    splits = {}
    # A stream for each split: dev and test do not change what train holds.
    for (name, number), stream in zip(rows.items(), np.random.SeedSequence(seed).spawn(3), strict=True):
        if number:
            splits[name] = _split(name, seed, number, np.random.default_rng(stream), taken)
    return Corpus("sample", splits)


def _split(name: str, seed: int, number: int, rng: np.random.Generator, taken: set[str]) -> Split:
    rows = _rows(number, rng)
    texts = [unique_text(row, rng, taken) for row in rows]
    ids = [hashlib.sha256(f"{seed}/{name}/{place}".encode()).hexdigest()[:32] for place in range(number)]
    columns = {POLARIZATION: label_column(row.polarized for row in rows)}
    columns |= {label: label_column(label in row.types for row in rows) for label in TYPES}
    columns |= {label: label_column(label in row.manifestations for row in rows) for label in MANIFESTATIONS}
    columns[LANGUAGE] = group_column([SAMPLE_LANGUAGE] * number)
    return Split(name, tuple(f"sample_{row_id}" for row_id in ids), tuple(texts), columns)


def _rows(number: int, rng: np.random.Generator) -> list[SampleRow]:
    """Label sets in POLAR's shares, in random order."""
    polarized = round(number * POLARIZED_SHARE)
    types = draw_sets(TYPE_SETS, polarized, rng)
    manifestations = draw_sets(MANIFESTATION_SETS, polarized, rng)
    rows = [
        SampleRow(
            frozenset(TYPE_OF_INITIAL[initial] for initial in of_type),
            frozenset(MANIFESTATION_OF_INITIAL[initial] for initial in of_manifestation),
        )
        for of_type, of_manifestation in zip(types, manifestations, strict=True)
    ]
    rows += [SampleRow(frozenset(), frozenset())] * (number - polarized)
    return [rows[place] for place in rng.permutation(number)]
