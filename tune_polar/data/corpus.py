"""The texts and gold labels of one data set, as every other part of the project sees them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tune_polar.errors import DataError

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of one split. ``labels[name]`` has shape (rows,) and holds 0 or 1."""

    name: str  # "train", "dev", "test"
    ids: tuple[str, ...]
    texts: tuple[str, ...]
    labels: Mapping[str, IntArray]

    def __len__(self) -> int:
        return len(self.ids)

    def label_matrix(self, names: Sequence[str]) -> IntArray:
        """Labels ``names`` side by side, shape (rows, len(names)).

        Raises:
            DataError: a name is not a column of this split.
        """
        missing = [name for name in names if name not in self.labels]
        if missing:
            raise DataError(
                f"split {self.name!r} must have the label columns {list(names)}, got {sorted(self.labels)}; "
                f"missing {missing}",
                "Choose a language or file that has these labels, or search a subtask whose labels it has.",
            )
        if not names:
            return np.zeros((len(self), 0), dtype=np.int64)
        return np.stack([self.labels[name] for name in names], axis=1)


@dataclass(frozen=True, eq=False)
class Corpus:
    """All splits of one data set; "train" always, "dev" and "test" where there are any."""

    name: str
    splits: Mapping[str, Split]

    @property
    def train(self) -> Split:
        """The rows that are split into folds."""
        return self.splits["train"]

    @property
    def dev(self) -> Split | None:
        """Held-out rows that no fold trains on, if there are any."""
        return self.splits.get("dev")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over ids, texts and labels of train and dev in order: equal means the same training data."""
        digest = hashlib.sha256()
        for name in ("train", "dev"):
            split = self.splits.get(name)
            if split is None:
                continue
            digest.update(f"\x1e{name}\x1e".encode())
            for row_id, text in zip(split.ids, split.texts, strict=True):
                digest.update(f"{row_id}\x1f{text}\x1e".encode())
            for label in sorted(split.labels):
                digest.update(f"\x1d{label}\x1d".encode())
                digest.update(np.ascontiguousarray(split.labels[label], dtype=np.int8).tobytes())
        return digest.hexdigest()
