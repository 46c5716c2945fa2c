"""Fold trials that did not finish, why, and when one is not tried again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tune_polar.store.plain_record import PlainRecord
from tune_polar.store.records import Number
from tune_polar.store.training_facts import MemoryUse, Provenance

WORKER_LOST = "WorkerLost"
OUT_OF_MEMORY = "OutOfMemoryError"  # the name of torch's class
MAX_LOSSES = 3  # in a row of one fold trial's worker without getting further; an error of the trial itself is final


@dataclass(frozen=True)
class Reached:
    """How far a fold trial had come."""

    stage: str
    number: Number  # of the stage in the recipe's order, from 0
    step: Number  # optimizer steps of it


@dataclass(frozen=True)
class FailureRecord(PlainRecord):
    """A fold trial that did not finish, and why."""

    configuration_id: str
    fold: Number
    seed: Number
    attempt: Number
    kind: str  # name of the error's class
    message: str
    traceback: str
    provenance: Provenance
    reached: Reached | None = None  # as far as was told
    memory: MemoryUse | None = None  # how that stage was computed when it ran out of memory
    evaluation_rows: Number | None = None  # passed at once in the evaluation that did; None: a step did

    @property
    def id(self) -> str:
        """Configuration, fold, seed and attempt in one word."""
        return f"{self.configuration_id}-f{self.fold}-s{self.seed}-a{self.attempt}"

    @property
    def is_infrastructure(self) -> bool:
        """Whether the machine failed and not the configuration."""
        return self.kind == WORKER_LOST

    @property
    def is_out_of_memory(self) -> bool:
        """Whether the GPU's memory, or the slot's share of it, did not suffice."""
        return self.kind == OUT_OF_MEMORY

    @property
    def is_final(self) -> bool:
        """Whether this failure alone speaks against the configuration."""
        if self.evaluation_rows is not None:
            return self.evaluation_rows <= 1
        if self.is_out_of_memory:
            return self.memory is not None and self.memory.is_last
        return not self.is_infrastructure

    @property
    def first_line(self) -> str:
        """The error's class and the first line of what it said."""
        return f"{self.kind}: {self.message.strip().partition(chr(10))[0]}"


def given_up(failures: Sequence[FailureRecord]) -> FailureRecord | None:
    """The failure of one fold trial after which it is not run again, or None.

    An error of the trial itself is final. A lost worker is the machine's fault, until the same fold has lost its worker
    several times in a row without getting further: some settings do kill workers. A fold on machines that come and go
    may be interrupted as often as it likes. A stage that ran out of memory is tried in smaller parts, and only the
    smallest speaks against the configuration; before a stage has begun, running out counts as a lost worker.
    """
    furthest, in_a_row = (-1, -1), 0
    for failure in sorted(failures, key=lambda failure: failure.attempt):
        if failure.is_final:
            return failure
        if failure.memory is not None:
            continue
        reached = (-1, -1) if failure.reached is None else (failure.reached.number, failure.reached.step)
        in_a_row = 1 if reached > furthest else in_a_row + 1
        furthest = max(furthest, reached)
        if in_a_row >= MAX_LOSSES:
            return failure
    return None


def tried_memory(failures: Iterable[FailureRecord]) -> dict[str, MemoryUse]:
    """For each stage that ran out of memory, the most sparing way in which it did; the next attempt needs less."""
    found: dict[str, MemoryUse] = {}
    for failure in failures:
        if failure.evaluation_rows is not None:
            continue
        if failure.is_out_of_memory and failure.memory is not None and failure.reached is not None:
            stage, used = failure.reached.stage, failure.memory
            before = found.get(stage)
            if before is None or (used.recompute, -used.micro_rows) > (before.recompute, -before.micro_rows):
                found[stage] = used
    return found


def tried_evaluations(failures: Iterable[FailureRecord]) -> dict[str, int]:
    """For each stage whose evaluation ran out of memory, the fewest rows at once with which it did."""
    found: dict[str, int] = {}
    for failure in failures:
        if failure.evaluation_rows is not None and failure.reached is not None:
            stage = failure.reached.stage
            found[stage] = min(failure.evaluation_rows, found.get(stage, failure.evaluation_rows))
    return found
