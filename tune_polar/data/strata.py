"""What folds and batches are balanced by: the one class that stands for a row's several strata."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tune_polar.data.columns import IntArray
from tune_polar.data.table import Split
from tune_polar.errors import DataError

REST = 0  # the class of rows whose target is 0


def stratum_of(split: Split, *, target: str, strata: Sequence[str] = ()) -> IntArray:
    """(rows,): 0 where the label ``target`` is 0; else from 1 on, the stratum of the row.

    Where all ``strata`` are 0/1 columns, 1 + the place in ``strata`` of the first that the row has; a row that has none
    of them counts as the last (AlphaLyrae: gender > religious > racial > political > other). Strata of other kinds
    (classes, groups): each combination that occurs among the rows is a stratum. Without strata, 1.

    Raises:
        DataError: a column is missing, ``target`` is no label, or a stratum is a number or text.
    """
    kinds = {name: split.column(name).kind for name in (target, *strata)}
    unfit = {name: kind for name, kind in kinds.items() if kind in ("number", "text")}
    if kinds[target] != "label" or unfit:
        raise DataError(
            f"rows must be balanced by strata within a 0/1 target, got the target {target!r}, a {kinds[target]}"
            + (f", and {unfit}" if unfit else ""),
            "Balance by classes, or name strata that are labels, classes or groups.",
        )
    positive = split.values(target) == 1
    if all(kinds[name] == "label" for name in strata):
        found = np.full(len(split), max(len(strata), 1), dtype=np.int64)
        for place in reversed(range(len(strata))):
            found[split.values(strata[place]) == 1] = place + 1
    else:
        table = np.stack([split.values(name) for name in strata], axis=1)
        found = np.ones(len(split), dtype=np.int64)
        found[positive] += np.unique(table[positive], axis=0, return_inverse=True)[1].ravel()
    found[~positive] = REST
    return found


def balance_codes(split: Split, by: str, *, targets: Sequence[str], strata: Sequence[str] = ()) -> IntArray:
    """(rows,): codes of what batches are balanced by.

    Args:
        split: the rows.
        by: "strata": ``stratum_of`` the target; "classes": its own classes; else a column of classes or groups.
        targets: of the stage; balanced batches need a single one.
        strata: of the recipe.

    Raises:
        DataError: there is no single target where one is needed, or a column is missing or of another kind.
    """
    if by in ("strata", "classes") and len(targets) != 1:
        raise DataError(
            f"batches balanced by {by} must have a single target, got {list(targets)}",
            "Balance by a column of groups, or use length-grouped batches.",
        )
    if by == "strata":
        return stratum_of(split, target=targets[0], strata=strata)
    name = targets[0] if by == "classes" else by
    column = split.column(name)
    if column.kind not in ("label", "class", "group"):
        raise DataError(
            f"batches must be balanced by labels, classes or groups, got {name!r}, a {column.kind}",
            "Use length-grouped or shuffled batches.",
        )
    return split.values(name)
