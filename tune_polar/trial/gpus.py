"""Which GPUs this machine has, and into how many slots each is divided. torch is loaded only where there may be one.

A GB is 2³⁰ bytes here, as on the box of a graphics card.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tune_polar.errors import SpecError
from tune_polar.model.footprint import GB

SIMULATED = "TUNE_POLAR_GPU_GB"  # "8,24,80": a machine with GPUs of these sizes; "": one without
VISIBLE = "CUDA_VISIBLE_DEVICES"
DEFAULT_SLOT_GB = 8.0
CONTEXT_GB = 0.5  # of each process on a GPU, outside what torch allocates and a cap counts
# A card's nominal size is more than it offers: error correction and driver keep up to a tenth of it.
_SHORTFALL = 0.1
_DRIVERS = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")


@dataclass(frozen=True)
class Gpu:
    """One card."""

    device: str  # as CUDA_VISIBLE_DEVICES names it
    name: str
    total_gb: float

    def slots(self, slot_gb: float) -> int:
        """How many slots it offers."""
        return slots_of_gpu(self.total_gb, slot_gb)


def slots_of_gpu(total_gb: float, slot_gb: float) -> int:
    """Slots of a card: as many as its nominal size holds, where none is more than a tenth short.

    A card of 24 GB that shows 22.0 holds three slots of 8 GB, one of 80 GB that shows 79.2 ten, one of 6 GB none.
    """
    return min(int(total_gb / ((1 - _SHORTFALL) * slot_gb)), round(total_gb / slot_gb))


def slot_share_gb(total_gb: float, slot_gb: float) -> float:
    """GB of one slot of a card: ``slot_gb``, or an equal share where the card is a little short of its nominal size."""
    return min(slot_gb, total_gb / max(1, slots_of_gpu(total_gb, slot_gb)))


def slot_budget_bytes(total_gb: float, slot_gb: float) -> int:
    """What torch may allocate in one slot: its share without the process's CUDA context."""
    return int((slot_share_gb(total_gb, slot_gb) - CONTEXT_GB) * GB)


def gpus_here() -> tuple[Gpu, ...]:
    """The GPUs this process may use, each once, or those that ``TUNE_POLAR_GPU_GB`` simulates.

    Raises:
        SpecError: ``TUNE_POLAR_GPU_GB`` is not a list of sizes.
    """
    simulated = os.environ.get(SIMULATED)
    if simulated is not None:
        return _simulated(simulated)
    if sys.platform == "linux" and not any(Path(driver).exists() for driver in _DRIVERS):
        return ()
    visible = os.environ.get(VISIBLE)
    # A node of several slots a GPU names it several times, of which CUDA and torch make: no GPU at all.
    names = [] if visible is None else [name.strip() for name in visible.split(",") if name.strip()]
    named = None if visible is None else list(dict.fromkeys(names))
    try:
        if named is not None:
            os.environ[VISIBLE] = ",".join(named)
        return _seen_by_torch(named)
    finally:
        if visible is not None:
            os.environ[VISIBLE] = visible


def is_simulated() -> bool:
    """Whether the GPUs are make-believe, so that training runs on the CPU."""
    return bool(os.environ.get(SIMULATED))


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


def _simulated(text: str) -> tuple[Gpu, ...]:
    try:
        sizes = [float(size) for size in text.split(",") if size.strip()]
    except ValueError:
        sizes = [-1.0]
    if any(not 0 < size < 10_000 for size in sizes):
        raise SpecError(
            f"{SIMULATED} must list sizes of GPUs in GB, got {text!r}", f"For example {SIMULATED}=8,24, or unset it."
        )
    return tuple(Gpu(str(place), f"simulated, {size:g} GB", size) for place, size in enumerate(sizes))


def _seen_by_torch(named: list[str] | None) -> tuple[Gpu, ...]:
    # Imported here: a machine without a driver need not wait for torch to say that it sees no GPU.
    import torch

    found = []
    for place in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        about = torch.cuda.get_device_properties(place)  # makes no context on the device
        device = str(place) if named is None else named[place]
        found.append(Gpu(device, str(about.name), about.total_memory / GB))
    return tuple(found)
