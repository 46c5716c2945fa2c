"""Which rows of train a stage of one cell learns from, predicts and is judged on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tune_polar.data.plans.extra_rows import RowsOfFolds, ShareOfExtra
from tune_polar.data.table import Corpus, Split
from tune_polar.errors import DataError
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import Stage

Rows = NDArray[np.int64]  # numbers of rows of a split, (rows,)


def rows_with_extra(folds: RowsOfFolds, corpus: Corpus, recipe: Recipe, stage: str) -> RowsOfFolds:
    """The folds of a stage with the extra rows that a configuration trains on.

    Args:
        folds: with all extra rows that may train.
        corpus: of these rows.
        recipe: of the configuration.
        stage: its name.

    Raises:
        DataError: it asks for rows made in a way that none is.
    """
    extra = recipe.data.extra
    if extra is None or not len(corpus.sources):
        return folds
    learned = corpus.train.where(recipe.stages[stage].rows)
    return ShareOfExtra(folds, corpus, extra.share, extra.by, extra.only, learned)


@dataclass(frozen=True, eq=False)
class StageRows:
    """Ascending row numbers of train."""

    training: Rows
    validation: Rows  # all of the cell: a decision may read the stage's table for any of them
    judged: Rows  # those of them that are like the training rows

    @classmethod
    def of(cls, name: str, stage: Stage, plan: RowsOfFolds, fold: int, train: Split) -> StageRows:
        """The rows of a stage in one fold; a fold that validates no row at all has no judged rows either.

        Raises:
            DataError: there are none to train or to judge it on.
        """
        wanted = train.where(stage.rows)
        training, validation = plan.training_rows(fold), plan.validation_rows(fold)
        rows = cls(training[wanted[training]], validation, validation[wanted[validation]])
        for word, found in (("training", rows.training), ("validation", rows.judged)):
            if not len(found) and (word == "training" or len(validation)):
                raise DataError(
                    f"stage {name} must have {word} rows with {dict(stage.rows)} in fold {fold}, got none",
                    "Use fewer folds, or another condition under `rows`.",
                )
        return rows
