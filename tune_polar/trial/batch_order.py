"""The order in which a stage sees its training rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tune_polar.data.batches import BatchContext, make_batches
from tune_polar.data.strata import balance_codes
from tune_polar.trial.columns_read import balanced_by
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.stage_plan import stage_seed
from tune_polar.trial.stage_rows import Rows
from tune_polar.trial.worker_context import TrialContext


def batch_order(trial: FoldTrial, name: str, context: TrialContext, rows: Rows) -> Iterator[Rows]:
    """Batches of the training rows ``rows`` without end, the same for the same trial.

    Raises:
        DataError: the rows cannot be batched as the stage asks.
    """
    stage, strata, train = trial.recipe.stages[name], trial.recipe.data.strata, context.corpus.train
    settings = stage.batches.model_dump()
    by = balanced_by(stage)
    if by is not None:
        settings["by"] = by

    def codes(of: str) -> Rows:
        return balance_codes(train, of, targets=stage.columns, strata=strata)[rows]

    lengths = context.encoder_source(stage.encoder).train_tokens.lengths[rows]
    generator = np.random.default_rng(stage_seed(trial.cell.seed, name, trial.cell.fold))
    groups = frozenset(column for column, about in train.columns.items() if about.kind == "group")
    positions = make_batches(stage.batches.name, BatchContext(lengths, codes, generator, groups), **settings)
    return (rows[batch] for batch in positions)
