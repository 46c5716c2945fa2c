"""Whether what stages will predict fits into their records: said before anything is trained, not when it is written."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.table import TRAIN, Corpus
from tune_polar.errors import SearchError
from tune_polar.recipe.recipe import Recipe
from tune_polar.store.filesystem import MOST_BYTES
from tune_polar.store.records import MAX_NEIGHBOURS

MOST_TABLE_BYTES = MOST_BYTES["stages"] - 2**20  # beside the arrays lies a header with the curve
ROW_NUMBER_BYTES = 4


def table_bytes(recipe: Recipe, stage: str, corpus: Corpus, plan: FoldPlan) -> int:
    """Bytes of the arrays that ``stage`` leaves of its largest fold: its validation rows and every other split.

    Example:
        >>> table_bytes(recipe, "detector", corpus, plans["detector"])
        1224000
    """
    settings = recipe.stages[stage]
    held_out = sum(len(split) for name, split in corpus.splits.items() if name != TRAIN)
    rows = int(plan.validation.sum(axis=1).max()) + held_out
    gold = corpus.train.columns.get(settings.columns[0])
    classes = len(gold.names) if settings.task.gold == "class" and gold is not None else 2
    if settings.predicts == "neighbours":
        keys = int(np.asarray(plan.training).sum(axis=1).max())
        width = min(MAX_NEIGHBOURS, keys) * (1 if classes <= 256 else 2)
    else:
        width = 4 * (classes if settings.task.gold == "class" else len(settings.columns))
    return rows * (width + ROW_NUMBER_BYTES)


def check_tables(recipe: Recipe, corpus: Corpus, plans: Mapping[str, FoldPlan]) -> None:
    """Refuse a stage whose predictions no store would take.

    Raises:
        SearchError: they are larger than the record of a stage may be.
    """
    for stage in recipe.stages:
        found = table_bytes(recipe, stage, corpus, plans[stage])
        if found > MOST_TABLE_BYTES:
            raise SearchError(
                f"the predictions of a fold must have at most {MOST_TABLE_BYTES:,} bytes, stage {stage!r} would leave "
                f"{found:,}: one for each validation row and each row of dev, test and evaluation sets",
                "Give fewer rows to predict (a sample of --dev and --test), more folds, or fewer columns to the stage.",
            )
