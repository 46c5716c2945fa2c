"""Which 0/1 columns a splitter balances, of any mix of labels, classes, numbers and strata."""

from __future__ import annotations

import numpy as np

from tune_polar.data.columns import Column, IntArray
from tune_polar.data.plans.plan_request import PlanRequest
from tune_polar.data.strata import stratum_of

NUMBER_BINS = 10  # a number is balanced by the tenth of the rows that it falls in
ROWS_A_BIN = 10  # at least, of all rows


def stratified_columns(request: PlanRequest) -> IntArray:
    """(rows, columns): what folds are balanced by.

    In this order: the strata within the root target, a column each and one for its 0; the 0/1 strata; every other
    label the data has, whether a stage learns it or not, so that recipes of one data set have the same folds and share
    what they train; then classes, numbers and other strata, a column for each value or bin.

    The splitter takes every value as true or false: an integer column of classes would melt into "not the first".

    Raises:
        DataError: a column is missing, or a stratum is a text.
    """
    own, root = request.own, request.root
    kinds = {name: own.column(name).kind for name in (*request.strata, *request.all_targets())}
    label_strata = [name for name in request.strata if kinds[name] == "label" and name != root]
    blocks: list[IntArray] = []
    if root is not None:
        blocks.append(one_hot(stratum_of(own, target=root, strata=label_strata)))
    others = [name for name, column in own.columns.items() if column.kind == "label" and name != root]
    for name in dict.fromkeys([*label_strata, *others]):
        blocks.append(_among(request, name)[:, np.newaxis])
    for name in dict.fromkeys([*request.all_targets(), *request.strata]):
        if kinds[name] not in ("label", "text"):
            blocks.append(value_columns(own.column(name)))
    table = np.column_stack(blocks) if blocks else np.ones((len(own), 1), dtype=np.int64)
    # The splitter takes two columns or more; a label's complement does not change what it balances.
    return table if table.shape[1] > 1 else np.column_stack([table, 1 - table])


def one_hot(classes: IntArray) -> IntArray:
    """(rows, classes that occur)."""
    found: IntArray = (classes[:, np.newaxis] == np.unique(classes)[np.newaxis, :]).astype(np.int64)
    return found


def value_columns(column: Column) -> IntArray:
    """(rows, values): a class or group as columns of 0 and 1, a number as the tenth it falls in."""
    values = np.asarray(column.values)
    return one_hot(bins_of(values) if column.kind == "number" else values)


def bins_of(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> IntArray:
    """(rows,): the quantile bin of each number; equal numbers are in one bin."""
    bins = max(1, min(NUMBER_BINS, len(values) // ROWS_A_BIN))
    edges = np.unique(np.quantile(values, np.arange(1, bins) / bins)) if bins > 1 else np.zeros(0)
    return np.searchsorted(edges, values, side="right").astype(np.int64)


def _among(request: PlanRequest, name: str) -> IntArray:
    """A label as it counts: among the rows that its stage learns on, or those of the root target."""
    values: IntArray = request.own.values(name)
    stages = [stage for stage, targets in request.targets.items() if name in targets]
    if any(not request.stages[stage] for stage in stages):
        return values
    for stage in stages:
        return values * request.rows_of(stage)
    return values if request.root is None else values * (request.own.values(request.root) == 1)
