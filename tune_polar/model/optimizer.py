"""Parameter groups with layer-wise learning-rate decay, and the learning rate's course."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from tune_polar.errors import ModelError
from tune_polar.model.encoder import TextEncoder


def parameter_groups(
    encoder: TextEncoder,
    head_modules: Sequence[nn.Module],
    *,
    lr: float,
    head_lr: float,
    xi: float,
    weight_decay: float,
    centers: nn.Parameter | None,
    centers_lr: float,
) -> list[dict[str, Any]]:
    """Split what trains into groups for AdamW, each parameter in exactly one.

    Layer l of L (1 lowest) gets lr · ξ^(L−l); the embeddings, and what the layers share, lie one step below
    the lowest layer: lr · ξ^L. Biases, norms and the loss's centers are never decayed. Parameters that do not
    require gradients are left out; ``centers_lr`` 0 makes the centers one of them.

    Args:
        encoder: the encoder.
        head_modules: everything else that trains; ``centers`` may be among their parameters.
        lr: learning rate of the top layer.
        head_lr: learning rate of ``head_modules``.
        xi: decay a layer, above 0 and at most 1 (1: no decay).
        weight_decay: AdamW's, at least 0.
        centers: the loss's centers, if it has any.
        centers_lr: their learning rate.

    Returns:
        Groups with the keys params, lr, weight_decay and name ("embeddings/decay", "layer_01/no_decay", ...,
        "head/decay", "centers"), bottom to top.

    Raises:
        ModelError: a rate is out of its range.
    """
    _check_rates(lr, head_lr, xi, weight_decay, centers_lr)
    taken: set[nn.Parameter] = set()
    if centers is not None:
        taken.add(centers)
        if centers_lr == 0.0:
            centers.requires_grad_(False)
    depth = len(encoder.layers)
    layer_groups: list[dict[str, Any]] = []
    for number, layer in enumerate(encoder.layers, start=1):
        layer_lr = lr * xi ** (depth - number)
        layer_groups += _groups(f"layer_{number:02d}", [layer], layer_lr, weight_decay, taken)
    # What is left of the backbone is its embeddings and, in some, tables that all layers share
    groups = _groups("embeddings", [encoder.backbone], lr * xi**depth, weight_decay, taken)
    groups += layer_groups
    groups += _groups("head", head_modules, head_lr, weight_decay, taken)
    if centers is not None and centers.requires_grad:
        groups.append({"params": [centers], "lr": centers_lr, "weight_decay": 0.0, "name": "centers"})
    return groups


def _groups(
    name: str, modules: Iterable[nn.Module], lr: float, weight_decay: float, taken: set[nn.Parameter]
) -> list[dict[str, Any]]:
    """Group the parameters of ``modules`` that are not in ``taken`` yet, and add them to it."""
    decayed: list[nn.Parameter] = []
    undecayed: list[nn.Parameter] = []
    for parameter, is_decayed in _trainable(modules):
        if parameter in taken:
            continue
        taken.add(parameter)
        (decayed if is_decayed else undecayed).append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": decayed, "lr": lr, "weight_decay": weight_decay, "name": f"{name}/decay"},
        {"params": undecayed, "lr": lr, "weight_decay": 0.0, "name": f"{name}/no_decay"},
    ]
    return [group for group in groups if group["params"]]


def _trainable(modules: Iterable[nn.Module]) -> Iterator[tuple[nn.Parameter, bool]]:
    """Yield parameters that require gradients, each with whether weight decay applies."""
    for root in modules:
        for module in root.modules():
            is_norm = isinstance(module, nn.LayerNorm | nn.RMSNorm)
            for parameter in module.parameters(recurse=False):
                if parameter.requires_grad:
                    # Vectors are biases, and the scales of norms that are classes of their own
                    yield parameter, not is_norm and parameter.ndim > 1


def _check_rates(lr: float, head_lr: float, xi: float, weight_decay: float, centers_lr: float) -> None:
    if not (lr > 0.0 and head_lr > 0.0):
        raise ModelError(
            f"learning rates must be positive, got lr={lr}, head_lr={head_lr}",
            "Use 2e-5 for pretrained encoders.",
        )
    if not 0.0 < xi <= 1.0:
        raise ModelError(
            f"the decay xi must be above 0 and at most 1, got {xi}",
            "Use 1 for no layer-wise decay; the published value is 0.95.",
        )
    if weight_decay < 0.0 or centers_lr < 0.0:
        raise ModelError(
            f"weight_decay and centers_lr must be at least 0, got {weight_decay} and {centers_lr}",
            "Use 0 for no decay, and 0 for centers that keep their start.",
        )


def cosine_with_warmup(optimizer: Optimizer, total_steps: int, warmup_share: float) -> LambdaLR:
    """Rise linearly from 0 over the first share of the steps, then fall to 0 along half a cosine.

    With w = round(warmup_share · total_steps), each group's rate at step t is multiplied by t / w for t < w,
    then by (1 + cos(π (t − w) / (total_steps − w))) / 2, and by 0 after the last step.

    Raises:
        ModelError: ``total_steps`` is below 1 or ``warmup_share`` is not in [0, 1].
    """
    if total_steps < 1 or not 0.0 <= warmup_share <= 1.0:
        raise ModelError(
            f"total_steps must be at least 1, warmup_share in [0, 1], got {total_steps} and {warmup_share}",
            "The published runs warm up over 0.1 of 3000 steps.",
        )
    warmup_steps = round(warmup_share * total_steps)
    falling_steps = max(1, total_steps - warmup_steps)

    def factor(step: int) -> float:
        if step < warmup_steps:
            return step / warmup_steps
        progress = min(1.0, (step - warmup_steps) / falling_steps)
        return 0.5 * (1.0 + math.cos(math.pi * progress))

    return LambdaLR(optimizer, factor)
