"""Tables of several configurations as one: the weighted mean of what they say of the same rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tune_polar.decide.array_checks import FloatArray
from tune_polar.decide.fold_mean import weighted_mean
from tune_polar.decide.tables import Table
from tune_polar.decide.vote_sweep import vote_counts
from tune_polar.errors import DecisionError


def shares(table: Table, k: int | None) -> FloatArray:
    """What a table says as numbers that have a mean, (rows, columns); of neighbours the positive share of ``k``.

    Fewer than ``k`` vote where fewer are stored; several models count alike.
    """
    if table.kind != "neighbours":
        return table.ensemble
    if k is None:
        raise DecisionError("a table of neighbours must have a k, got none", "Say how many of them vote.")
    first = min(k, table.width)
    return np.asarray(np.mean([vote_counts(model, first) / first for model in table.models], axis=0)[:, None])


def mean_table(tables: Sequence[Table], weights: Sequence[float], ks: Sequence[int | None]) -> Table:
    """The weighted mean of members' tables of one stage and the same rows; ``ks``: a number a table of neighbours.

    Raises:
        DecisionError: tables of other rows or columns, or values with shares.

    Example:
        >>> mean_table([Table.of("neighbours", [nearest]), Table.of("probability", [shares])], [2, 1], [49, None])
    """
    kinds = {"value" if table.kind == "value" else "probability" for table in tables}
    if len(kinds) != 1:
        raise DecisionError("an ensemble must be of shares or of values, got both", "Leave out the one or the other.")
    means = [shares(table, k) for table, k in zip(tables, ks, strict=True)]
    return Table.of("value" if kinds == {"value"} else "probability", [weighted_mean(means, weights)])
