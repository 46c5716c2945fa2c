"""What a tryout tells. Without torch: whoever asks for one loads none."""

from __future__ import annotations

from dataclasses import dataclass

from tune_polar.store.training_facts import MemoryUse
from tune_polar.trial.gpus import Bits


@dataclass(frozen=True)
class DeviceTried:
    """What the stages are tried on."""

    name: str
    is_gpu: bool
    threads: int
    budget_bytes: int | None  # what torch may allocate; None: on a CPU


@dataclass(frozen=True)
class StageTried:
    """What one stage took. Bytes and seconds; a device is a GPU."""

    stage: str
    precision: Bits
    memory: MemoryUse
    longest_tokens: int
    device_predicted_bytes: int
    device_peak_bytes: int | None  # None: on a CPU
    outside_torch_bytes: int | None  # of the device: this process's context and kernels, and other programs
    host_predicted_bytes: int
    host_peak_bytes: int
    longest_step_seconds: float
    step_seconds: float  # on a batch as they come
    evaluation_seconds: float
    checkpoint_seconds: float
    steps: int  # of one cell at the most
    evaluations: int

    @property
    def fold_seconds(self) -> float:
        """Seconds that one cell spends in this stage, unless patience ends it sooner."""
        return self.steps * self.step_seconds + (self.evaluations + 1) * self.evaluation_seconds


@dataclass(frozen=True)
class StageFailed:
    """Why a stage cannot be trained here."""

    stage: str | None  # None: before any stage had begun, or the whole process
    problem: str
    remedy: str
