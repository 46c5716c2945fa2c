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
            instead[id(parameter)] = nn.Parameter(parameter.data, requires_grad=False)
    return copy.deepcopy(pretrained, instead)
