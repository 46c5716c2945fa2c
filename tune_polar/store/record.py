"""What finished work leaves behind: stage records with their arrays, and the small fold record that names them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal

from numpy.typing import NDArray
from pydantic import TypeAdapter

Array = NDArray[Any]
StageName = Literal["detector", "classifier"]
STAGES: tuple[StageName, ...] = ("detector", "classifier")  # in the order they are trained

# The array by which each stage's rows are decided.
PREDICTIONS: Mapping[StageName, str] = MappingProxyType({"detector": "neighbour_labels", "classifier": "probability"})
SAFE_NAME = re.compile(r"[0-9A-Za-z_-]{1,100}")  # of records: each becomes the name of a file
WORKER_LOST = "WorkerLost"
OUT_OF_MEMORY = "OutOfMemoryError"  # the name of torch's class
MAX_LOSSES = 3  # in a row of one fold trial's worker without getting further; an error of the trial itself is final


@dataclass(frozen=True)
class CurvePoint:
    """One evaluation within a stage."""

    step: int
    training_loss: float  # mean since the evaluation before
    value: float  # the checkpoint metric on the validation fold


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


@dataclass(frozen=True, eq=False)
class StageHeader:
    """A trained stage without its arrays."""

    key: str
    stage: StageName
    fold: int
    seed: int
    best_step: int
    best_value: float
    steps: int  # optimizer steps taken
    stopped: str  # "patience", "max_steps"
    curve: tuple[CurvePoint, ...]
    seconds: float
    peak_memory_bytes: int | None
    provenance: Provenance
    memory: MemoryUse | None = None  # None: all rows of a step at once, without a limit
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"  # of forward passes


@dataclass(frozen=True, eq=False)
class StageRecord(StageHeader):
    """A trained stage: its curve, its cost, and its predictions.

    Arrays of a detector: ``validation_rows`` (v,) int32; ``neighbour_labels`` (v, K) uint8, the target label of the K
    nearest training rows, nearest first; ``dev_neighbour_labels`` (d, K); ``centers`` (classes · centers, dim) float32.
    Arrays of a classifier: ``validation_rows`` (v,); ``probability`` (v, labels) float32; ``dev_probability``
    (d, labels).
    """

    arrays: Mapping[str, Array] = field(default_factory=dict)

    def header(self) -> dict[str, object]:
        """Everything but the arrays, as plain data."""
        data = {each.name: getattr(self, each.name) for each in fields(StageHeader)}
        data["curve"] = [[point.step, point.training_loss, point.value] for point in self.curve]
        data["provenance"] = asdict(self.provenance)
        data["memory"] = None if self.memory is None else asdict(self.memory)
        return data

    @staticmethod
    def from_parts(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> StageRecord:
        """The record that ``header`` and its arrays describe.

        Raises:
            KeyError, TypeError, ValueError: they are not what a trained stage leaves behind.
        """
        data = dict(header)
        names = [each.name for each in fields(CurvePoint)]
        data["curve"] = [dict(zip(names, point, strict=True)) for point in data["curve"]]
        about = _STAGE.validate_json(json.dumps(data), strict=True)
        _check_arrays(about.stage, arrays)
        return StageRecord(**{each.name: getattr(about, each.name) for each in fields(StageHeader)}, arrays=arrays)


def _check_arrays(stage: StageName, arrays: Mapping[str, Array]) -> None:
    rows, table = arrays["validation_rows"], arrays[PREDICTIONS[stage]]
    if rows.ndim != 1 or rows.dtype.kind != "i" or table.ndim != 2 or len(table) != len(rows) or table.shape[1] == 0:
        raise ValueError(
            f"{PREDICTIONS[stage]} must hold a row of values for each of validation_rows, "
            f"got shapes {table.shape} and {rows.shape} of {rows.dtype}"
        )


@dataclass(frozen=True)
class FoldRecord:
    """One finished fold trial: which stages it consists of and what they scored."""

    configuration_id: str
    fold: int
    seed: int
    detector_key: str
    classifier_key: str | None
    reused: tuple[StageName, ...]  # stages found in the store instead of trained
    scores: Mapping[str, float]  # of this fold alone, for the live table and for racing; the study reads the arrays
    seconds: float
    provenance: Provenance
    memory: Mapping[StageName, MemoryUse] = field(default_factory=dict)  # of its stages that have one
    curve: tuple[tuple[float, float], ...] = ()  # of the last stage: share of its steps, best value so far

    @property
    def id(self) -> str:
        """Configuration, fold and seed in one word."""
        return f"{self.configuration_id}-f{self.fold}-s{self.seed}"

    def to_json(self) -> dict[str, object]:
        """Plain data."""
        return {**asdict(self), "reused": list(self.reused)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> FoldRecord:
        """The record that ``to_json`` wrote.

        Raises:
            ValueError: it is something else.
        """
        return FoldRecord.from_text(json.dumps(data))

    @staticmethod
    def from_text(text: str | bytes) -> FoldRecord:
        """The same from JSON as text.

        Raises:
            ValueError: it is something else.
        """
        record = _FOLD.validate_json(text, strict=True)
        for name in (record.configuration_id, record.detector_key, record.classifier_key):
            if name is not None and not SAFE_NAME.fullmatch(name):
                raise ValueError(f"names must be letters, digits, - and _, got {name!r}")
        return record


@dataclass(frozen=True)
class FailureRecord:
    """A fold trial that did not finish, and why."""

    configuration_id: str
    fold: int
    seed: int
    attempt: int
    kind: str  # name of the error's class
    message: str
    traceback: str
    provenance: Provenance
    reached: tuple[StageName, int] | None = None  # stage and step when it ended, as far as was told
    memory: MemoryUse | None = None  # how that stage was computed when it ran out of memory

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
        if self.is_out_of_memory:
            return self.memory is not None and self.memory.is_last
        return not self.is_infrastructure

    @property
    def first_line(self) -> str:
        """The error's class and the first line of what it said."""
        return f"{self.kind}: {self.message.strip().partition(chr(10))[0]}"

    def to_json(self) -> dict[str, object]:
        """Plain data."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> FailureRecord:
        """The record that ``to_json`` wrote.

        Raises:
            ValueError: it is something else.
        """
        return _FAILURE.validate_json(json.dumps(data), strict=True)


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
        reached = (-1, -1) if failure.reached is None else (STAGES.index(failure.reached[0]), failure.reached[1])
        in_a_row = 1 if reached > furthest else in_a_row + 1
        furthest = max(furthest, reached)
        if in_a_row >= MAX_LOSSES:
            return failure
    return None


def tried_memory(failures: Iterable[FailureRecord]) -> dict[StageName, MemoryUse]:
    """For each stage that ran out of memory, the most sparing way in which it did; the next attempt needs less."""
    found: dict[StageName, MemoryUse] = {}
    for failure in failures:
        if failure.is_out_of_memory and failure.memory is not None and failure.reached is not None:
            stage, used = failure.reached[0], failure.memory
            before = found.get(stage)
            if before is None or (used.recompute, -used.micro_rows) > (before.recompute, -before.micro_rows):
                found[stage] = used
    return found


# Records may come from a stranger's machine: every value is checked for its type.
_STAGE = TypeAdapter(StageHeader)
_FOLD = TypeAdapter(FoldRecord)
_FAILURE = TypeAdapter(FailureRecord)
