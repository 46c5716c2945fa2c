"""What is told of a training, whatever was trained: its curve, where it ran, how it was made to fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class CurvePoint:
    """One evaluation within a stage."""

    step: int
    training_loss: float  # mean since the evaluation before
    value: float  # the checkpoint metric on the validation rows


@dataclass(frozen=True)
class Provenance:
    """Which machine did it, and when."""

    host: str
    pid: int
    device: str
    started: str  # ISO 8601, UTC
    versions: Mapping[str, str]


@dataclass(frozen=True)
class MemoryUse:
    """How a stage's steps are computed so that they fit into a slot; no setting, and in no stage's key."""

    batch_rows: int  # of an optimizer step
    micro_rows: int  # of one forward and backward; fewer than the batch's accumulate gradients
    recompute: bool  # gradient checkpointing
    predicted_bytes: int | None = None  # at the peak, by count alone
    budget_bytes: int | None = None  # what the slot offers; None: no limit was known
    is_last: bool = False  # nothing that needs less is left to try

    @property
    def is_plain(self) -> bool:
        """Whether a step is computed at once."""
        return self.micro_rows >= self.batch_rows and not self.recompute

    def __str__(self) -> str:
        parts = f"in parts of {self.micro_rows}" if self.micro_rows < self.batch_rows else "at once"
        return f"batch {self.batch_rows} {parts}" + (", with gradient checkpointing" if self.recompute else "")
