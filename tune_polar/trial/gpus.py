"""A card, and into how many slots it is divided. A GB is 2³⁰ bytes here, as on the box of a graphics card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tune_polar.model.footprint import GB

Bits = Literal["fp32", "bf16", "fp16"]
Setting = Literal["auto", "fp32", "bf16", "fp16"]  # as a recipe has it
DEFAULT_SLOT_GB = 8.0
CONTEXT_GB = 0.5  # of each process on a GPU, outside what torch allocates and a cap counts
# A card's nominal size is more than it offers: error correction and driver keep up to a tenth of it.
_SHORTFALL = 0.1
# Of a card that several processes share, this is given to none: contexts differ, and kernels are loaded when used.
_UNSHARED = 0.015


@dataclass(frozen=True)
class Gpu:
    """One card."""

    device: str  # as CUDA_VISIBLE_DEVICES names it
    name: str
    total_gb: float
    capability: tuple[int, int] | None = None  # of NVIDIA's; None: AMD's, or simulated

    @property
    def bits(self) -> Bits:
        """What ``precision: auto`` comes to on it."""
        return auto_bits(self.capability)

    def slots(self, slot_gb: float) -> int:
        """How many slots it offers."""
        return slots_of_gpu(self.total_gb, slot_gb)


def auto_bits(capability: tuple[int, int] | None) -> Bits:
    """Bits of forward passes that a card computes fastest in, of those in which it trains.

    bf16 on NVIDIA's from Ampere on, before which it is emulated, and on AMD's; fp16 with loss scaling where there are
    tensor cores (Volta, Turing); fp32 on Pascal and older, where 16 bits are slower.
    """
    if capability is None or capability >= (8, 0):
        return "bf16"
    return "fp16" if capability >= (7, 0) else "fp32"


def has_kernels(capability: tuple[int, int], architectures: Sequence[str]) -> bool:
    """Whether a torch built for ``architectures`` (``sm_86``, ``compute_90``) computes on an NVIDIA card.

    Code for one card runs on later ones of its generation, code that the driver translates on all later ones
    (https://docs.nvidia.com/cuda/archive/11.0_GA/pascal-compatibility-guide/index.html, section 1.2).
    """
    for kind, number in (architecture.split("_", 1) for architecture in architectures):
        digits = int("".join(filter(str.isdigit, number)))
        built = digits // 10, digits % 10
        if built <= capability and (kind == "compute" or built[0] == capability[0]):
            return True
    return False


def no_kernels(name: str, capability: tuple[int, int], torch_version: str) -> tuple[str, str]:
    """What is wrong with a card that torch has no kernels for, and the remedy."""
    return (
        f"torch {torch_version} has no kernels for {name} (compute capability {capability[0]}.{capability[1]})",
        "Install a build of torch that has: https://pytorch.org/get-started/locally; for cards before Turing that of "
        "CUDA 12.6, with --index-url https://download.pytorch.org/whl/cu126.",
    )


def slots_of_gpu(total_gb: float, slot_gb: float) -> int:
    """Slots of a card: as many as its nominal size holds, where none is more than a tenth short.

    A card of 24 GB that shows 22.0 holds three slots of 8 GB, one of 80 GB that shows 79.2 ten, one of 6 GB none.
    """
    return min(int(total_gb / ((1 - _SHORTFALL) * slot_gb)), round(total_gb / slot_gb))


def slot_share_gb(total_gb: float, slot_gb: float) -> float:
    """GB of one slot of a card: ``slot_gb``, or an equal share where the card is a little short of its nominal size."""
    slots = max(1, slots_of_gpu(total_gb, slot_gb))
    return min(slot_gb, total_gb * (1 if slots == 1 else 1 - _UNSHARED) / slots)


def slot_budget_bytes(total_gb: float, slot_gb: float) -> int:
    """What torch may allocate in one slot: its share without the process's CUDA context."""
    return int((slot_share_gb(total_gb, slot_gb) - CONTEXT_GB) * GB)


def devices_of_slots(gpus: Sequence[Gpu], slot_gb: float, count: int | None = None) -> list[str]:
    """The GPU of each slot, in an order that fills all GPUs evenly: first one slot of each, then a second one.

    ``count`` fewer than are offered: the first so many. More: GPUs are gone through again, and slots become smaller.
    """
    offered = [gpu.slots(slot_gb) for gpu in gpus]
    turns = [
        gpu.device for turn in range(max(offered, default=0)) for gpu, n in zip(gpus, offered, strict=True) if turn < n
    ]
    if count is None:
        return turns
    while len(gpus) > 0 and len(turns) < count:
        turns += [gpu.device for gpu in gpus]
    return turns[:count]


def smallest_share_gb(gpus: Sequence[Gpu], devices: Sequence[str], slot_gb: float) -> float:
    """GB of the smallest slot, where slots were asked for that memory does not hold."""
    used = {gpu.device: gpu.total_gb for gpu in gpus}
    return min([slot_gb, *(used[device] / devices.count(device) for device in set(devices) if device in used)])
