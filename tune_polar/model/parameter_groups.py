"""Parameter groups with layer-wise learning-rate decay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from torch import nn

from tune_polar.errors import ModelError
from tune_polar.model.encoder import TextEncoder

OwnRates = Sequence[tuple[Sequence[nn.Parameter], float]]


def parameter_groups(
    encoder: TextEncoder,
    other_modules: Sequence[nn.Module],
    *,
    lr: float,
    head_lr: float | None = None,
    xi: float = 1.0,
    weight_decay: float = 0.01,
    own_rates: OwnRates = (),
) -> list[dict[str, Any]]:
    """Split what trains into groups for AdamW, each parameter in exactly one.

    Layer l of L (1 lowest) gets lr · ξ^(L−l); what is above the layers, such as a last norm, has the top layer's lr;
    the embeddings, and what the layers share, lie one step below the lowest layer: lr · ξ^L. Biases, norms and weights
    with a rate of their own are never decayed. Parameters that do not require gradients are left out; an own rate of 0
    makes its weights some of them.

    Args:
        encoder: the encoder.
        other_modules: everything else that trains: head and losses.
        lr: learning rate of the top layer.
        head_lr: learning rate of ``other_modules``; None: ``lr``.
        xi: decay a layer, above 0 and at most 1 (1: no decay).
        weight_decay: AdamW's, at least 0.
        own_rates: weights of ``other_modules`` with a learning rate of their own.

    Returns:
        Groups with the keys params, lr, weight_decay and name ("embeddings/decay", "layer_01/no_decay", ...,
        "above/no_decay", "head/decay", "own_01"), bottom to top.

    Raises:
        ModelError: a rate is out of its range.
    """
    head_rate = lr if head_lr is None else head_lr
    _check_rates(lr, head_rate, xi, weight_decay, own_rates)
    taken: set[nn.Parameter] = set()
    for parameters, rate in own_rates:
        taken.update(parameters)
        if rate == 0.0:
            for parameter in parameters:
                parameter.requires_grad_(False)
    depth = len(encoder.layers)
    layer_groups: list[dict[str, Any]] = []
    for number, layer in enumerate(encoder.layers, start=1):
        layer_lr = lr * xi ** (depth - number)
        layer_groups += _groups(f"layer_{number:02d}", [layer], layer_lr, weight_decay, taken)
    layer_groups += _groups("above", encoder.above_layers, lr, weight_decay, taken)
    # What is left of the backbone is its embeddings and, in some, tables that all layers share
    groups = _groups("embeddings", [encoder.backbone], lr * xi**depth, weight_decay, taken)
    groups += layer_groups
    groups += _groups("head", other_modules, head_rate, weight_decay, taken)
    for number, (parameters, rate) in enumerate(own_rates, start=1):
        training = [parameter for parameter in parameters if parameter.requires_grad]
        if training:
            groups.append({"params": training, "lr": rate, "weight_decay": 0.0, "name": f"own_{number:02d}"})
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


def _check_rates(lr: float, head_lr: float, xi: float, weight_decay: float, own_rates: OwnRates) -> None:
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
    rates = [rate for _, rate in own_rates]
    if weight_decay < 0.0 or not all(rate >= 0.0 for rate in rates):
        raise ModelError(
            f"weight_decay and a loss's own rates must be at least 0, got {weight_decay} and {rates}",
            "Use 0 for no decay, and 0 for weights that keep their start.",
        )
