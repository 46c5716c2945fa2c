"""What a stage costs and where it ran: seconds, peak memory, provenance."""

from __future__ import annotations

import time

import torch

from tune_polar.store.training_facts import Provenance
from tune_polar.trial.work_provenance import provenance_of, this_cpu


class CostMeter:
    """Started before a stage, read after it."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._started = time.perf_counter()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    @property
    def seconds(self) -> float:
        """Wall seconds since the start."""
        return time.perf_counter() - self._started

    @property
    def peak_memory_bytes(self) -> int | None:
        """Most device memory this process held at once; None where there is no GPU."""
        if self.device.type != "cuda":
            return None
        return int(torch.cuda.max_memory_allocated(self.device))


def provenance(device: torch.device) -> Provenance:
    """This machine, this process, now."""
    return provenance_of(torch.cuda.get_device_name(device) if device.type == "cuda" else this_cpu())
