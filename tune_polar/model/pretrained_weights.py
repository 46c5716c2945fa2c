"""Read a pretrained encoder's tensors without executing anything its files hold.

Everything this project writes is safetensors. Many older encoders exist only as ``pytorch_model.bin``, a pickle, and
reading that one kind is safe too: ``torch.load(..., weights_only=True)`` runs torch's own small unpickler, which
calls nothing but the functions on its list (those that rebuild tensors and plain containers) and refuses a file that
asks for any other. ``weights_only`` is given explicitly, so TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD cannot lift it.
TorchScript archives and the old tar files, which that unpickler does not cover, torch refuses in this mode.

The tensors are handed to transformers as a mapping: given a name it would look for files itself, and would have a hub
repository without safetensors converted, by a service of the hub, from a background thread.
"""

from __future__ import annotations

import pickle
import struct
import warnings
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tune_polar.errors import ModelError
from tune_polar.model.encoder_files import weight_files

SAFETENSORS_REMEDY = (
    "name a revision that has model.safetensors (the hub's converter offers one as refs/pr/N), or choose another "
    "encoder."
)
# UnpicklingError for what is not on the list; RuntimeError for TorchScript, tar and cut archives; the others for
# altered or cut bytes, as seen on some 8,000 altered files
_REFUSALS = (
    pickle.UnpicklingError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


def read_weights(folder: Path) -> dict[str, Tensor]:
    """All tensors of the encoder in ``folder``, on the CPU, under the names its files give them.

    Raises:
        ModelError: there are no weights or not all of them, a file is damaged, or it is a pickle that needs more
            than tensors.
    """
    tensors: dict[str, Tensor] = {}
    for path in weight_files(folder):
        if path.suffix == ".safetensors":
            tensors.update(_read_safetensors(path))
        elif path.suffix == ".bin":
            tensors.update(_read_restricted_pickle(path))
    return tensors


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"a file of weights must be whole, {str(path)!r} does not load: {error}", "Download the encoder again."
        ) from error


def _read_restricted_pickle(path: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings():
            # Newer protocols than torch writes are no fault in themselves
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
            stored: object = torch.load(path, map_location="cpu", weights_only=True)
    except _REFUSALS:
        # Without torch's own text, which advises to load the file unrestricted
        raise ModelError(
            f"a pickle of weights must be whole and hold tensors alone, {str(path)!r} is damaged or needs more to be "
            "read; nothing in it was executed",
            "Download the encoder again. If that does not help: " + SAFETENSORS_REMEDY,
        ) from None
    if not isinstance(stored, dict):
        raise _not_a_mapping(path, type(stored).__name__)
    strangers = [name for name, value in stored.items() if not (isinstance(name, str) and isinstance(value, Tensor))]
    if strangers:
        raise _not_a_mapping(path, f"{type(stored[strangers[0]]).__name__} under {strangers[0]!r}")
    return stored


def _not_a_mapping(path: Path, found: str) -> ModelError:
    return ModelError(
        f"a pickle of weights must map names to tensors, {str(path)!r} holds {found}",
        "Give an encoder's own weights, not a training checkpoint around them.",
    )
