"""The parts of a stage that have weights: an encoder, what stands on it, and losses."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn.functional import normalize

from tune_polar.model.encoder import TextEncoder
from tune_polar.model.heads import Head
from tune_polar.model.losses import LossSum
from tune_polar.model.row_blocks import RowBlocks


class Passed(NamedTuple):
    """What one forward pass gives."""

    outputs: Tensor  # of the head, (rows, outputs)
    embeddings: Tensor  # of the encoder, (rows, hidden)


class PredictingModel(nn.Module):
    """Encoder and head: all that predicts."""

    def __init__(self, encoder: TextEncoder, head: Head) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, ids: Tensor, mask: Tensor, blocks: RowBlocks | None = None) -> Passed:
        """The parts of a ``Batch`` → outputs and embeddings."""
        embeddings = self.encoder(ids, mask, blocks)
        return Passed(self.head(embeddings), embeddings)

    def vectors(self, passed: Passed) -> Tensor:
        """What rows are compared by, of length 1: the head's embeddings, else the encoder's; (rows, size)."""
        return passed.outputs if self.head.gives_embeddings else normalize(passed.embeddings.float(), dim=-1)


class StageModel(PredictingModel):
    """Encoder, head and losses, saved and restored as one."""

    def __init__(self, encoder: TextEncoder, head: Head, losses: LossSum) -> None:
        super().__init__(encoder, head)
        self.losses = losses
        self.untouched: frozenset[str] = frozenset()  # names of parameters that are as the encoder was pretrained

    def kept(self) -> dict[str, Tensor]:
        """What a later start and a prediction need beside the encoder as it was pretrained, by name."""
        return {name: tensor for name, tensor in self.state_dict().items() if name not in self.untouched}
