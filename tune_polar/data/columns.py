"""What a data set says of a text beside the text: labels, classes, numbers, groups and further texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tune_polar.errors import DataError

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

Kind = Literal["label", "class", "number", "group", "text"]

NO_GROUP = -1  # the code of a row that belongs to no group

_REMEDY = "Make the column with label_column, class_column, number_column, group_column or text_column."


@dataclass(frozen=True, eq=False)
class Column:
    """The values of one column, a value a row.

    Args:
        kind: "label" is 0 or 1, "class" one of ``names``, "number" a real number, "group" what rows are told apart by
            (language, author, fold), "text" a further text.
        values: (rows,): int64 of labels; int64 codes into ``names`` of classes and groups (``NO_GROUP``: of no group);
            float64 of numbers; a tuple of strings of texts.
        names: the classes in the recipe's order, or the groups in order of the alphabet; else empty.

    Raises:
        DataError: values that the kind does not allow.
    """

    kind: Kind
    values: NDArray[Any] | tuple[str, ...]
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.values, tuple):
            good = self.kind == "text"
        elif self.kind == "number":
            good = self.values.dtype == np.float64 and bool(np.isfinite(self.values).all())
        else:
            least = NO_GROUP if self.kind == "group" else 0
            most = 1 if self.kind == "label" else len(self.names) - 1
            integers = self.kind != "text" and self.values.dtype == np.int64
            good = integers and bool(((self.values >= least) & (self.values <= most)).all())
        if not good or len(set(self.names)) != len(self.names):
            raise DataError(
                f"a {self.kind} column must hold what its kind allows, got {str(self.values)[:60]}", _REMEDY
            )

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: IntArray) -> Column:
        """The same column of ``rows`` alone."""
        if isinstance(self.values, tuple):
            return Column(self.kind, tuple(self.values[row] for row in rows.tolist()), self.names)
        return Column(self.kind, self.values[rows], self.names)

    def words(self) -> list[str]:
        """Classes and groups by their names, texts as they are; "" where a row has no group.

        Raises:
            DataError: the column holds labels or numbers.
        """
        if isinstance(self.values, tuple):
            return list(self.values)
        if self.kind in ("label", "number"):
            raise DataError(f"words must be asked of classes, groups and texts, got a {self.kind} column", _REMEDY)
        names = [*self.names, ""]  # NO_GROUP is the last of a list
        return [names[code] for code in self.values.tolist()]

    def as_bytes(self) -> bytes:
        """The values for a digest: equal for equal values, whatever other rows or unused groups there are."""
        head = f"{self.kind}\x1f{len(self)}\x1e".encode()
        if self.kind == "label":
            return head + np.asarray(self.values, dtype=np.int8).tobytes()
        if self.kind == "number":
            return head + np.asarray(self.values, dtype="<f8").tobytes()
        if self.kind == "class":  # which classes there are decides the width of a model
            head += "".join(f"{len(name)}:{name}" for name in self.names).encode()
            return head + b"\x1e" + np.asarray(self.values, dtype="<i4").tobytes()
        return head + "".join(f"{len(word)}:{word}" for word in self.words()).encode("utf-8", "surrogatepass")


def label_column(values: Iterable[int]) -> Column:
    """Labels 0 and 1."""
    return Column("label", np.array(list(values), dtype=np.int64))


def class_column(words: Iterable[str], names: Sequence[str]) -> Column:
    """Classes by name; ``names`` are all there are, in the order of their codes.

    Raises:
        DataError: a word is not one of ``names``.
    """
    code_of = {name: code for code, name in enumerate(names)}
    codes = [code_of.get(word, NO_GROUP) for word in words]
    return Column("class", np.array(codes, dtype=np.int64), tuple(names))


def number_column(values: Iterable[float]) -> Column:
    """Finite numbers."""
    return Column("number", np.array(list(values), dtype=np.float64))


def group_column(words: Sequence[str], names: Sequence[str] | None = None) -> Column:
    """Groups by name, "" of none; ``names`` left out: those that occur, in order of the alphabet."""
    found = sorted(set(words) - {""}) if names is None else list(names)
    code_of = {name: code for code, name in enumerate(found)}
    return Column("group", np.array([code_of.get(word, NO_GROUP) for word in words], dtype=np.int64), tuple(found))


def text_column(texts: Iterable[str]) -> Column:
    """Further texts, such as the positives of contrastive pairs."""
    return Column("text", tuple(texts))


def blank_column(like: Column, rows: int) -> Column:
    """``rows`` rows that say nothing: 0, the first class, no group, an empty text."""
    if isinstance(like.values, tuple):
        return text_column([""] * rows)
    values = np.full(rows, NO_GROUP if like.kind == "group" else 0, dtype=like.values.dtype)
    return Column(like.kind, values, like.names)


def joined(columns: Sequence[Column]) -> Column:
    """Columns of one kind below each other; groups keep their names, in order of the alphabet.

    Raises:
        DataError: kinds or classes differ.
    """
    first = columns[0]
    if {column.kind for column in columns} != {first.kind} or (
        first.kind == "class" and {column.names for column in columns} != {first.names}
    ):
        kinds = [f"{column.kind} {list(column.names)}" for column in columns]
        raise DataError(f"columns put below each other must be of one kind, got {kinds}", _REMEDY)
    if first.kind == "group":
        return group_column([word for column in columns for word in column.words()])
    if first.kind == "text":
        return text_column(text for column in columns for text in column.words())
    return Column(first.kind, np.concatenate([np.asarray(column.values) for column in columns]), first.names)
