"""What finished work leaves behind: stage records with their arrays, and the small fold record that names them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, TypeAdapter

from tune_polar.store.plain_record import PlainRecord, SafeName
from tune_polar.store.training_facts import Array as Array
from tune_polar.store.training_facts import CurvePoint as CurvePoint
from tune_polar.store.training_facts import MemoryUse as MemoryUse
from tune_polar.store.training_facts import Provenance as Provenance

TableKind = Literal["neighbours", "probability", "value"]
MAX_NEIGHBOURS = 200  # of each row, in a table of neighbours
VALIDATION = "validation"  # the one split that every stage has: the cell's own rows
EXTRA = "extra"  # arrays that are no table
Number = Annotated[int, Field(ge=0)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, eq=False)
class StageHeader:
    """A trained stage without its arrays."""

    key: str
    stage: str
    fold: Number
    seed: Number
    predicts: TableKind
    keep: str  # the checkpoint metric, or "last"
    start: str | None  # key of the stage it began from; None: the encoder as pretrained
    best_step: Number
    best_value: Finite
    steps: Number  # optimizer steps taken
    total_steps: Number  # that it would have taken without patience
    epoch_steps: Annotated[int, Field(ge=1)]  # of one pass over its training rows
    stopped: str  # "patience", "last_step"
    curve: tuple[CurvePoint, ...]
    seconds: Finite
    peak_memory_bytes: Number | None
    provenance: Provenance
    memory: MemoryUse | None = None  # None: all rows of a step at once, without a limit
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"  # of forward passes


@dataclass(frozen=True, eq=False)
class StageRecord(StageHeader):
    """A trained stage: its curve, its cost, and what it predicts.

    Arrays of each split, of which ``validation`` is one: ``SPLIT/rows`` (v,) int32, row numbers of the split (of train,
    for ``validation``), and by what the stage predicts

    - ``SPLIT/neighbours`` (v, K) uint8 or uint16, classes of the K nearest training rows, nearest first
    - ``SPLIT/probability`` (v, columns) float32: of a binary task's class 1, of each class, or of each label
    - ``SPLIT/value`` (v, columns) float32, not clipped

    ``extra/NAME``: whatever else a reader may want, such as the centers of a loss.
    """

    arrays: Mapping[str, Array] = field(default_factory=dict)

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits it has predictions for."""
        return tuple(name.removesuffix("/rows") for name in self.arrays if _is_rows(name))

    def rows(self, split: str) -> Array:
        """Row numbers of ``split`` that are predicted, (v,).

        Raises:
            KeyError: nothing is predicted for ``split``.
        """
        return self.arrays[f"{split}/rows"]

    def table(self, split: str) -> Array:
        """What is predicted for them, (v, K) or (v, columns).

        Raises:
            KeyError: nothing is predicted for ``split``.
        """
        return self.arrays[f"{split}/{self.predicts}"]

    def header(self) -> dict[str, object]:
        """Everything but the arrays, as plain data."""
        data = {each.name: getattr(self, each.name) for each in fields(StageHeader)}
        data["curve"] = [[point.step, point.training_loss, point.value] for point in self.curve]
        data["provenance"] = asdict(self.provenance)
        data["memory"] = None if self.memory is None else asdict(self.memory)
        return data

    @staticmethod
    def from_parts(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> StageRecord:
        """The record that ``header`` and its arrays describe. Whether rows are in range, only the gold can tell.

        Raises:
            KeyError, TypeError, ValueError: they are not what a trained stage leaves behind.
        """
        data = dict(header)
        names = [each.name for each in fields(CurvePoint)]
        data["curve"] = [dict(zip(names, point, strict=True)) for point in data["curve"]]
        about = _STAGE.validate_json(json.dumps(data), strict=True)
        _check_arrays(about.predicts, arrays)
        return StageRecord(**{each.name: getattr(about, each.name) for each in fields(StageHeader)}, arrays=arrays)


@dataclass(frozen=True)
class FoldRecord(PlainRecord):
    """One finished fold trial: which stages it consists of and what they scored."""

    configuration_id: SafeName
    fold: Number
    seed: Number
    stages: Mapping[str, SafeName]  # key by stage; once read from its file no longer in the recipe's order
    reused: tuple[str, ...]  # stages found in the store instead of trained
    scores: Mapping[str, Finite]  # of this cell alone, for the live table and for racing; the study reads the arrays
    seconds: Finite
    provenance: Provenance
    memory: Mapping[str, MemoryUse] = field(default_factory=dict)  # of its stages that have one
    # Of the last stage: share of its steps, best value so far; turned round where smaller is better
    curve: tuple[tuple[Finite, Finite], ...] = ()

    @property
    def id(self) -> str:
        """Configuration, fold and seed in one word."""
        return f"{self.configuration_id}-f{self.fold}-s{self.seed}"

    def to_json(self) -> dict[str, object]:
        """Plain data."""
        return {**asdict(self), "reused": list(self.reused)}

    @classmethod
    def from_text(cls, text: str | bytes) -> Self:
        """The record that this text holds.

        Raises:
            ValueError: it is something else.
        """
        record = super().from_text(text)
        strangers = {*record.reused, *record.memory} - set(record.stages)
        if not record.stages or strangers:
            raise ValueError(f"reused and memory must be of its stages {list(record.stages)}, got {sorted(strangers)}")
        return record


def _is_rows(name: str) -> bool:
    return name.endswith("/rows") and not name.startswith(f"{EXTRA}/")


def _check_arrays(predicts: TableKind, arrays: Mapping[str, Array]) -> None:
    splits = [name.removesuffix("/rows") for name in arrays if _is_rows(name)]
    if VALIDATION not in splits:
        raise ValueError(f"a stage must have predictions for {VALIDATION}, got {sorted(arrays)}")
    expected = {f"{split}/{end}" for split in splits for end in ("rows", predicts)}
    strangers = [name for name in arrays if name not in expected and not name.startswith(f"{EXTRA}/")]
    missing = expected - set(arrays)
    if strangers or missing:
        raise ValueError(
            f"a stage that predicts {predicts} must have rows and {predicts} of each split, "
            f"got {strangers} beside them and misses {sorted(missing)}"
        )
    for split in splits:
        _check_rows(split, arrays[f"{split}/rows"])
        for fault in table_faults(predicts, arrays[f"{split}/{predicts}"], len(arrays[f"{split}/rows"])):
            raise ValueError(f"{split}/{predicts} must {fault}")
    for name, array in arrays.items():
        if array.dtype.kind not in "iufb" or not np.isfinite(array).all():
            raise ValueError(f"{name} must hold finite numbers, got {array.dtype}")


def _check_rows(split: str, rows: Array) -> None:
    is_list = rows.ndim == 1 and rows.dtype == np.int32
    if not is_list or (rows < 0).any() or len(np.unique(rows)) < len(rows):
        raise ValueError(f"{split}/rows must hold each row number once, got shape {rows.shape} of {rows.dtype}")


def table_faults(predicts: TableKind, table: Array, rows: int) -> Iterator[str]:
    """What keeps ``table`` from being one of ``predicts`` for so many rows."""
    if table.ndim != 2 or len(table) != rows or table.shape[1] == 0:
        yield f"hold values for each of {rows} rows, got shape {table.shape}"
    elif predicts == "neighbours":
        if table.dtype not in (np.uint8, np.uint16):
            yield f"hold classes as uint8 or uint16, got {table.dtype}"
    elif table.dtype != np.float32:
        yield f"be float32, got {table.dtype}"
    elif predicts == "probability" and not ((table >= 0.0) & (table <= 1.0)).all():  # NaN is outside too
        yield f"lie between 0 and 1, got {table.min()} to {table.max()}"


# Records may come from a stranger's machine: every value is checked for its type.
_STAGE = TypeAdapter(StageHeader)
