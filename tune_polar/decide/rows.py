"""Rows that decisions are judged on: their gold, where they were held out, which of them count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import BoolArray, IntArray, as_bool, finite
from tune_polar.errors import DecisionError

GoldKind = Literal["binary", "labels", "class", "number"]
NO_GROUPS: Mapping[str, NDArray[Any]] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Gold:
    """The truth about some rows.

    Args:
        kind: ``binary`` (one column of 0 and 1), ``labels`` (several), ``class`` (one column of codes from 0) or
            ``number``.
        values: shape (rows, columns).
        names: the columns; of ``class`` gold the classes that its codes count through.

    Raises:
        DecisionError: values of another shape or kind than that, or names of another number.

    Example:
        >>> Gold("class", np.array([[0], [2]]), ("news", "sport", "other"))
    """

    kind: GoldKind
    values: NDArray[Any]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        values = np.asarray(self.values)
        columns = 1 if self.kind in ("binary", "class") else len(self.names)
        if values.ndim != 2 or values.shape[1] != columns or (self.kind == "binary" and len(self.names) != 1):
            raise DecisionError(
                f"{self.kind} gold must have shape (rows, columns), a name a column (of one class column: a name a "
                f"class), got shape {values.shape} and names {list(self.names)}",
                "Give the columns side by side.",
            )
        object.__setattr__(self, "values", self._checked(values))

    def _checked(self, values: NDArray[Any]) -> NDArray[Any]:
        if self.kind in ("binary", "labels"):
            return as_bool(values, "gold", 2)
        if self.kind == "number":
            return finite(values, "gold")
        wrong = (values < 0) | (values >= len(self.names)) | (values != np.floor(values))
        if wrong.any():
            raise DecisionError(
                f"class gold must be codes from 0 to {len(self.names) - 1}, got {values[wrong][0]}",
                "Declare every class that occurs.",
            )
        return values.astype(np.int64, copy=False)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: NDArray[Any]) -> Gold:
        """The gold of some rows, given as positions or as a mask."""
        return Gold(self.kind, self.values[rows], self.names)


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one stage's table, in its order; ``Rows.of`` fills in what is left out.

    A row that was held out in several parts, or trained without by several seeds, stands there once for each.
    """

    gold: Gold
    part: IntArray  # (rows,) the part (fold) that the row was held out in
    mask: BoolArray  # (rows,) rows that the stage is judged on
    groups: Mapping[str, NDArray[Any]]  # by column, (rows,); −1 or "": missing
    seed: IntArray  # (rows,)
    ids: IntArray  # (rows,) equal numbers are one and the same text
    bonds: IntArray  # (rows,) equal numbers are drawn together: texts that no fold parts, such as those of an author

    @classmethod
    def of(
        cls,
        gold: Gold,
        *,
        part: NDArray[Any] | None = None,
        mask: NDArray[Any] | None = None,
        groups: Mapping[str, NDArray[Any]] = NO_GROUPS,
        seed: NDArray[Any] | None = None,
        ids: NDArray[Any] | None = None,
        bonds: NDArray[Any] | None = None,
    ) -> Rows:
        """One part, all rows judged, no groups, one seed, every row another text and by itself, unless said otherwise.

        Raises:
            DecisionError: an array of another length than gold.

        Example:
            >>> Rows.of(gold, part=fold, mask=hateful == 1)
        """
        count = len(gold)
        texts = _one_each("ids", ids, np.arange(count), count).astype(np.int64)
        return cls(
            gold=gold,
            part=_one_each("part", part, np.zeros(count), count).astype(np.int64),
            mask=_one_each("mask", mask, np.ones(count), count).astype(np.bool_),
            groups={name: _one_each(f"groups of {name}", each, each, count) for name, each in groups.items()},
            seed=_one_each("seed", seed, np.zeros(count), count).astype(np.int64),
            ids=texts,
            bonds=_one_each("bonds", bonds, texts, count).astype(np.int64),
        )

    @classmethod
    def unlabelled(
        cls, kind: GoldKind, names: Sequence[str], count: int, groups: Mapping[str, NDArray[Any]] = NO_GROUPS
    ) -> Rows:
        """``count`` rows to decide on that nothing is known of, and that are hence judged by nothing."""
        columns = 1 if kind in ("binary", "class") else len(names)
        gold = Gold(kind, np.zeros((count, columns), dtype=np.int64), tuple(names))
        return cls.of(gold, mask=np.zeros(count), groups=groups)

    def __len__(self) -> int:
        return len(self.gold)

    @cached_property
    def parts(self) -> tuple[int, ...]:
        """Parts with judged rows, in rising order."""
        return tuple(np.unique(self.part[self.mask]).tolist())

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the rows, in rising order."""
        return tuple(np.unique(self.seed).tolist())

    @cached_property
    def repeats(self) -> bool:
        """Whether a text stands in several rows."""
        return len(np.unique(self.ids)) < len(self)

    def texts(self, own: BoolArray) -> int:
        """How many different ones stand in the rows ``own``, (rows,)."""
        return len(np.unique(self.ids[own]))

    @property
    def held_out(self) -> float:
        """Texts that parts hold out over those they do not, all together; 1/(K−1) where each stands in one of K."""
        own = [len(np.unique(self.ids[self.part == part])) for part in np.unique(self.part)]
        others = len(np.unique(self.ids)) * len(own) - sum(own)
        return sum(own) / others if others else 0.0

    def take(self, rows: NDArray[Any]) -> Rows:
        """Some of the rows, given as positions or as a mask."""
        return replace(
            self,
            gold=self.gold.take(rows),
            part=self.part[rows],
            mask=self.mask[rows],
            groups={name: each[rows] for name, each in self.groups.items()},
            seed=self.seed[rows],
            ids=self.ids[rows],
            bonds=self.bonds[rows],
        )


def _one_each(what: str, values: NDArray[Any] | None, otherwise: NDArray[Any], count: int) -> NDArray[Any]:
    array = np.asarray(otherwise if values is None else values)
    if array.shape != (count,):
        raise DecisionError(
            f"{what} must hold one value per row of gold ({count}), got shape {array.shape}",
            "Give all arrays for the same rows in the same order.",
        )
    return array
