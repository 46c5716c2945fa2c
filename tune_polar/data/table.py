"""The rows of one data set, as every other part of the project sees them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from tune_polar.data.columns import BoolArray, Column, IntArray
from tune_polar.data.findings import Finding
from tune_polar.data.suggestions import did_you_mean
from tune_polar.errors import DataError

SplitName = Literal["train", "dev", "test"]
TRAIN: Final = "train"
DEV: Final = "dev"
TEST: Final = "test"
EXTRA = "extra"  # rows to train on that no fold validates: the last of train

_COLUMN_REMEDY = "Choose data that has these columns, name them with --column NAME=COLUMN, or use another recipe."


@dataclass(frozen=True, eq=False)
class Split:
    """Rows with their texts and columns, all of one length.

    ``missing`` names the columns that were asked for and that these rows have no values of, as test rows without gold.

    Raises:
        DataError: a column or the texts are not one for each id.
    """

    name: str  # "train", "dev", "test", or the name of an evaluation set
    ids: tuple[str, ...]
    texts: tuple[str, ...]
    columns: Mapping[str, Column]
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lengths = {"texts": len(self.texts)} | {name: len(column) for name, column in self.columns.items()}
        wrong = {name: length for name, length in lengths.items() if length != len(self.ids)}
        if wrong:
            raise DataError(
                f"split {self.name!r} must have a value for each of its {len(self.ids)} ids, got {wrong}",
                "Make the split anew.",
            )

    def __len__(self) -> int:
        return len(self.ids)

    def column(self, name: str) -> Column:
        """The column ``name``.

        Raises:
            DataError: this split has none of that name.
        """
        self._check([name])
        return self.columns[name]

    def values(self, name: str) -> NDArray[Any]:
        """(rows,): int64 of labels and of the codes of classes and groups, float64 of numbers.

        Raises:
            DataError: this split has no such column, or it holds texts.
        """
        values = self.column(name).values
        if isinstance(values, tuple):
            raise DataError(f"values must be asked of numbers and codes, got the text column {name!r}", "Use words.")
        return values

    def words(self, name: str) -> list[str]:
        """Classes and groups by their names, or further texts.

        Raises:
            DataError: this split has no such column, or it holds labels or numbers.
        """
        return self.column(name).words()

    def matrix(self, names: Sequence[str]) -> NDArray[Any]:
        """Columns side by side, (rows, len(names)), of what ``values`` gives.

        Raises:
            DataError: a name is not a column of this split, or one of texts.
        """
        self._check(names)
        if not names:
            return np.zeros((len(self), 0), dtype=np.int64)
        return np.stack([self.values(name) for name in names], axis=1)

    def where(self, conditions: Mapping[str, int | str]) -> BoolArray:
        """(rows,): whether a row has each of ``conditions``; ``{"polarization": 1}``, ``{"topic": "news"}``.

        Raises:
            DataError: a column is missing, or none of its rows can have the value.
        """
        found = np.ones(len(self), dtype=np.bool_)
        for name, wanted in conditions.items():
            column = self.column(name)
            good: tuple[object, ...] = column.names or ((0, 1) if column.kind == "label" else ())
            if wanted not in good or isinstance(wanted, bool):
                raise DataError(
                    f"rows must be chosen by a label (0 or 1), class or group, got {name}: {wanted!r}, "
                    f"a {column.kind} column{f' of {list(good)}' if good else ''}",
                    "Choose rows by another value.",
                )
            found &= self.values(name) == (column.names.index(wanted) if isinstance(wanted, str) else wanted)
        return found

    def take(self, rows: IntArray) -> Split:
        """The same split of ``rows`` alone, in their order."""
        return replace(
            self,
            ids=tuple(self.ids[row] for row in rows.tolist()),
            texts=tuple(self.texts[row] for row in rows.tolist()),
            columns={name: column.take(rows) for name, column in self.columns.items()},
        )

    def fingerprint_of(self, rows: IntArray | None = None, columns: Sequence[str] = ()) -> str:
        """SHA-256 over ids, texts and ``columns`` of ``rows`` in their order; other rows and columns change nothing.

        Args:
            rows: row numbers; None: all.
            columns: names, in any order.

        Raises:
            DataError: a name is not a column of this split.
        """
        self._check(columns)
        digests = self._digests if rows is None else self._digests[rows]
        digest = hashlib.sha256(f"{len(digests)}\x1e".encode() + digests.tobytes())
        for name in sorted(set(columns)):
            column = self.columns[name] if rows is None else self.columns[name].take(rows)
            digest.update(f"\x1d{len(name)}:{name}".encode() + column.as_bytes())
        return digest.hexdigest()

    @cached_property
    def _digests(self) -> NDArray[np.uint8]:
        """(rows, 32): SHA-256 of each row's id and text."""
        found = np.empty((len(self), hashlib.sha256().digest_size), dtype=np.uint8)
        for row, (row_id, text) in enumerate(zip(self.ids, self.texts, strict=True)):
            said = f"{len(row_id)}:{row_id}{text}".encode("utf-8", "surrogatepass")
            found[row] = np.frombuffer(hashlib.sha256(said).digest(), dtype=np.uint8)
        return found

    def _check(self, names: Sequence[str]) -> None:
        missing = [name for name in names if name not in self.columns]
        if missing:
            raise DataError(
                f"split {self.name!r} must have the columns {list(names)}, got {sorted(self.columns)}; "
                f"missing {missing}{did_you_mean(missing[0], self.columns)}",
                _COLUMN_REMEDY,
            )


