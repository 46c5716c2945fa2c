"""Which GPUs this process may use, or why not. torch is loaded only where there may be one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tune_polar.errors import SpecError
from tune_polar.model.footprint import GB
from tune_polar.trial.gpus import Gpu, has_kernels, no_kernels

SIMULATED = "TUNE_POLAR_GPU_GB"  # "8,24,80": a machine with GPUs of these sizes; "": one without
_NVIDIA_DRIVERS = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg")  # the last one: under Windows
_AMD_DRIVER = "/dev/kfd"
_NVIDIA_VARIABLE, _AMD_VARIABLE = "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"
_LOOK_SECONDS = 60.0  # for another process to load torch and to name its GPU


@dataclass(frozen=True)
class Found:
    """What a look at this machine's GPUs has come to."""

    gpus: tuple[Gpu, ...]
    problem: tuple[str, str] | None = None  # why a GPU that is there, perhaps beside them, cannot be used; the remedy


def gpus_here() -> tuple[Gpu, ...]:
    """The GPUs this process may use, each once, or those that ``TUNE_POLAR_GPU_GB`` simulates.

    Raises:
        SpecError: ``TUNE_POLAR_GPU_GB`` is not a list of sizes.
    """
    return look_for_gpus().gpus


def look_for_gpus() -> Found:
    """The GPUs this process may use, or why it cannot use those that are there.

    Raises:
        SpecError: ``TUNE_POLAR_GPU_GB`` is not a list of sizes.
    """
    simulated = os.environ.get(SIMULATED)
    if simulated is not None:
        return Found(_simulated(simulated))
    if sys.platform == "linux" and not any(Path(driver).exists() for driver in (*_NVIDIA_DRIVERS, _AMD_DRIVER)):
        return Found(())
    variable = visible_variable()
    before = os.environ.get(variable)
    visible = os.environ.get(_NVIDIA_VARIABLE) if before is None else before  # HIP takes it where its own is not set
    if visible is not None and visible.strip() in ("", "NoDevFiles"):  # so says Slurm where a job asked for none
        return Found(())
    # A node of several slots a GPU names it several times, of which CUDA and torch make: no GPU at all.
    named = None if visible is None else list(dict.fromkeys(n.strip() for n in visible.split(",") if n.strip()))
    try:
        if named is not None:
            os.environ[variable] = ",".join(named)
        if named is not None and len(named) > 1 and named[0].startswith("MIG-"):
            # A process sees one instance at most: each is looked at by one of its own.
            found = tuple(gpu for name in named for gpu in _seen_by_another_process(variable, name))
            return Found(found) if found else _seen_by_torch(named)
        return _seen_by_torch(named)
    finally:
        os.environ.pop(variable, None)
        if before is not None:
            os.environ[variable] = before


def visible_variable() -> str:
    """The environment variable that says which GPUs a process may use, and that Ray sets in each worker."""
    only_amd = Path(_AMD_DRIVER).exists() and not any(Path(driver).exists() for driver in _NVIDIA_DRIVERS)
    return _AMD_VARIABLE if only_amd else _NVIDIA_VARIABLE


def make_visible(devices: Sequence[str]) -> None:
    """Let processes that are started from now on use these GPUs: one name a slot, of which each gets its own."""
    # HIP takes NVIDIA's variable for its own, and Ray would hold the number of slots against what it names.
    os.environ.pop(_NVIDIA_VARIABLE, None)
    os.environ[visible_variable()] = ",".join(devices)


def keep_own(slot: Callable[[], str]) -> None:
    """Leave this process the GPU of its slot alone, where it sees those of all slots of the machine.

    Ray does it, except that without AMD's Python package ``amdsmi`` it takes AMD's cards for NVIDIA's and narrows their
    variable. HIP then goes by its own, and would use the first card in every process.

    Args:
        slot: what Ray has given to this process: a name, where NVIDIA's variable was set when it began; else a number.
    """
    variable = visible_variable()
    names = os.environ.get(variable, "").split(",")
    if len(names) > 1:
        own = slot()
        os.environ[variable] = own if variable == _NVIDIA_VARIABLE else names[int(own)]


def is_simulated() -> bool:
    """Whether the GPUs are make-believe, so that training runs on the CPU."""
    return bool(os.environ.get(SIMULATED))


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


def _seen_by_torch(named: list[str] | None) -> Found:
    # Imported here: a machine without a driver need not wait for torch to say that it sees no GPU.
    import torch

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        seen = [torch.cuda.get_device_properties(place) for place in range(count)]  # makes no context on a device
    if count == 0:
        return Found((), _why_none(torch, [str(each.message) for each in said], named))
    found, problem = [], None
    for place, about in enumerate(seen):
        capability = None if torch.version.hip else (int(about.major), int(about.minor))
        if capability is not None and not has_kernels(capability, torch.cuda.get_arch_list()):
            problem = no_kernels(str(about.name), capability, torch.__version__)
            continue
        device = str(place) if named is None else named[place]
        found.append(Gpu(device, str(about.name), about.total_memory / GB, capability))
    return Found(tuple(found), problem)


def _why_none(torch: ModuleType, said: Sequence[str], named: list[str] | None) -> tuple[str, str] | None:
    """Why torch sees none of this machine's GPUs, and what to do about it; None: it has none."""
    if torch.backends.mps.is_available():
        return (
            "Apple's GPU (mps) is not used: training runs on the CPU",
            "Search on a machine with an NVIDIA or AMD GPU.",
        )
    if sys.platform == "darwin":
        return None
    if torch.version.cuda is None and torch.version.hip is None:
        return (
            f"this machine has a GPU driver, but torch {torch.__version__} is built for the CPU alone",
            "Install a build of torch for your GPU: https://pytorch.org/get-started/locally.",
        )
    if named:
        return (
            f"{visible_variable()}={','.join(named)} names no GPU that torch sees",
            "Name GPUs that `nvidia-smi -L` (AMD: `rocminfo`) lists, or unset the variable.",
        )
    reason = next((line.partition("(Triggered")[0].strip() for line in said if line.strip()), "it gives no reason")
    return (
        f"this machine has a GPU driver, but torch {torch.__version__} cannot use it: {reason}",
        "Update the driver, or install a build of torch for it: https://pytorch.org/get-started/previous-versions.",
    )


def _seen_by_another_process(variable: str, device: str) -> tuple[Gpu, ...]:
    words = "import json, sys; from tune_polar.trial.visible_gpus import gpus_here\n"
    words += "json.dump([[g.name, g.total_gb, g.capability] for g in gpus_here()], sys.stdout)"
    try:
        done = subprocess.run(
            [sys.executable, "-c", words],
            env=os.environ | {variable: device},
            capture_output=True,
            text=True,
            check=True,
            timeout=_LOOK_SECONDS,
        )
        seen = json.loads(done.stdout)
    except (subprocess.SubprocessError, OSError, ValueError):
        return ()
    return tuple(Gpu(device, name, total, None if can is None else (can[0], can[1])) for name, total, can in seen)
