"""How large a parameter is, quantised or not."""

from __future__ import annotations

from typing import Any

from torch import nn


def entries_and_bytes(parameter: nn.Parameter) -> tuple[int, int]:
    """Entries it stands for, and bytes that these take, scales among them."""
    state: Any = getattr(parameter, "quant_state", None)
    own = parameter.numel() * parameter.element_size()
    if state is None:
        return parameter.numel(), own
    scales = [state.absmax, *([state.state2.absmax] if state.nested else [])]
    return state.shape.numel(), own + sum(each.numel() * each.element_size() for each in scales)
