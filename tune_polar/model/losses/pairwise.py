"""What losses over pairs of rows have in common: the vectors they compare, and how often a batch had no pair."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from tune_polar.errors import ModelError
from tune_polar.model.losses.base import Loss, LossBatch, LossContext

IDLE = "idle_batches"


class PairwiseLoss(Loss):
    """Base. A batch without a pair to compare, as each loss says which that is, counts 0, and is counted.

    Vectors are those that the head gives, where it gives vectors, else the encoder's; computed in 32 bits.
    """

    tasks = frozenset(("binary", "multiclass"))
    reads = frozenset(("logits", "embeddings"))
    couples_rows = True
    idle_batches: Tensor  # (2,): batches without a pair, and all of them

    def __init__(self, context: LossContext) -> None:
        """``context`` says whether the head gives vectors."""
        super().__init__()
        self._of_head = context.outputs_kind == "embeddings"
        # A buffer, so that a training that is interrupted goes on counting
        self.register_buffer(IDLE, torch.zeros(2, dtype=torch.int64))

    def forward(self, batch: LossBatch) -> Tensor:
        """See ``Loss.forward``.

        Raises:
            ModelError: the batch lacks the positives that this loss reads.
        """
        vectors = batch.outputs if self._of_head else batch.embeddings
        with torch.autocast(vectors.device.type, enabled=False):
            positives = None if batch.positives is None else batch.positives.float()
            value, found = self.compared(vectors.float(), positives, batch)
        if self.training:
            self.idle_batches += torch.stack([~found, torch.ones_like(found)]).long()
        return value

    @abstractmethod
    def compared(self, vectors: Tensor, positives: Tensor | None, batch: LossBatch) -> tuple[Tensor, Tensor]:
        """The loss, (), and whether the batch had a pair to compare, ().

        Args:
            vectors: of the rows, (rows, size).
            positives: of their positive texts, (rows, size), where the batch brings them.
            batch: with the rows' classes.
        """

    def kept(self) -> dict[str, Tensor]:
        """``idle_batches``, (2,): batches without a pair up to the kept checkpoint, and all batches up to there."""
        return {IDLE: self.idle_batches.detach()}


def needed(positives: Tensor | None) -> Tensor:
    """``positives``.

    Raises:
        ModelError: there are none.
    """
    if positives is None:
        raise ModelError(
            "a loss of pairs must have the vectors of the rows' positive texts, got none", "Use batches of type pairs."
        )
    return positives
