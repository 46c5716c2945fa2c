"""Weights as safetensors bytes: reading them never executes anything."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from tune_polar.errors import ModelError

NOTHING: Mapping[str, NDArray[Any]] = MappingProxyType({})


def weights_to_bytes(module: nn.Module, beside: Mapping[str, NDArray[Any]] = NOTHING) -> bytes:
    """Parameters and buffers of ``module`` as safetensors, and other arrays; equal ones give equal bytes."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    return save(tensors | {name: torch.from_numpy(array) for name, array in beside.items()})


def load_weights(module: nn.Module, data: bytes, part: str = "") -> None:
    """Copy the weights in ``data`` into ``module``, on whatever device it is.

    ``part``: only those whose names begin so, under the rest of their names; "encoder." of a stage's weights.

    Raises:
        ModelError: ``data`` is not safetensors, or its names or shapes are not those of ``module``, which is
            then left as it was.
    """
    try:
        stored = load(data)
    except SafetensorError as error:
        raise ModelError(
            f"weights must be whole safetensors data, got {len(data)} bytes that are not ({error})",
            "The record is damaged: delete it and train this stage again.",
        ) from error
    stored = {name.removeprefix(part): tensor for name, tensor in stored.items() if name.startswith(part)}
    differences = _differences(module.state_dict(), stored)
    if differences:
        shown = "; ".join(differences[:5]) + (f"; and {len(differences) - 5} more" if len(differences) > 5 else "")
        raise ModelError(
            f"stored weights must fit the model by name and shape, got {len(differences)} faults: {shown}",
            "Load them into the encoder and head that they were trained with.",
        )
    module.load_state_dict(stored, strict=True)


def _differences(expected: dict[str, Tensor], stored: dict[str, Tensor]) -> list[str]:
    missing = [f"{name} is missing" for name in expected if name not in stored]
    unknown = [f"{name} is unknown" for name in stored if name not in expected]
    shapes = [
        f"{name} has shape {tuple(stored[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in stored and stored[name].shape != tensor.shape
    ]
    return missing + unknown + shapes
