"""A GPU that is too small, played on the CPU: forward passes of more rows than it holds raise torch's own error.

Kept in a module of its own so that workers of Ray, which know nothing of the tests' folder, get it by value.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tune_polar.model.encoder import TextEncoder
from tune_polar.model.row_blocks import RowBlocks
from tune_polar.search.ray.remote_files import StoreAccess
from tune_polar.store.store import Store


@dataclass
class SmallGpu:
    """Raises in the ``fails_at``-th training pass, counted from the stage's first, and in every one after it."""

    most_rows: int
    fails_at: int = 1
    passes: int = 0
    failures: int = 0
    even_recomputing: bool = False  # whether passes with gradient checkpointing fail as well

    def install(self) -> None:
        """Stand before every encoder's forward pass in this process."""
        plain = PLAIN_FORWARD

        def forward(
            encoder: TextEncoder, input_ids: Tensor, attention_mask: Tensor, blocks: RowBlocks | None = None
        ) -> Tensor:
            if encoder.training:
                self.passes += 1
                spared = encoder.recomputes and not self.even_recomputing
                if self.passes >= self.fails_at and len(input_ids) > self.most_rows and not spared:
                    self.failures += 1
                    raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate rows: {len(input_ids)}")
            return plain(encoder, input_ids, attention_mask, blocks)

        TextEncoder.forward = forward  # type: ignore[method-assign]


PLAIN_FORWARD = TextEncoder.forward


@dataclass(frozen=True)
class AccessOnSmallGpu(StoreAccess):
    """Opens the store in a worker, and makes its GPU small."""

    most_rows: int = 4

    def open(self) -> Store:
        SmallGpu(self.most_rows, even_recomputing=True).install()
        return super().open()
