"""Slots: how many fold trials run at once, and what each may use."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import ray

from tune_polar.errors import SearchError
from tune_polar.search.resources.node import slots_problem
from tune_polar.trial.gpus import DEFAULT_SLOT_GB, devices_of_slots, smallest_share_gb
from tune_polar.trial.visible_gpus import look_for_gpus

_LOOK_EVERY_SECONDS = 1.0


@dataclass(frozen=True)
class Slots:
    """Those of this machine, or of a cluster as it is when the search begins."""

    count: int
    threads: int | None  # torch threads of one slot; None: each machine's cores shared by its slots
    gpu: bool
    address: str | None = None  # of the cluster; None: this machine alone
    limit: int | None = None  # of a cluster's slots, as the user set it
    slot_gb: float = DEFAULT_SLOT_GB  # of a GPU's memory, for one slot
    devices: tuple[str, ...] = ()  # of this machine: the GPU of each slot
    gpu_problem: tuple[str, str] | None = None  # why a GPU that is there, perhaps beside them, is not used; the remedy

    @property
    def resources(self) -> dict[str, float]:
        """What a fold trial asks of Ray: one Ray "GPU" is one slot, without GPUs one "CPU"."""
        return {"cpu": 1, "gpu": 1} if self.gpu else {"cpu": 1}


def slots_of_this_machine(count: int | None, slot_gb: float = DEFAULT_SLOT_GB) -> Slots:
    """As many slots as its GPUs hold; without a GPU one a core, each with its share of the threads.

    Raises:
        SearchError: no GPU holds a slot, or there are more than the machine's memory holds.
    """
    found = look_for_gpus()
    gpus = found.gpus
    devices = devices_of_slots(gpus, slot_gb, count)
    if gpus and not devices:
        sizes = ", ".join(f"{gpu.name} {gpu.total_gb:.1f} GB" for gpu in gpus)
        raise SearchError(
            f"a GPU must hold a slot of {slot_gb:g} GB, got {sizes}",
            "Give a smaller slot with --slot-gb, or --slots N to divide what there is.",
        )
    slots = len(devices) or count or cores()
    problem = slots_problem(slots)
    if problem is not None:
        raise SearchError(*problem)
    return Slots(
        slots,
        max(1, cores() // slots),
        gpu=bool(gpus),
        slot_gb=smallest_share_gb(gpus, devices, slot_gb),
        devices=tuple(devices),
        gpu_problem=found.problem,
    )


def slots_of_cluster(address: str, limit: int | None, slot_gb: float = DEFAULT_SLOT_GB) -> Slots:
    """One slot for each "GPU" that the cluster's nodes offer, or for each "CPU" where none offers a GPU."""
    gpu = ray.cluster_resources().get("GPU", 0) >= 1
    return Slots(max(1, _offered(gpu, limit)), None, gpu, address, limit, slot_gb)


def nodes_of_cluster() -> list[dict[str, object]]:
    """Name and slots of each node that is alive."""
    return [
        {
            "name": node["NodeManagerHostname"],
            "gpu_slots": int(node["Resources"].get("GPU", 0)),
            "cpu_slots": int(node["Resources"].get("CPU", 0)),
        }
        for node in ray.nodes()
        if node["Alive"]
    ]


class SlotCount:
    """How many slots there are now: nodes of a cluster come and go."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._count = slots.count
        self._looked = float("-inf")

    def __call__(self) -> int:
        """The number, looked up once a second at most."""
        if self._slots.address is not None and time.monotonic() - self._looked >= _LOOK_EVERY_SECONDS:
            self._count = _offered(self._slots.gpu, self._slots.limit)
            self._looked = time.monotonic()
        return self._count


def threads_on_this_node(gpu: bool) -> int:
    """Cores of the node this worker runs on, shared by the slots that the node offers."""
    here = ray.get_runtime_context().get_node_id()
    offered: dict[str, float] = next((node["Resources"] for node in ray.nodes() if node["NodeID"] == here), {})
    return max(1, cores() // max(1, int(offered.get("GPU" if gpu else "CPU", 1))))


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _offered(gpu: bool, limit: int | None) -> int:
    offered = int(ray.cluster_resources().get("GPU" if gpu else "CPU", 0))
    return offered if limit is None else min(offered, limit)
