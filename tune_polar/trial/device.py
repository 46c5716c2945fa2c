"""The device of a worker: which it is, and how the process is held to its slot of it."""

from __future__ import annotations

import gc
import os
import socket
from dataclasses import dataclass

import torch

from tune_polar.errors import TunePolarError
from tune_polar.model.footprint import GB
from tune_polar.trial.gpus import has_kernels, no_kernels, slot_budget_bytes
from tune_polar.trial.visible_gpus import is_simulated, visible_variable

_KERNELS_BYTES = 128 * 2**20  # loaded when they are first used, beside the context
_LEFT_OVER_BYTES = 64 * 2**20  # of blocks that torch keeps for libraries
_LEAST_GB = 0.5  # with less, not even the embedded encoder trains
_KEPT_SHARE = 0.5  # of a slot's bytes that must still be there: with less gone, smaller parts fit, and contexts of
# neighbours take some that was free at first


class DeviceError(TunePolarError, RuntimeError):
    """A worker's device is missing or cannot be used: the fault of no configuration."""


class SlotTakenError(DeviceError):
    """Another program has taken memory of a slot while it was in use. It may give that back."""


@dataclass(frozen=True)
class Held:
    """A process held to its slot."""

    device: torch.device
    budget_bytes: int | None = None  # None: no limit is known, as on a CPU
    reserved_bytes: int = 0  # by torch, when the worker was new

    def memory_came_back(self) -> bool:
        """Give everything back that nothing refers to, and tell whether torch has let go of it."""
        give_back(self.device)
        if self.device.type != "cuda":
            return True
        return int(torch.cuda.memory_reserved(self.device)) <= self.reserved_bytes + _LEFT_OVER_BYTES


def give_back(device: torch.device) -> None:
    """Have torch let go of all memory that nothing refers to."""
    gc.collect()
    if device.type == "cuda":
        # cuBLAS's workspaces, up to 32 MiB for each thread and handle, are blocks of torch's that count as in use.
        torch._C._cuda_clearCublasWorkspaces()
        torch.cuda.empty_cache()


def hold_device(on_gpu: bool, slot_gb: float) -> Held:
    """The device that a worker's fold trials are computed on, with this process held to one slot of it.

    On a GPU: the first that this process may use, which Ray has chosen for it. torch raises OutOfMemoryError where more
    than the slot is asked for, and no neighbour does. Where GPUs are simulated, and in a search on CPUs: the CPU,
    whatever else the machine has.

    Raises:
        DeviceError: the search is one on GPUs, and this process has none that it can use.
    """
    if not on_gpu or is_simulated():
        return Held(torch.device("cpu"))
    if not torch.cuda.is_available():
        variable = visible_variable()
        raise DeviceError(
            f"a search on GPUs must find one in each of its workers, {socket.gethostname()} shows none "
            f"(torch {torch.__version__}, {variable}={os.environ.get(variable, '')!r})",
            "Run `tune-polar doctor` on that machine; it says what is missing. Every finished fold is recorded.",
        )
    device = torch.device("cuda", 0)
    try:
        about = torch.cuda.get_device_properties(device)
        free, _ = torch.cuda.mem_get_info(device)  # makes this process's context, which is then no longer free
    except (RuntimeError, torch.cuda.DeferredCudaCallError) as error:
        raise DeviceError(
            f"the GPU of {socket.gethostname()} must take another process, but: {str(error).splitlines()[0]}",
            "Look with `nvidia-smi` for programs that hold its memory, and end them.",
        ) from error
    total, capability = about.total_memory, (about.major, about.minor)
    if not torch.version.hip and not has_kernels(capability, torch.cuda.get_arch_list()):
        problem, remedy = no_kernels(about.name, capability, torch.__version__)
        raise DeviceError(
            f"the GPU of {socket.gethostname()} must be one that torch computes on, but {problem}", remedy
        )
    # Programs that are not ours may hold part of it. A whole card's context is in it already, a shared one's assumed.
    budget = free - _KERNELS_BYTES if slot_gb * GB >= total else min(slot_budget_bytes(total / GB, slot_gb), free)
    if budget < _LEAST_GB * GB:
        raise DeviceError(
            f"a slot must have {_LEAST_GB:g} GB free, the GPU of {socket.gethostname()} has {free / GB:.1f} of "
            f"{total / GB:.1f} GB and {slot_gb:g} GB a slot",
            "Look with `nvidia-smi` for programs that hold its memory, and end them.",
        )
    torch.cuda.set_per_process_memory_fraction(min(1.0, budget / total), device)
    return Held(device, budget, torch.cuda.memory_reserved(device))


def check_slot(device: torch.device, budget_bytes: int | None) -> None:
    """Whether a process that ran out of memory had the slot that it counts on.

    Raises:
        SlotTakenError: it had not: what failed there says nothing of what fits into the slot.
    """
    if device.type != "cuda" or budget_bytes is None:
        return
    free, _ = torch.cuda.mem_get_info(device)
    left = int(free) + int(torch.cuda.memory_reserved(device))
    if left < _KEPT_SHARE * budget_bytes:
        raise SlotTakenError(
            f"a slot must keep the memory that it began with, the GPU of {socket.gethostname()} has {left / GB:.2f} of "
            f"{budget_bytes / GB:.2f} GB left for it",
            "End the programs that have taken the rest, `nvidia-smi` lists them, and begin again; "
            "`tune-polar resume` goes on with a search. Every finished fold is recorded.",
        )


def hold_whole(device: torch.device) -> Held:
    """``device`` for this process alone, with what is free of its memory."""
    if device.type != "cuda":
        return Held(device)
    free, _ = torch.cuda.mem_get_info(device)
    return Held(device, int(free) - _KERNELS_BYTES, torch.cuda.memory_reserved(device))
