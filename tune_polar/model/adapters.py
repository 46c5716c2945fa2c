"""Adapters: small trained matrices beside an encoder's frozen ones, by name, as ``peft`` computes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import nn

from tune_polar.errors import ModelError
from tune_polar.model.dropout import with_cheap_dropout
from tune_polar.model.encoder import TextEncoder
from tune_polar.model.seeding import seeded_start

Targets = Literal["all_linear", "attention"] | Sequence[str]


def lora(
    encoder: TextEncoder,
    frozen_layers: int = 0,
    *,
    rank: int = 16,
    alpha: float | None = None,
    scaling: float = 2.0,
    dropout: float = 0.05,
    targets: Targets = "all_linear",
) -> None:
    """Low-rank adaptation (Hu et al. 2021): W becomes W + α/r · B·A, with B = 0 at the start, and W is frozen.

    A and B are kept in 32 bits, whatever the precision of W.

    Args:
        encoder: changed in place; all its own weights are frozen.
        frozen_layers: so many of the lowest layers get none.
        rank: r, rows of A (r, in) and columns of B (out, r).
        alpha: α; None: ``scaling`` times the rank.
        scaling: α/r, where ``alpha`` is None.
        dropout: of A's input, while training.
        targets: matrices of the layers that get one: all, attention's, or those whose names end so.

    Raises:
        ModelError: no matrix has such a name, or ``rank`` is above the narrower side of one.
    """
    from peft import LoraConfig, inject_adapter_in_model  # a second to load, for those who have adapters alone

    backbone: Any = encoder.backbone
    matrices = _adapted(encoder, frozen_layers, targets)
    for name, matrix in matrices.items():
        if rank > min(matrix.in_features, matrix.out_features):
            raise ModelError(
                f"adapter.rank must be at most the narrower side of each matrix it adapts, {name} has "
                f"{matrix.out_features} × {matrix.in_features}, got rank {rank}",
                f"Use a rank of at most {min(min(each.in_features, each.out_features) for each in matrices.values())}.",
            )
    settings: Any = LoraConfig(
        r=rank,
        lora_alpha=scaling * rank if alpha is None else alpha,
        lora_dropout=dropout,
        bias="none",
        target_modules=list(matrices),
    )
    inject_adapter_in_model(settings, backbone)
    with_cheap_dropout(backbone)
    for parameter in backbone.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


ADAPTERS: Mapping[str, Callable[..., None]] = {"lora": lora}


def add_adapter(encoder: TextEncoder, kind: str, *, frozen_layers: int, seed: int, settings: Mapping[str, Any]) -> None:
    """Freeze ``encoder`` and give it an adapter, the same bits for the same ``seed``.

    Raises:
        ModelError: it cannot have one with these settings.

    Example:
        >>> add_adapter(encoder, "lora", frozen_layers=0, seed=1, settings={"rank": 8, "alpha": 16.0})
    """
    if not 0 <= frozen_layers < len(encoder.layers):
        raise ModelError(
            f"frozen_layers must leave a layer for the adapter, the encoder has {len(encoder.layers)}, got "
            f"{frozen_layers}",
            "Freeze fewer layers.",
        )
    encoder.requires_grad_(False)
    with seeded_start(seed):
        ADAPTERS[kind](encoder, frozen_layers, **settings)
    encoder.adapter = kind


def merge_adapter(encoder: TextEncoder) -> None:
    """Add the adapter's products to the matrices they stand beside, in 32 bits: a plain encoder is left."""
    from peft.tuners.lora import LoraLayer

    if encoder.adapter is None:
        return
    backbone = encoder.backbone
    backbone.float()
    for name, module in list(backbone.named_modules()):
        if isinstance(module, LoraLayer):
            own: Any = module
            added = own.get_delta_weight("default")
            base = own.get_base_layer()
            if encoder.quantized is not None:
                base = base.unpacked()
            with torch.no_grad():  # a new matrix: the old one may be shared
                base.weight = nn.Parameter(base.weight + added, requires_grad=False)
            backbone.set_submodule(name, base)
    encoder.adapter = None
    if encoder.quantized is not None:  # matrices that had none
        from tune_polar.model.nf4 import unpack_layers

        unpack_layers(backbone)
        encoder.quantized = None


def _adapted(encoder: TextEncoder, frozen_layers: int, targets: Targets) -> dict[str, nn.Linear]:
    """Matrices of the layers above the frozen ones that get an adapter, by name within the backbone."""
    places = {id(part): name for name, part in encoder.backbone.named_modules()}
    linear = {
        places[id(part)]: part
        for layer in list(encoder.layers)[frozen_layers:]
        for part in layer.modules()
        if isinstance(part, nn.Linear)
    }
    if targets == "all_linear":
        found = linear
    elif targets == "attention":
        found = {name: part for name, part in linear.items() if "attn" in name or "attention" in name}
    else:
        lacking = [each for each in targets if not any(_ends(name, each) for name in linear)]
        if lacking:
            raise _no_such(lacking, linear)
        found = {name: part for name, part in linear.items() if any(_ends(name, each) for each in targets)}
    if not found:
        raise _no_such(targets, linear)
    return found


def _ends(name: str, target: str) -> bool:
    return f".{name}".endswith(f".{target}")


def _no_such(targets: object, linear: Mapping[str, nn.Linear]) -> ModelError:
    known = list(dict.fromkeys(name.rpartition(".")[2] for name in linear))
    return ModelError(
        f"adapter.targets must name matrices of the encoder's layers, {known}, got {targets!r}",
        "Use all_linear, or some of these names.",
    )
