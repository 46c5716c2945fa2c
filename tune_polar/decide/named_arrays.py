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
        columns: their names; None: it has none.
        index: names of its rows; None: it has none.
        name: of a Series; "": it has none.
    """

    what: str
    values: NDArray[Any]
    columns: tuple[str, ...] | None = None
    index: pd.Index[Any] | None = None
    name: str = ""

    @property
    def has_own_names(self) -> bool:
        """Whether its columns are called otherwise than by their number, as pandas calls them unless told."""
        return self.columns is not None and self.columns != tuple(map(str, range(len(self.columns))))

    def by_columns(self, names: Sequence[str]) -> NDArray[Any]:
        """The values with the columns in the order of ``names``; by position where they have no names of their own.

        Raises:
            DecisionError: the columns are called otherwise.
        """
        own = self.columns
        if own is None or own == tuple(names) or (not self.has_own_names and set(own) != set(names)):
            return self.values
        lacking, foreign = _besides(names, own), _besides(own, names)
        if lacking or foreign:
            raise DecisionError(
                f"the columns of {self.what} must be called {_listed(names)}, got {_listed(own)}",
                f"Give the columns one and the same names in gold and predictions, {BY_POSITION}",
            )
        return self.values[:, [own.index(name) for name in names]]


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
    columns = None if names is None else tuple(map(str, names))
    if columns is not None and len(set(columns)) < len(columns):
        raise DecisionError(
            f"the columns of {what} must have a name each, got {_listed(columns)}",
            "Rename those that are called alike.",
        )
    name = "" if not isinstance(given, pd.Series) or given.name is None else str(given.name)
    return NamedArray(what, values, columns, index_of(given), name)


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


def in_one_order(arrays: Iterable[NamedArray]) -> list[NamedArray]:
    """All with their rows in the order of the first that names its rows; those without names stay as they are.

    Raises:
        DecisionError: the rows of two have other names, or in another order while one name is given twice.
    """
    found = list(arrays)
    first = next((each for each in found if each.index is not None), None)
    return found if first is None else [_by_rows(each, first) for each in found]


def _by_rows(array: NamedArray, first: NamedArray) -> NamedArray:
    own, wanted = array.index, first.index
    if own is None or wanted is None or own.equals(wanted):
        return array
    for each, index in ((array, own), (first, wanted)):
        if not index.is_unique:
            again = index[index.duplicated()][0]
            raise DecisionError(
                f"the index of {each.what} must have each name once, since that of {array.what} differs from that of "
                f"{first.what}; got {again} again",
                f"Give both one and the same index, {BY_POSITION}",
            )
    for one, other, name in ((own, wanted, first.what), (wanted, own, array.what)):
        beyond = one[~one.isin(other)]
        if len(beyond):
            raise DecisionError(
                f"the index of {array.what} must name the rows of {first.what}, got {len(beyond):,} that {name} "
                f"lacks: {_listed(list(map(str, beyond[: MOST_SHOWN + 1])))}",
                f"Give both of the same rows, {BY_POSITION}",
            )
    return replace(array, values=array.values[own.get_indexer(wanted)], index=wanted)


def _besides(names: Sequence[str], others: Sequence[str]) -> list[str]:
    return [name for name in names if name not in others]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_SHOWN]) + (", …" if len(names) > MOST_SHOWN else "")
