"""What a built stage computes of its rows: losses, the checkpoint metric, and the tables it leaves behind."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from tune_polar.data.batching import TokenRows
from tune_polar.data.table import TRAIN
from tune_polar.decide.checkpoint_scores import keep_metric, keep_value
from tune_polar.model.losses import LossBatch, LossSum
from tune_polar.store.records import EXTRA, VALIDATION, TableKind
from tune_polar.store.training_facts import Array
from tune_polar.trial.checkpoint_metric import NEAREST
from tune_polar.trial.encoder_source import EncoderSource
from tune_polar.trial.forward_pass import batch_tensors
from tune_polar.trial.gradients import Apart, Given
from tune_polar.trial.nearest_neighbours import nearest_labels, neighbour_labels
from tune_polar.trial.pair_rows import PairRows
from tune_polar.trial.predictor import Predictor
from tune_polar.trial.saved_with_weights import INDEX_CLASSES, INDEX_VECTORS, characters_of
from tune_polar.trial.stage_rows import Rows, StageRows
from tune_polar.trial.targets import Targets
from tune_polar.trial.vector_measures import VectorMeasures


class LeftBehind(NamedTuple):
    """What a trained stage leaves behind."""

    tables: dict[str, Array]  # of its record
    beside: dict[str, Array]  # beside its weights: what else is needed to predict new rows


class StageWork:
    """Of one stage."""

    def __init__(
        self,
        predictor: Predictor,
        losses: LossSum,
        source: EncoderSource,
        rows: StageRows,
        targets: Targets,
        predicts: TableKind,
        metric: str,
        groups: Rows | None,
        pairs: PairRows | None = None,
        measures: VectorMeasures | None = None,
    ) -> None:
        """Take its parts.

        Args:
            predictor: its model.
            losses: that are trained.
            source: tokens of all rows.
            rows: which are whose.
            targets: of all rows of train.
            predicts: kind of its tables.
            metric: of an evaluation.
            groups: codes of all rows of train, (rows,), where a loss reads them.
            pairs: texts that pass through the encoder with the rows, where a loss reads them.
            measures: of the vectors of the splits.
        """
        self._measures = VectorMeasures((), {}) if measures is None else measures
        self._pairs = pairs
        self._predictor = predictor
        self._losses = losses
        self._source = source
        self._rows = rows
        self._targets = targets
        self._predicts = predicts
        self._metric = metric
        self._device = predictor.precision.device
        self._learned = targets.tensor(self._device)
        clusters = None if pairs is None else pairs.clusters
        self._clusters = None if clusters is None else torch.from_numpy(clusters).to(self._device)
        self._groups = None if groups is None else torch.from_numpy(groups).to(self._device)

    def loss(self, rows: Rows, share: float) -> Tensor:
        """The stage's losses of some training rows, ``share`` of a step's, shape ()."""
        places = self._places(rows)  # before the model's kernels, so that no copy stands behind them
        value: Tensor = self._losses(self._batch(places, self._given(rows)), share)
        return value

    @property
    def apart(self) -> Apart | None:
        """The halves of losses of which one couples rows; None: none does."""
        return Apart(self._given, self._loss_of) if self._losses.couples_rows else None

    def _loss_of(self, rows: Rows, given: Given) -> Tensor:
        value: Tensor = self._losses(self._batch(self._places(rows), given))
        return value

    def _given(self, rows: Rows) -> Given:
        """Outputs and embeddings of rows, and the vectors of their positives where there are any."""
        model, pairs, count = self._predictor.model, self._pairs, len(rows)
        tokens, passing = (self._source.train_tokens, rows) if pairs is None else (pairs.tokens, pairs.both(rows))
        # One pass of both texts: on rows of like length as fast as two, and it starts the encoder's kernels once.
        passed = model(*batch_tensors(tokens, passing, self._predictor.pad_id, self._device))
        own = passed.outputs[:count], passed.embeddings[:count]
        if pairs is None:
            return own
        return *own, (passed.outputs if model.head.gives_embeddings else passed.embeddings)[count:]

    def _places(self, rows: Rows) -> Tensor:
        return torch.from_numpy(rows).to(self._device, non_blocking=True)

    def _batch(self, chosen: Tensor, given: Given) -> LossBatch:
        outputs, embeddings, *positives = given
        return LossBatch(
            outputs,
            embeddings,
            self._learned[chosen],
            positives=positives[0] if positives else None,
            clusters=None if self._clusters is None else self._clusters[chosen],
            groups=None if self._groups is None else self._groups[chosen],
        )

    def evaluate(self) -> Generator[None, None, float]:
        """The checkpoint metric on the judged rows; pauses after each batch."""
        tokens, judged = self._source.train_tokens, self._rows.judged
        gold = self._targets.gold(judged)
        if self._predicts == "neighbours" and (self._metric == NEAREST or gold.kind == "class"):
            # Votes are on one question of yes or no: of several classes the nearest row's is the one decided
            asked = yield from self._predictor.vectors(tokens, judged)
            keys = yield from self._training_vectors()
            return keep_metric(self._metric).score(gold, nearest_labels(asked, keys, self._codes())[:, np.newaxis])
        if self._predicts == "neighbours":
            table = yield from self._neighbours(tokens, judged, (yield from self._training_vectors()))
        else:
            table = yield from self._predictor.scores(self._predicts, tokens, judged)
        return keep_value(self._metric, self._predicts, gold, table)

    def leaves(self) -> Generator[None, None, LeftBehind]:
        """The arrays of the stage's record, and those beside its weights; pauses after each batch."""
        keys = (yield from self._training_vectors()) if self._predicts == "neighbours" else None
        return LeftBehind((yield from self._tables(keys)), self._beside(keys))

    def beside(self) -> Generator[None, None, dict[str, Array]]:
        """The second of them alone."""
        return self._beside((yield from self._training_vectors()) if self._predicts == "neighbours" else None)

    def _beside(self, keys: Tensor | None) -> dict[str, Array]:
        """``keys``: vectors of the training rows, which new rows are compared with."""
        found = characters_of(self._source.tokenizer)
        if keys is not None:
            found |= {INDEX_VECTORS: keys.cpu().numpy(), INDEX_CLASSES: self._codes().astype(np.int32)}
        return found

    def _tables(self, keys: Tensor | None) -> Generator[None, None, dict[str, Array]]:
        predicts = self._predicts
        found: dict[str, Array] = {}
        compared = self._measures.compared(self._rows.training)
        if len(compared):
            beside = yield from self._predictor.vectors(self._source.train_tokens, compared)
            self._measures.stand_beside(compared, beside)
        for split, tokens, rows in self._predicted():
            found[f"{split}/rows"] = rows.astype(np.int32)
            vectors: Tensor | None = None
            if keys is not None:
                vectors = yield from self._predictor.vectors(tokens, rows)
                table = neighbour_labels(vectors, keys, self._codes(), self._targets.class_count)
            elif self._measures.are_of(split):
                table, vectors = yield from self._predictor.scores_and_vectors(predicts, tokens, rows)
            else:
                table = yield from self._predictor.scores(predicts, tokens, rows)
            found[f"{split}/{predicts}"] = table
            if vectors is not None and self._measures.are_of(split):
                self._measures.take(split, rows, vectors)
        found |= self._measures.arrays()
        for name, value in self._losses.kept().items():
            found[f"{EXTRA}/{name}"] = value.float().cpu().numpy().copy()
        return found

    def _predicted(self) -> Iterator[tuple[str, TokenRows, Rows]]:
        """Every split that a decision may read, with its tokens and the rows of it."""
        yield VALIDATION, self._source.train_tokens, self._rows.validation
        for split, tokens in self._source.tokens.items():
            if split != TRAIN and len(tokens):
                yield split, tokens, np.arange(len(tokens))

    def _training_vectors(self) -> Generator[None, None, Tensor]:
        return (yield from self._predictor.vectors(self._source.train_tokens, self._rows.training))

    def _neighbours(self, tokens: TokenRows, rows: Rows, keys: Tensor) -> Generator[None, None, Array]:
        asked = yield from self._predictor.vectors(tokens, rows)
        return neighbour_labels(asked, keys, self._codes(), self._targets.class_count)

    def _codes(self) -> Rows:
        return self._targets.codes()[self._rows.training]
