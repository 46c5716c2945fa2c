"""Clusters of the training rows of each class, and the row in the middle of each: made of a fold's own rows alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tune_polar.recipe.sections import Encoder
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.frozen_vectors import frozen_vectors
from tune_polar.trial.stage_plan import stage_seed
from tune_polar.trial.stage_rows import Rows
from tune_polar.trial.worker_context import TrialContext

KMEANS_SEED = 0  # as the published system has it


@dataclass(frozen=True, eq=False)
class Clusters:
    """Of some rows."""

    codes: Rows  # cluster of each row, those of different classes never the same, (rows,)
    middles: Rows  # place among the rows of the one in the middle of each row's cluster, (rows,)


def clusters_of(vectors: NDArray[np.float64], classes: Rows, count: int) -> Clusters:
    """k-means of each class's rows; the middle is the row nearest to its cluster's centre, of equally near ones the
    first.

    Args:
        vectors: (rows, size).
        classes: of each row, (rows,).
        count: clusters of a class; a class of fewer different rows has fewer.
    """
    from sklearn.cluster import KMeans  # a second to load, for those who have clusters alone

    codes, middles = np.zeros(len(classes), dtype=np.int64), np.zeros(len(classes), dtype=np.int64)
    first = 0
    for each in np.unique(classes):
        rows = np.flatnonzero(classes == each)
        own = vectors[rows]
        fitted = KMeans(min(count, len(np.unique(own, axis=0))), random_state=KMEANS_SEED, n_init="auto").fit(own)
        distances = np.linalg.norm(own - fitted.cluster_centers_[fitted.labels_], axis=1)
        for cluster in np.unique(fitted.labels_):
            members = np.flatnonzero(fitted.labels_ == cluster)
            codes[rows[members]] = first + cluster
            middles[rows[members]] = rows[members[np.argmin(distances[members])]]
        first += int(fitted.n_clusters)
    return Clusters(codes, middles)


def cluster_vectors(
    trial: FoldTrial, name: str, context: TrialContext, encoder: Encoder | None, rows: Rows
) -> NDArray[np.float64]:
    """Vectors of training rows by a frozen encoder, (rows, size).

    Args:
        trial: the fold trial.
        name: of the stage.
        context: what the worker has.
        encoder: which; None: the stage's own, before training.
        rows: of train.

    Raises:
        ModelError: the encoder cannot be loaded.
        torch.OutOfMemoryError: not even one row fits beside it.
    """
    stage, fold = trial.recipe.stages[name], trial.cell.fold
    if encoder is not None:
        stage = stage.model_copy(update={"encoder": encoder})
    source = context.encoder_source(stage.encoder)
    seed = stage_seed(trial.cell.seed, name, fold)
    training = context.rows_of(name, trial.recipe).training_rows(fold)
    encoder_read = source.start(training, seed, stage).to(context.device)
    batch_rows = context.memory.evaluation_rows
    while True:
        try:
            vectors = frozen_vectors(
                encoder_read,
                source.train_tokens,
                rows,
                source.tokenizer.pad_id,
                context.device,
                batch_rows=batch_rows,
            )
        except torch.OutOfMemoryError:
            if batch_rows == 1:
                raise
            batch_rows //= 2
        else:
            return vectors.astype(np.float64)
        torch.cuda.empty_cache()