@dataclass(frozen=True, eq=False)
class Corpus:
    """All splits of one data set: "train" always, "dev", "test" and evaluation sets where there are any.

    The last rows of train may be extra rows that folds train on and never validate; ``sources`` has an entry for each
    of them: the train row it was made from, or −1 (of none).

    Raises:
        DataError: there is no train split, or ``sources`` names rows it does not have.
    """

    name: str
    splits: Mapping[str, Split]
    sources: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    warnings: tuple[Finding, ...] = ()  # what is doubtful in the files that it was read from

    def __post_init__(self) -> None:
        rows = len(self.splits[TRAIN]) if TRAIN in self.splits else 0
        own = rows - len(self.sources)
        if own < 1 or not ((self.sources >= -1) & (self.sources < own)).all():
            raise DataError(
                f"a corpus must have train rows, and extra rows made from them, got {rows} rows of which "
                f"{len(self.sources)} are extra",
                "Give a train file that has rows.",
            )

    @property
    def train(self) -> Split:
        """The rows that are split into folds, and after them the extra rows."""
        return self.splits[TRAIN]

    @property
    def dev(self) -> Split | None:
        """Held-out rows that no fold trains on, if there are any."""
        return self.splits.get(DEV)

    @property
    def own_rows(self) -> int:
        """How many rows of train are the data's own; those from there on are extra."""
        return len(self.train) - len(self.sources)

    def without_extra(self) -> Corpus:
        """The same with the data's own rows alone."""
        if not len(self.sources):
            return self
        own = self.train.take(np.arange(self.own_rows, dtype=np.int64))
        return Corpus(self.name, {**self.splits, TRAIN: own}, warnings=self.warnings)

    @property
    def most_bytes(self) -> int:
        """What it takes at most where it is sent from one process to another: four bytes a character."""
        words = 0
        for split in self.splits.values():
            further = [each.values for each in split.columns.values()]
            for values in (split.ids, split.texts, *further):
                words += sum(map(len, values)) * 4 + 16 * len(values) if isinstance(values, tuple) else 8 * len(values)
        return words

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over all of train: equal means the same training data."""
        digest = hashlib.sha256(self.train.fingerprint_of(None, tuple(self.train.columns)).encode())
        digest.update(self.sources.astype("<i8").tobytes())
        return digest.hexdigest()

    def fingerprint_of(self, rows: IntArray, columns: Sequence[str]) -> str:
        """SHA-256 over ids, texts and ``columns`` of these train rows: what a stage that reads them depends on.

        Changes in other rows or columns do not change it. Predictions on a further split depend on that split's own
        ``Split.fingerprint_of()``.

        Raises:
            DataError: train lacks a column.
        """
        return self.train.fingerprint_of(rows, columns)
