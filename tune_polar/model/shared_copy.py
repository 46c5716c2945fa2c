"""Copies of a pretrained encoder that share with it whatever nobody will write."""

from __future__ import annotations

import copy
from collections.abc import Container

from torch import nn

from tune_polar.model.encoder import TextEncoder


def shared_copy(pretrained: TextEncoder, shared: Container[str]) -> TextEncoder:
    """A copy whose parameters named in ``shared`` lie where the original's lie: gigabytes where most are frozen."""
    instead: dict[int, object] = {}
    for name, parameter in pretrained.named_parameters():
        if name in shared:
            # A parameter of its own on the same bytes: moved to a GPU, it leaves the first one where it is
            instead[id(parameter)] = _on_same_bytes(parameter)
    copied = copy.deepcopy(pretrained, instead)
    if pretrained.quantized is not None:
        from tune_polar.model.nf4 import with_own_scales

        with_own_scales(copied)
    return copied


def _on_same_bytes(parameter: nn.Parameter) -> nn.Parameter:
    if not hasattr(parameter, "quant_state"):
        return nn.Parameter(parameter.data, requires_grad=False)
    from tune_polar.model.nf4 import on_same_bytes

    return on_same_bytes(parameter)
