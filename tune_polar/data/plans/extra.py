"""Which extra rows train in which fold: never one that tells of a row the fold validates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tune_polar.data.columns import BoolArray, IntArray
from tune_polar.data.plans.plan import FoldPlan
from tune_polar.data.repeated import bonds
from tune_polar.data.table import Corpus
from tune_polar.errors import FoldPlanError

EXTRA_SEED = 42  # of the order in which a share is taken; shares of one file are nested


def with_extra_rows(plan: FoldPlan, corpus: Corpus, share: float | None, together: tuple[str, ...] = ()) -> FoldPlan:
    """The plan with columns for the extra rows behind those of the corpus' own.

    An extra row trains in a fold unless the fold validates the row it was made from, one that says the same, or one
    that belongs together with either; and where its source takes part in the plan, only in folds that train the source.

    Args:
        plan: of the own rows.
        corpus: with extra rows.
        share: of a fold's training rows that are extra, at most; None: all that may train.
        together: columns whose equal values are never parted.

    Raises:
        FoldPlanError: ``share`` is not between 0 and 1.
    """
    if share is not None and not 0 <= share < 1:
        raise FoldPlanError(f"the share of extra rows must be at least 0 and below 1, got {share}", "Use 0.3.")
    own, extra = corpus.own_rows, len(corpus.sources)
    numbers = bonds(corpus.train, own + extra, together)
    order = np.random.default_rng(EXTRA_SEED).permutation(extra)
    training = np.zeros((plan.count, extra), dtype=np.bool_)
    for fold in range(plan.count):
        allowed = _allowed(plan.training[fold], plan.validation[fold], numbers, corpus.sources)
        taken = order[allowed[order]]
        if share is not None:
            taken = taken[: round(share / (1 - share) * int(np.count_nonzero(plan.training[fold])))]
        training[fold, taken] = True
    return replace(
        plan,
        training=np.concatenate([plan.training, training], axis=1),
        validation=np.concatenate([plan.validation, np.zeros_like(training)], axis=1),
    )


def _allowed(training: BoolArray, validation: BoolArray, numbers: IntArray, sources: IntArray) -> BoolArray:
    """(extra rows,): whether a fold may train on each."""
    own = len(training)
    validated = np.isin(numbers, numbers[:own][validation])
    has_source = sources >= 0
    allowed = ~validated[own:] & ~(validated[sources] & has_source)
    takes_part = training | validation
    source_trains = training[sources] | ~takes_part[sources]
    found: BoolArray = allowed & (source_trains | ~has_source)
    return found
