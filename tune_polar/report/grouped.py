"""Which columns of groups a page goes by, and which of their groups folds hold out whole."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tune_polar.decide.array_checks import BoolArray
from tune_polar.decide.judgement import Judgement
from tune_polar.report.page_context import PageContext


def groups_of(page: PageContext) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Columns of groups that the page goes by, with the groups' names: the recipe's own choice, or all."""
    chosen, columns = page.recipe.report.by, page.summary.gold.train.columns
    for name in page.recipe.data.groups if chosen is None else (chosen,):
        if name in columns:
            yield name, columns[name].names


def columns_held_out(page: PageContext) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Columns of groups of which some fold validates a group without training on any of its rows."""
    train, plans = page.summary.gold.train, page.summary.gold.plans.values()
    for column, names in groups_of(page):
        groups = train.values(column)
        for plan in plans:
            folds = range(plan.count)
            if any(_held_out(groups, plan.training[fold], plan.validation[fold]).any() for fold in folds):
                yield column, names
                break


def unseen_rows(page: PageContext, judgement: Judgement, column: str) -> BoolArray:
    """Judged rows of groups that their own fold did not train on, (rows,)."""
    stage = next(iter(page.won.graph.nodes[judgement.name].stages))
    plan, groups, rows = page.summary.gold.plans[stage], page.summary.gold.train.values(column), judgement.rows
    unseen = np.zeros(len(rows), dtype=np.bool_)
    for part in rows.parts:
        own = rows.part == part
        unseen[own] = _held_out(groups, plan.training[part], plan.validation[part])[rows.ids[own]]
    return unseen


def _held_out(groups: BoolArray, training: BoolArray, validation: BoolArray) -> BoolArray:
    """Validated rows of groups that the fold does not train on, (rows,)."""
    return validation & (groups >= 0) & ~np.isin(groups, np.unique(groups[training]))
