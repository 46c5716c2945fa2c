"""A stage's weights as arrays by name, each made when it is asked for, and loaded one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tune_polar.errors import ModelError

Array = NDArray[Any]
BESIDE = "/"  # in the name of what is kept beside weights; a module's names have none


class TensorArrays(Mapping[str, Array]):
    """Tensors as arrays on the CPU: a view where they are there already, else a copy of one at a time."""

    def __init__(self, tensors: Mapping[str, Tensor], beside: Mapping[str, Array] | None = None) -> None:
        """``beside``: arrays kept beside them, whose names hold a ``/``."""
        self._tensors = dict(tensors)
        self._beside = dict(beside or {})

    def __getitem__(self, name: str) -> Array:
        if name in self._beside:
            return self._beside[name]
        array: Array = self._tensors[name].detach().cpu().numpy()
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(sorted((*self._tensors, *self._beside)))

    def __len__(self) -> int:
        return len(self._tensors) + len(self._beside)

    def kind(self, name: str) -> tuple[np.dtype, tuple[int, ...]]:
        """Type and shape of an array, which is not made for it."""
        if name in self._beside:
            return self._beside[name].dtype, self._beside[name].shape
        tensor = self._tensors[name]
        return torch.empty(0, dtype=tensor.dtype).numpy().dtype, tuple(tensor.shape)


def changing(module: nn.Module) -> dict[str, Tensor]:
    """What training changes in ``module``, by name: trainable parameters, and buffers."""
    still = {name for name, parameter in module.named_parameters() if not parameter.requires_grad}
    return {name: tensor for name, tensor in module.state_dict().items() if name not in still}


def load_weights(
    module: nn.Module, stored: Mapping[str, Array], part: str = "", *, may_lack: Iterable[str] = ()
) -> None:
    """Copy stored weights into ``module``, on whatever device it is, one after the other.

    Args:
        module: of the shapes that they were stored from.
        stored: by name; names with a ``/`` are no weights.
        part: only those whose names begin so, under the rest of their names; "encoder." of a stage's weights.
        may_lack: names, without ``part``, that stay as they are where they are not stored.

    Raises:
        ModelError: names, shapes or types are not those of ``module``, which is then left as it was.
    """
    names = {name.removeprefix(part): name for name in stored if name.startswith(part) and BESIDE not in name}
    expected = module.state_dict()
    differences = list(_differences(expected, stored, names, set(may_lack)))
    if differences:
        shown = "; ".join(differences[:5]) + (f"; and {len(differences) - 5} more" if len(differences) > 5 else "")
        raise ModelError(
            f"stored weights must fit the model by name and shape, got {len(differences)} faults: {shown}",
            "Load them into the encoder and head that they were trained with.",
        )
    copy_in(expected, {own: (stored, name) for own, name in names.items()})


def copy_in(tensors: Mapping[str, Tensor], stored: Mapping[str, tuple[Mapping[str, Array], str]]) -> None:
    """Copy arrays, each given as a mapping and its name in there, into tensors of the same names."""
    with torch.no_grad():
        for own, (arrays, name) in stored.items():
            tensors[own].copy_(torch.from_numpy(np.array(arrays[name], copy=None, order="C")))


def fault_of(tensor: Tensor, arrays: Mapping[str, Array], name: str) -> str | None:
    """Why a stored array cannot be copied into ``tensor`` as it is, or None."""
    dtype, shape = _kind(arrays, name)
    own = torch.empty(0, dtype=tensor.dtype).numpy().dtype
    if shape != tuple(tensor.shape):
        return f"has shape {shape} instead of {tuple(tensor.shape)}"
    return None if dtype == own else f"is {dtype} instead of {own}"


def _kind(arrays: Mapping[str, Array], name: str) -> tuple[np.dtype, tuple[int, ...]]:
    own = getattr(arrays, "kind", None)
    if own is None:
        return arrays[name].dtype, arrays[name].shape
    found: tuple[np.dtype, tuple[int, ...]] = own(name)
    return found


def _differences(
    expected: Mapping[str, Tensor], stored: Mapping[str, Array], names: Mapping[str, str], may_lack: set[str]
) -> Iterator[str]:
    yield from (f"{name} is missing" for name in expected if name not in names and name not in may_lack)
    yield from (f"{name} is unknown" for name in names if name not in expected)
    for own, tensor in expected.items():
        fault = fault_of(tensor, stored, names[own]) if own in names else None
        if fault is not None:
            yield f"{own} {fault}"
