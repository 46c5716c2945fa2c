"""Arrays whose rows or columns may have names, as those of pandas have, put in one order by them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tune_polar.decide.array_checks import FloatArray
from tune_polar.errors import DecisionError

BY_POSITION = "or .to_numpy() of what stands in the same order already."
MOST_SHOWN = 5  # names in a message


@dataclass(frozen=True, eq=False)
class NamedArray:
    """What was given as one argument.

    Args:
        what: it is called in messages.
        values: (rows,) or (rows, columns).
        columns: their names, of a Series its own; None: it has none.
        index: names of its rows; None: it has none.
    """

    what: str
    values: NDArray[Any]
    columns: tuple[str, ...] | None = None
    index: pd.Index[Any] | None = None

    @property
    def has_own_names(self) -> bool:
        """Whether its columns are called otherwise than by their number, as pandas calls them unless told."""
        return self.columns is not None and self.columns != tuple(map(str, range(len(self.columns))))

    @property
    def name(self) -> str:
        """Of its only column; "": it has none of its own, or several columns."""
        return self.columns[0] if self.columns is not None and len(self.columns) == 1 and self.has_own_names else ""

    def by_columns(self, *spellings: Sequence[str]) -> NDArray[Any]:
        """The values with the columns in the order of names; a single one, and what has no names, by position.

        Args:
            spellings: names of the same columns in the same order, each as somebody calls them.

        Raises:
            DecisionError: the columns are called otherwise.
        """
        is_as_wide = self.columns is not None and len(self.columns) == len(spellings[0])
        if self.columns is None or (is_as_wide and (len(self.columns) == 1 or not self.has_own_names)):
            return self.values
        own = keys_of(self.columns)
        wanted = next((keys for keys in map(keys_of, spellings) if set(own) == set(keys)), None)
        if wanted is not None:
            return self.values if own == wanted else self.values[:, [own.index(key) for key in wanted]]
        if not self.has_own_names:
            return self.values
        raise DecisionError(
            f"the columns of {self.what} must be called {listed(spellings[0])}, got {listed(self.columns)}",
            "Give the columns one and the same names in gold and predictions"
            + (f", {BY_POSITION}" if len(self.columns) == len(spellings[0]) else "."),
        )


def spelled(name: object) -> str:
    """A class or a column as text; 1.0 as 1, for pandas gives whole numbers a point where one of them was missing."""
    return str(int(name)) if isinstance(name, float | np.floating) and float(name).is_integer() else str(name)


def keys_of(names: Sequence[str]) -> tuple[str, ...]:
    """What names are compared by: False and True are 0 and 1."""
    return tuple({"False": "0", "True": "1"}.get(name, name) for name in names)


def spellings_of(names: tuple[str, ...], tables: Iterable[NamedArray], renames: bool) -> list[tuple[str, ...]]:
    """``names``, and, where they rename, those of tables that have none of them, which go by position.

    Two tables with the same other names still go by these among each other.
    """
    found = [names]
    for each in tables if renames and len(names) > 1 else ():
        own = each.columns or ()
        is_foreign = all(set(keys_of(own)).isdisjoint(keys_of(known)) for known in found)
        if is_foreign and each.has_own_names and len(own) == len(names):
            found.append(own)
    return found


def named_array(given: object, what: str) -> NamedArray:
    """``given`` with the names of its columns and rows; tensors are detached, sparse matrices filled in.

    Raises:
        DecisionError: it is no array, or two of its columns have one name.
    """
    if hasattr(given, "detach"):
        given = given.detach().cpu()
    elif hasattr(given, "toarray"):
        given = given.toarray()
    try:
        values = np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DecisionError(
            f"{what} must be an array, got {type(given).__name__}: {error}", f"Give {what} as a numpy array."
        ) from error
    names = getattr(given, "column_names", getattr(given, "columns", None))  # of pyarrow; of pandas and polars
    if isinstance(given, pd.Series) and given.name is not None:
        names = [given.name]
    columns = None if names is None else tuple(map(spelled, names))
    if columns is not None and len(set(keys_of(columns))) < len(columns):
        raise DecisionError(
            f"the columns of {what} must have a name each, got {listed(columns)}",
            "Rename those that are called alike.",
        )
    return NamedArray(what, values, columns, index_of(given))


def index_of(given: object) -> pd.Index[Any] | None:
    """Names of the rows of what is pandas'."""
    return given.index if isinstance(given, pd.DataFrame | pd.Series) else None


def float_array(given: object, what: str, remedy: str) -> NamedArray:
    """The same with values of float64.

    Raises:
        DecisionError: they are no numbers.
    """
    found = named_array(given, what)
    try:
        values: FloatArray = np.asarray(found.values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DecisionError(f"{what} must be numbers, got: {error}", remedy) from error
    return replace(found, values=values)


def in_one_order(arrays: Iterable[NamedArray]) -> tuple[list[NamedArray], list[str]]:
    """All with their rows in the order of the first that names its rows, and a note of those whose rows that moves.

    Those without names stay as they are.

    Raises:
        DecisionError: the rows of two have other names, or in another order while one name is given twice or one of
            them has the numbers that pandas gives.
    """
    found = list(arrays)
    first = next((each for each in found if each.index is not None), None)
    if first is None:
        return found, []
    ordered = [_by_rows(each, first) for each in found]
    moved = [each.what for each, now in zip(found, ordered, strict=True) if now is not each]
    note = f"rows of {', '.join(moved)} are put in the order of {first.what} by their index"
    return ordered, [note] if moved else []


def _by_rows(array: NamedArray, first: NamedArray) -> NamedArray:
    own, wanted = array.index, first.index
    if own is None or wanted is None or own.equals(wanted):
        return array
    for given, index in ((array, own), (first, wanted)):
        if not index.is_unique:
            again = index[index.duplicated()][0]
            raise DecisionError(
                f"the index of {given.what} must have each name once, since that of {array.what} differs from that of "
                f"{first.what}; got {again} again",
                f"Give both one and the same index, {BY_POSITION}",
            )
    for one, other, name in ((own, wanted, first.what), (wanted, own, array.what)):
        beyond = one[~one.isin(other)]
        if len(beyond):
            raise DecisionError(
                f"the index of {array.what} must name the rows of {first.what}, got {len(beyond):,} that {name} "
                f"lacks: {listed(list(map(str, beyond[: MOST_SHOWN + 1])))}",
                f"Give both of the same rows, {BY_POSITION}",
            )
    if _is_default(own):
        raise DecisionError(
            f"the index of {array.what} must be that of {first.what}, got 0 to {len(own) - 1:,} in order, as pandas "
            f"numbers rows unless told, and another order of {first.what}: nothing tells which rows belong together",
            f"Give {array.what} the index of {first.what} by .set_axis(…) where both stand in one order, "
            f".sort_index() of {first.what} where it goes by these numbers, {BY_POSITION}",
        )
    return replace(array, values=array.values[own.get_indexer(wanted)], index=wanted)


def _is_default(index: pd.Index[Any]) -> bool:
    return isinstance(index, pd.RangeIndex) and index.equals(pd.RangeIndex(len(index)))


def listed(names: Sequence[str]) -> str:
    """The first of them, for a message."""
    return ", ".join(names[:MOST_SHOWN]) + (", …" if len(names) > MOST_SHOWN else "")
