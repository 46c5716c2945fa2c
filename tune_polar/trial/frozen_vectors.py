"""Vectors of texts by an encoder that is read from and never trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tune_polar.data.batching import TokenRows
from tune_polar.model.encoder import TextEncoder, load_encoder
from tune_polar.model.row_blocks import RowBlocks
from tune_polar.trial.forward_pass import predict
from tune_polar.trial.stage_rows import Rows

LONGEST_TOKENS = 256  # of a text that is compared by its meaning
_BATCH_ROWS = 32


def frozen_vectors(
    encoder: TextEncoder,
    tokens: TokenRows,
    rows: Rows,
    pad_id: int,
    device: torch.device,
    *,
    batch_rows: int = _BATCH_ROWS,
    check: Callable[[], None] = lambda: None,
) -> NDArray[np.float32]:
    """(rows, size), in the order of ``rows``.

    Args:
        encoder: on ``device``; put into evaluation mode.
        tokens: of all rows.
        rows: whose vectors are asked.
        pad_id: of the tokenizer.
        device: of the encoder.
        batch_rows: rows at once.
        check: called between two batches; what it raises ends this.
    """
    encoder.eval()

    def forward(ids: Tensor, mask: Tensor, blocks: RowBlocks) -> Tensor:
        found: Tensor = encoder(ids, mask, blocks)
        return found

    steps = predict(forward, tokens, rows, pad_id, device, batch_rows)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            vectors: NDArray[np.float32] = stop.value.cpu().numpy()
            return vectors
        check()


class FrozenEncoder:
    """The mean over the tokens of an encoder's last layer, for any texts.

    Example:
        >>> FrozenEncoder("sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2")(["Hello"]).shape
        (1, 384)
    """

    def __init__(self, name: str, device: torch.device | None = None) -> None:
        """Load it.

        Args:
            name: a folder, or an id of the hub.
            device: where it reads; None: a GPU of this machine, where there is one.

        Raises:
            ModelError: there is no such encoder, or it cannot be loaded.
        """
        self._device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
        encoder, self._tokenizer = load_encoder(name, pooling="mean")
        self._encoder = encoder.to(self._device)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(texts, size); longer texts are cut at ``LONGEST_TOKENS``."""
        most = min(LONGEST_TOKENS, self._encoder.max_tokens or LONGEST_TOKENS)
        tokens = TokenRows(self._tokenizer.encode(list(texts), most))
        return frozen_vectors(self._encoder, tokens, np.arange(len(tokens)), self._tokenizer.pad_id, self._device)
