"""The pooler an encoder was pretrained with, which its backbone is loaded without."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from tune_polar.errors import ModelError
from tune_polar.model.encoder_files import weight_files
from tune_polar.model.pretrained_weights import read_weights

_WEIGHT, _BIAS = "pooler.dense.weight", "pooler.dense.bias"


def pretrained_pooler(folder: Path) -> tuple[Tensor, Tensor] | None:
    """Weight (hidden, hidden) and bias (hidden,) of the pooler in ``folder``, in 32 bits; None: it has none.

    Raises:
        ModelError: there are no weights, or a file of them is damaged.
    """
    found: dict[str, Tensor] = {}
    files = weight_files(folder)
    for path in files:
        if path.suffix == ".safetensors":
            found |= _of_safetensors(path)
    if any(path.suffix == ".bin" for path in files):
        found |= {name: tensor for name, tensor in read_weights(folder).items() if _is_pooler(name)}
    by_end = {end: tensor for end in (_WEIGHT, _BIAS) for name, tensor in found.items() if name.endswith(end)}
    return (by_end[_WEIGHT].float(), by_end[_BIAS].float()) if len(by_end) == 2 else None


def _of_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys() if _is_pooler(name)}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"a file of weights must be whole, {str(path)!r} does not load: {error}", "Download the encoder again."
        ) from error


def _is_pooler(name: str) -> bool:
    # "pooler.…" of a bare encoder, "bert.pooler.…" of one with heads
    return name.endswith((_WEIGHT, _BIAS)) and name.count(".") <= 3
