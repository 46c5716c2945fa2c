"""This machine: its cores, its memory, its GPUs, and the slots that they make."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass

from tune_polar.model.footprint import GB
from tune_polar.trial.gpus import Gpu, devices_of_slots
from tune_polar.trial.visible_gpus import look_for_gpus, visible_variable

WORKER_GB = 0.5  # with torch and transformers loaded


@dataclass(frozen=True)
class Node:
    """One machine."""

    name: str
    cores: int
    memory_gb: float | None
    gpus: tuple[Gpu, ...]
    devices: tuple[str, ...]  # the GPU of each slot
    slots: int
    threads: int  # of each slot
    ray_start: str  # joins it to a cluster with these very slots
    gpu_problem: tuple[str, str] | None = None  # why a GPU that is there, perhaps beside them, is not used; the remedy


def this_node(slot_gb: float, slots: int | None = None) -> Node:
    """This machine and its slots.

    Raises:
        SpecError: a simulated machine is not described rightly.
    """
    found, cores = look_for_gpus(), _cores()
    gpus = found.gpus
    devices = tuple(devices_of_slots(gpus, slot_gb, slots))
    count = len(devices) if gpus else slots or cores
    return Node(
        platform.node(),
        cores,
        memory_gb(),
        gpus,
        devices,
        count,
        max(1, cores // count) if count else 0,
        _ray_start(devices, count),
        found.problem,
    )


def slots_problem(count: int) -> tuple[str, str] | None:
    """Why this machine cannot hold so many slots, and the remedy; None: it can, as far as is known before."""
    limit = memory_gb()
    if limit is None or count * WORKER_GB <= limit:
        return None
    return (
        f"--slots must be at most {max(1, int(limit / WORKER_GB)):,}, since each is a process of {WORKER_GB:g} GB "
        f"before it trains and this machine has {limit:.0f} GB, got {count:,}",
        "Give fewer slots; on a CPU more of them than cores are of no use.",
    )


def _ray_start(devices: tuple[str, ...], slots: int) -> str:
    """The words that join this machine to a cluster with these slots."""
    if not devices:
        return f"ray start --address=HEAD:6379 --num-cpus={slots} --num-gpus=0"
    cpus = max(_cores(), slots)
    visible = ",".join(devices)
    return f"{visible_variable()}={visible} ray start --address=HEAD:6379 --num-cpus={cpus} --num-gpus={slots}"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_gb() -> float | None:
    """This machine's memory; None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GB
    except (ValueError, OSError, AttributeError):
        return None
