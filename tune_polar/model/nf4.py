"""A frozen base in four bits, as bitsandbytes keeps it and computes with it.

Each matrix of the layers is kept in NF4, its scales quantised once more (QLoRA, Dettmers et al. 2023, §3): 4.13 bits an
entry; embeddings, norms and biases stay as they were stored. A product unpacks one matrix at a time.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn.modules import Linear4bit, Params4bit
from torch import Tensor, nn


class Nf4Linear(Linear4bit):
    """A frozen matrix in NF4, and its bias as it was."""

    def __init__(self, plain: nn.Linear, device: torch.device) -> None:
        """Quantise ``plain`` on ``device``; it is kept in this machine's memory until it is moved."""
        # Made without memory of its own: at first every matrix would be there a second time, in 32 bits
        super().__init__(  # type: ignore[no-untyped-call]
            plain.in_features, plain.out_features, plain.bias is not None, quant_type="nf4", device=torch.device("meta")
        )
        weight: Any = Params4bit(plain.weight.data, requires_grad=False, quant_type="nf4", module=self)
        self.weight = weight.to(device).to("cpu")
        self.quant_state: Any = weight.quant_state
        self.bias = plain.bias
        # It would pack the entries anew on some CPUs, in place, where other copies read them
        self.support_avx512bf16_for_cpu = False

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        # Its scales are no weights of their own: nothing of a base is stored or loaded
        nn.Linear._save_to_state_dict(self, destination, prefix, keep_vars)

    def unpacked(self) -> nn.Linear:
        """The matrix that it computes with, in 32 bits."""
        plain = nn.Linear(self.in_features, self.out_features, self.bias is not None, device=torch.device("meta"))
        entries: Tensor = dequantize_4bit(self.weight.data, self.quant_state)
        plain.weight = nn.Parameter(entries.float(), requires_grad=False)
        if self.bias is not None:
            plain.bias = nn.Parameter(self.bias.data.float(), requires_grad=False)
        return plain


def quantize_layers(backbone: nn.Module, layers: nn.ModuleList) -> None:
    """Keep the matrices of a backbone's ``layers`` in four bits; packed on a GPU, where there is one."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    inside = {id(part) for part in layers.modules() if type(part) is nn.Linear}
    # By name: held one by one, all plain matrices would stay until the last is packed
    for name in [name for name, part in backbone.named_modules() if id(part) in inside]:
        plain = backbone.get_submodule(name)
        if isinstance(plain, nn.Linear):
            backbone.set_submodule(name, Nf4Linear(plain, device))
    backbone.requires_grad_(False)
    backbone.is_loaded_in_4bit = True  # type: ignore[assignment]  # peft asks for it


def unpack_layers(backbone: nn.Module) -> None:
    """The contrary: plain matrices, of the values that were computed with."""
    for name, part in list(backbone.named_modules()):
        if isinstance(part, Nf4Linear):
            backbone.set_submodule(name, part.unpacked())
    backbone.is_loaded_in_4bit = False  # type: ignore[assignment]


def on_same_bytes(parameter: Any) -> nn.Parameter:
    """Another parameter whose entries lie where this one's do, with scales of its own, which move with it."""
    return Params4bit(
        parameter.data,
        requires_grad=False,
        quant_state=copy.deepcopy(parameter.quant_state),
        blocksize=parameter.blocksize,
        compress_statistics=parameter.compress_statistics,
        quant_type=parameter.quant_type,
        quant_storage=parameter.quant_storage,
        bnb_quantized=True,
    )


def with_own_scales(copied: nn.Module) -> None:
    """A copy's matrices read the scales of their own entries: bitsandbytes keeps them twice, and copies them apart."""
    for part in copied.modules():
        if isinstance(part, Nf4Linear):
            weight: Any = part.weight
            part.quant_state = weight.quant_state
