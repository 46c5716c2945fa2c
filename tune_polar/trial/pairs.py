"""Which text is the positive of each training row: another column's, or the row in the middle of its cluster."""

from __future__ import annotations

import numpy as np

from tune_polar.recipe.clustering import clustering_encoder, clustering_of
from tune_polar.recipe.components.batches import PAIRS
from tune_polar.recipe.sections import TINY, Stage
from tune_polar.trial.class_clusters import Clusters, cluster_vectors, clusters_of
from tune_polar.trial.columns_read import pair_column
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.pair_rows import PairRows
from tune_polar.trial.stage_rows import StageRows
from tune_polar.trial.targets import Targets
from tune_polar.trial.worker_context import TrialContext


def pair_rows(trial: FoldTrial, name: str, context: TrialContext) -> PairRows | None:
    """The positives of a stage of one cell whose losses read them; None: no loss does.

    Raises:
        DataError: train has no such column of texts.
        ModelError: the encoder whose vectors are clustered cannot be loaded.
    """
    stage = trial.recipe.stages[name]
    if not _reads_positives(stage):
        return None
    source, clustering = context.encoder_source(stage.encoder), clustering_of(stage)
    if clustering is None:
        rows = len(context.corpus.train)
        return PairRows(source.pair_tokens(pair_column(stage) or ""), rows + np.arange(rows))
    train, fold = context.corpus.train, trial.cell.fold
    training = StageRows.of(name, stage, context.rows_of(name, trial.recipe), fold, train).training
    classes = Targets.of(stage.task, train).codes()
    # What the vectors depend on: only the embedded encoder begins otherwise with each seed.
    encoder = clustering_encoder(stage)
    seed = trial.cell.seed if TINY in (stage.encoder.name, clustering.encoder) else None
    key = (name, (encoder or stage.encoder).model_dump_json(), clustering.clusters, fold, seed, training.tobytes())

    def made() -> Clusters:
        vectors = cluster_vectors(trial, name, context, encoder, training)
        context.release()  # the encoder that was read from
        return clusters_of(vectors, classes[training], clustering.clusters)

    found = context.clusters(key, made)
    partners, codes = np.arange(len(train)), np.zeros(len(train), dtype=np.int64)
    partners[training], codes[training] = training[found.middles], found.codes
    return PairRows(source.train_tokens, partners, codes)


def _reads_positives(stage: Stage) -> bool:
    """Whether a loss reads the positives of its batches; else they need not pass through the encoder."""
    read = any(loss.positives is not None and loss.weight > 0 for loss in stage.losses.values())
    return bool(stage.batches.name == PAIRS) and read
