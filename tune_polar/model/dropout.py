"""Dropout whose random numbers cost little on a CPU, and where a backbone keeps the shares that it drops."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LEVELS = 2**16


class CheapDropout(nn.Dropout):
    """``nn.Dropout`` that draws 16 bits a unit on a CPU; elsewhere the library's own, which is fused there.

    The library draws a double for each unit, a fifth of a small encoder's step. The share that is dropped is rounded to
    the nearest 1/65536, and what stays is scaled by exactly that share, so that its mean is kept.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Drop units while training; the same shape."""
        dropped = round(self.p * _LEVELS)
        if not self.training or dropped == 0:
            return input
        if input.device.type != "cpu" or dropped == _LEVELS:
            return super().forward(input)
        units = input.numel()
        words = torch.empty(-(-units // 4), dtype=torch.int64).random_(-(2**63), None)  # the full range: all 64 bits
        bits = words.view(torch.int16)[:units].view(input.shape)
        kept = bits >= dropped - _LEVELS // 2
        return input * (kept.to(input.dtype) * (_LEVELS / (_LEVELS - dropped)))


def with_cheap_dropout(module: nn.Module) -> None:
    """Exchange every plain ``nn.Dropout`` inside ``module``, in place."""
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Dropout:
                setattr(parent, name, CheapDropout(child.p))


def dropout_shares(module: nn.Module) -> dict[tuple[str, str], float]:
    """The share of units that is dropped, by submodule and attribute: ``p`` of ``nn.Dropout``, and plain numbers.

    Functions, as those of attention, are handed their share, which layers keep as ``attention_dropout`` (ModernBERT,
    Jina v3, Llama) or ``dropout`` (ESM, OPT).
    """
    found: dict[tuple[str, str], float] = {}
    for name, part in module.named_modules():
        if isinstance(part, nn.Dropout):
            found[name, "p"] = part.p
        found |= {(name, key): own for key, own in vars(part).items() if "dropout" in key and type(own) in (int, float)}
    return found
