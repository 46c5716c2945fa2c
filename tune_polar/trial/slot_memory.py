"""What is known of a worker's memory: what its slot offers, what its stages need of it, what ran out of it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from tune_polar.store.records import StageRecord
from tune_polar.trial.gpus import Bits
from tune_polar.trial.memory_plan import EVALUATION_ROWS, MemoryPlan, Rung

T = TypeVar("T")


@dataclass(frozen=True)
class LikeStages:
    """Stages that the count is wrong about by a like factor."""

    encoder: str
    stage: str
    batch_rows: int
    precision: Bits
    fgm: bool


@dataclass
class SlotMemory:
    """Of one worker: what it may allocate, and what its running fold trial has been told and does."""

    budget_bytes: int | None = None  # None: no limit is known, as on a CPU
    tried: Mapping[str, Rung] = field(default_factory=dict)  # by stage, out of memory in earlier attempts
    evaluated: Mapping[str, int] = field(default_factory=dict)  # by stage, rows of evaluations that ran out of memory
    evaluates: bool = False  # whether that stage is being evaluated, or was when it failed
    in_force: tuple[str, MemoryPlan] | None = None  # of the stage that is running
    _corrections: dict[tuple[LikeStages, bool], float] = field(default_factory=dict)

    def begin(self, tried: Mapping[str, Rung], evaluated: Mapping[str, int] = MappingProxyType({})) -> None:
        """Another fold trial."""
        self.tried, self.evaluated, self.in_force, self.evaluates = tried, evaluated, None, False

    def evaluating(self, steps: Generator[None, None, T]) -> Generator[None, None, T]:
        """``steps``, noted as an evaluation: what runs out of memory there speaks against no part of a step."""
        self.evaluates = True
        result = yield from steps
        self.evaluates = False  # and not where it raises: that is when the note is read
        return result

    @property
    def evaluation_rows(self) -> int:
        """Rows of one batch without gradients."""
        return EVALUATION_ROWS if self.in_force is None else self.in_force[1].evaluation_rows

    def correction(self, stages: LikeStages, recompute: bool) -> float | None:
        """Measured over counted peak of training, as far as it is known; None: nothing like it has run here."""
        return self._corrections.get((stages, recompute))

    def learn(self, stages: LikeStages, recompute: bool, share: float) -> None:
        """Take in a measured over a counted peak of training; the highest seen counts."""
        key = stages, recompute
        self._corrections[key] = max(share, self._corrections.get(key, 0.0))

    def learn_from(self, record: StageRecord, encoder: str, fgm: bool, device: str) -> None:
        """Take in a stage that was trained on a like device, here or elsewhere, if it took more than was counted.

        Less than that says nothing: the count may have been of an evaluation, and training have taken all of its own.
        """
        used, peak = record.memory, record.peak_memory_bytes
        if used is None or not used.predicted_bytes or not peak or record.provenance.device != device:
            return
        if peak > used.predicted_bytes:
            stages = LikeStages(encoder, record.stage, used.batch_rows, record.precision, fgm)
            self.learn(stages, used.recompute, peak / used.predicted_bytes)
