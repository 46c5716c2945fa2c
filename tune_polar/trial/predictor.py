"""Passes rows through a stage's model without gradients, batch by batch."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from tune_polar.data.batching import TokenRows
from tune_polar.model.row_blocks import RowBlocks
from tune_polar.store.records import TableKind
from tune_polar.store.training_facts import Array
from tune_polar.trial.forward_pass import predict
from tune_polar.trial.precision import Precision
from tune_polar.trial.stage_model import PredictingModel
from tune_polar.trial.stage_rows import Rows
from tune_polar.trial.training_loop import StageId, check_finite


class BatchRows(Protocol):
    """What knows how many rows fit into memory at once; a ``SlotMemory`` does."""

    @property
    def evaluation_rows(self) -> int:
        """Rows of one batch without gradients."""


@dataclass(frozen=True, eq=False)
class Predictor:
    """Of one stage."""

    stage: StageId
    model: PredictingModel
    precision: Precision
    pad_id: int
    memory: BatchRows
    exclusive: bool = False  # a row has one of several classes; else each output is a label of its own

    def outputs(self, tokens: TokenRows, rows: Rows) -> Generator[None, None, Tensor]:
        """What the head says of ``rows``, (rows, outputs), float32; pauses after each batch.

        Raises:
            TrainingDivergedError: a value is not finite.
        """
        return (yield from self._passed(tokens, rows, "outputs"))

    def vectors(self, tokens: TokenRows, rows: Rows) -> Generator[None, None, Tensor]:
        """What ``rows`` are compared by, of length 1, (rows, size), float32; as ``outputs`` else."""
        return (yield from self._passed(tokens, rows, "vectors"))

    def scores(self, predicts: TableKind, tokens: TokenRows, rows: Rows) -> Generator[None, None, Array]:
        """Probabilities, of several classes or of each label, or values: (rows, columns), float32."""
        return self._scores(predicts, (yield from self.outputs(tokens, rows)))

    def _scores(self, predicts: TableKind, outputs: Tensor) -> Array:
        if predicts == "probability":
            outputs = torch.softmax(outputs, dim=1) if self.exclusive else torch.sigmoid(outputs)
        scores: Array = outputs.cpu().numpy()
        return scores

    def scores_and_vectors(
        self, predicts: TableKind, tokens: TokenRows, rows: Rows
    ) -> Generator[None, None, tuple[Array, Tensor]]:
        """Both, of one pass."""
        both = yield from self._passed(tokens, rows, "both")
        width = self.model.head.width
        return self._scores(predicts, both[:, :width]), both[:, width:]

    def _passed(
        self, tokens: TokenRows, rows: Rows, wanted: Literal["outputs", "vectors", "both"]
    ) -> Generator[None, None, Tensor]:
        def forward(ids: Tensor, mask: Tensor, blocks: RowBlocks) -> Tensor:
            with self.precision.autocast():
                passed = self.model(ids, mask, blocks)
                if wanted == "both":
                    return torch.cat([passed.outputs.float(), self.model.vectors(passed)], dim=1)
                found: Tensor = passed.outputs if wanted == "outputs" else self.model.vectors(passed)
            return found

        self.model.eval()
        device = self.precision.device
        found = yield from predict(forward, tokens, rows, self.pad_id, device, self.memory.evaluation_rows)
        check_finite(found, self.stage)  # NaN would have a nearest neighbour too
        return found
