"""A worker's share of its GPU: the cap that holds it there, what is known of its stages' needs, what ran out of it."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from tune_polar.model.footprint import GB
from tune_polar.store.record import StageName, StageRecord
from tune_polar.trial.gpus import slot_budget_bytes, slots_of_gpu
from tune_polar.trial.memory_plan import EVALUATION_ROWS, MemoryPlan, Rung

_LEFT_OVER_BYTES = 64 * 2**20  # cuBLAS keeps a workspace


@dataclass
class SlotMemory:
    """Of one worker: what it may allocate, and what its running fold trial has been told and does."""

    budget_bytes: int | None = None  # None: no limit is known, as on a CPU
    tried: Mapping[StageName, Rung] = field(default_factory=dict)  # by earlier attempts, out of memory
    in_force: tuple[StageName, MemoryPlan] | None = None  # of the stage that is running
    _corrections: dict[tuple[str, StageName, bool], float] = field(default_factory=dict)

    def begin(self, tried: Mapping[StageName, Rung]) -> None:
        """Another fold trial."""
        self.tried, self.in_force = tried, None

    @property
    def evaluation_rows(self) -> int:
        """Rows of one batch without gradients."""
        return EVALUATION_ROWS if self.in_force is None else self.in_force[1].evaluation_rows

    def correction(self, encoder: str, stage: StageName, recompute: bool) -> float | None:
        """Measured over counted peak, as far as it is known; None: nothing like it has run here."""
        return self._corrections.get((encoder, stage, recompute))

    def learn(self, encoder: str, stage: StageName, recompute: bool, share: float) -> None:
        """Take in a measured over a counted peak; the highest seen counts."""
        key = encoder, stage, recompute
        self._corrections[key] = max(share, self._corrections.get(key, 0.0))

    def learn_from(self, record: StageRecord, encoder: str, device: str) -> None:
        """Take in a stage that was trained on a like device, here or elsewhere."""
        used = record.memory
        if used is None or not used.predicted_bytes or not record.peak_memory_bytes:
            return
        if record.provenance.device == device:
            self.learn(encoder, record.stage, used.recompute, record.peak_memory_bytes / used.predicted_bytes)


@dataclass(frozen=True)
class Held:
    """A process held to its slot."""

    device: torch.device
    budget_bytes: int | None
    reserved_bytes: int = 0  # by torch, when the worker was new
    free_bytes: int | None = None  # on the device then; None where neighbours' use moves it

    def memory_came_back(self) -> bool:
        """Give everything back that nothing refers to, and tell whether the device has it again."""
        gc.collect()
        if self.device.type != "cuda":
            return True
        torch.cuda.empty_cache()
        if torch.cuda.memory_reserved(self.device) > self.reserved_bytes + _LEFT_OVER_BYTES:
            return False
        if self.free_bytes is None:
            return True
        free, _ = torch.cuda.mem_get_info(self.device)
        return free >= self.free_bytes - 2 * _LEFT_OVER_BYTES


def hold_to_slot(device: torch.device, slot_gb: float) -> Held:
    """Cap what this process may allocate on ``device``: beyond it torch raises OutOfMemoryError, and no neighbour does.

    On a CPU there is nothing to cap.
    """
    if device.type != "cuda":
        return Held(device, None)
    total = torch.cuda.get_device_properties(device).total_memory
    budget = slot_budget_bytes(total / GB, slot_gb)
    torch.cuda.set_per_process_memory_fraction(min(1.0, max(0, budget) / total), device)
    free, _ = torch.cuda.mem_get_info(device)  # makes this process's context, which is then no longer free
    return Held(
        device,
        min(budget, free),  # programs that are not ours may hold part of it
        torch.cuda.memory_reserved(device),
        free if slots_of_gpu(total / GB, slot_gb) <= 1 else None,
    )
