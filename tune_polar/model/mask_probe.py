"""Does an encoder look at padding? Then a text's vector depends on the longest text of its batch, as do all scores."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tune_polar.errors import ModelError
from tune_polar.model.tokens import HubTokenizer

_SHORT = "one two"
_LONG = "one two three four five six seven eight nine ten eleven twelve"
_MOST_TOKENS = 24
# Of the larger vector's length: rounding of any kind of arithmetic stays far below, a mask that is ignored far above.
_TOLERANCE = 1e-2
_TOLERANCE_16_BITS = 5e-2  # weights in 16 bits round at every layer


@torch.no_grad()
def check_mask(encoder: nn.Module, tokenizer: HubTokenizer, name: str) -> None:
    """Encode one text alone and beside a longer one.

    Args:
        encoder: takes ids and mask, (rows, tokens), and gives vectors, (rows, hidden); left in the mode it is in.
        tokenizer: its own.
        name: for the error.

    Raises:
        ModelError: the two vectors are not the same.
    """
    was_training = encoder.training
    encoder.eval()
    try:
        short, long = (list(ids) for ids in tokenizer.encode([_SHORT, _LONG], _MOST_TOKENS))
        device = next((parameter.device for parameter in encoder.parameters()), torch.device("cpu"))
        alone = encoder(*_padded([short], tokenizer.pad_id, device))[0]
        beside = encoder(*_padded([short, long], tokenizer.pad_id, device))[0]
    finally:
        encoder.train(was_training)
    difference = float((alone - beside).norm() / alone.norm().clamp_min(1e-12))
    is_half = any(parameter.dtype in (torch.bfloat16, torch.float16) for parameter in encoder.parameters())
    if not difference <= (_TOLERANCE_16_BITS if is_half else _TOLERANCE):
        raise ModelError(
            f"an encoder must not look at padding, but {name!r} gives a text another vector beside a longer one: "
            f"{100 * difference:.0f}% apart",
            "Use an encoder whose attention has a mask.",
        )


def _padded(rows: list[list[int]], pad_id: int, device: torch.device) -> tuple[Tensor, Tensor]:
    width = max(map(len, rows))
    ids = torch.tensor([row + [pad_id] * (width - len(row)) for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device)
    return ids, mask
