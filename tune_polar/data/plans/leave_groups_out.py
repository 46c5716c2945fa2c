"""Folds that validate whole groups no row of which was trained on, beside a share of the others."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np

from tune_polar.data.columns import BoolArray, Column, IntArray, group_column
from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.plans.fold_requirements import check_parts, needs_of
from tune_polar.data.plans.plan_request import PlanRequest, check_seed
from tune_polar.data.plans.together import without_copies
from tune_polar.data.table import Split
from tune_polar.errors import FoldPlanError

MOST_FOLDS = 100  # more are asked for by number
FEWEST_ROWS = 2  # of a group whose numbers are judged by themselves


def leave_groups_out(
    request: PlanRequest, *, by: str, held_out: int = 1, draws: int | None = None, share: float = 0.2, seed: int = 42
) -> dict[str, FoldPlan]:
    """A fold for each choice of ``held_out`` groups, or for ``draws`` of them by ``seed``.

    A fold validates all rows of its groups and ``share`` of the rows of each other group, drawn by ``seed`` and
    the same whichever other folds there are. Rows that say the same as a validated row take no part in that fold.

    Args:
        request: the rows and what the stages read.
        by: a column of groups, classes or labels; rows of no group train in every fold, but for copies of what it
            validates.
        held_out: how many groups a fold holds out.
        draws: how many folds; None: all.
        share: of the rows of the groups that are trained on; 0 validates the held-out groups alone.
        seed: of both draws.

    Raises:
        FoldPlanError: there are too few groups, or too many folds, or a training part lacks a label.
        DataError: ``by`` is missing.
    """
    needs = needs_of(request)
    check_seed(seed)
    own = request.own
    column = _of_own_groups(own, by)
    groups = np.asarray(column.values)
    present = np.unique(groups[groups >= 0]).tolist()
    if column.kind == "number" or not 1 <= held_out < len(present):
        raise FoldPlanError(
            f"groups held out must be at least 1 and fewer than there are, got {held_out} of the "
            f"{len(present)} {column.kind}s of {by!r}",
            "Change folds.held_out, or name a column with more groups in folds.by.",
        )
    _check_sizes(request, by, column)
    if not 0 <= share < 1:
        raise FoldPlanError(f"the validated share must be at least 0 and below 1, got {share}", "Use 0.2.")
    bonds = request.bonds()
    choices = _choices(present, held_out, draws, seed)
    training, validation = [], []
    for chosen in choices:
        validated = np.isin(groups, chosen) | _shares(groups, chosen, bonds, share, seed)
        training.append(without_copies(~validated, validated, bonds))
        validation.append(validated)
    plan = FoldPlan("leave_groups_out", np.stack(training), np.stack(validation))
    check_parts(plan, needs)
    return dict.fromkeys(request.stages, plan)


def _of_own_groups(own: Split, by: str) -> Column:
    """The column, groups numbered among those of these rows: what is drawn by them depends on no other split's."""
    own.values(by)  # refuses texts
    column = own.column(by)
    return group_column(column.words()) if column.kind == "group" else column


def _check_sizes(request: PlanRequest, by: str, column: Column) -> None:
    """Of numbers, refuse a group of one row: by itself it has no correlation, and no spread of errors."""
    targets = [request.own.column(name) for names in request.targets.values() for name in names]
    if all(target.kind != "number" for target in targets):
        return
    groups = np.asarray(column.values)
    codes, counts = np.unique(groups[groups >= 0], return_counts=True)
    single = [column.names[code] if column.names else str(code) for code in codes[counts < FEWEST_ROWS].tolist()]
    if single:
        raise FoldPlanError(
            f"a group that is held out must have at least {FEWEST_ROWS} rows with numbers, got one row of "
            f"{', '.join(map(repr, single[:5]))}{' …' if len(single) > 5 else ''} in {by!r}",
            "Leave such rows out, or let them belong to another group.",
        )


def _choices(present: list[int], held_out: int, draws: int | None, seed: int) -> list[tuple[int, ...]]:
    possible = comb(len(present), held_out)
    wanted = possible if draws is None else draws
    if not 1 <= wanted <= min(possible, MOST_FOLDS):
        raise FoldPlanError(
            f"the folds must be at most the {possible} choices of {held_out} of {len(present)} groups, and at most "
            f"{MOST_FOLDS}, got {wanted}",
            f"Draw some of them: folds.draws from 1 to {min(possible, MOST_FOLDS)}.",
        )
    if draws is None:
        return list(combinations(present, held_out))
    rng = np.random.default_rng(seed)
    if possible <= 10 * MOST_FOLDS:
        every = list(combinations(present, held_out))
        return [every[place] for place in sorted(rng.choice(possible, wanted, replace=False).tolist())]
    drawn: dict[tuple[int, ...], None] = {}
    while len(drawn) < wanted:
        drawn.setdefault(tuple(sorted(rng.choice(present, held_out, replace=False).tolist())))
    return sorted(drawn)


def _shares(groups: IntArray, chosen: tuple[int, ...], bonds: IntArray, share: float, seed: int) -> BoolArray:
    """(rows,): the drawn rows of groups that are not ``chosen``; rows that belong together are drawn together."""
    drawn = np.zeros(len(groups), dtype=np.bool_)
    seen = ~np.isin(groups, chosen)
    for group in np.unique(groups[seen & (groups >= 0)]).tolist():
        of_group = groups == group
        missing = round(share * int(np.count_nonzero(of_group))) - int(np.count_nonzero(of_group & drawn))
        rng = np.random.default_rng([seed, group + 1, *(each + 1 for each in chosen)])
        taken = rng.permutation(np.flatnonzero(of_group & ~drawn))[: max(0, missing)]
        drawn |= seen & np.isin(bonds, bonds[taken])
    return drawn
