"""The record of a floor: what a linear model without fine-tuning predicts for the rows that each fold held out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any

import numpy as np
from pydantic import Field, TypeAdapter

from tune_polar.recipe.floor_names import Floor
from tune_polar.recipe.recipe import Recipe
from tune_polar.store.gold import Gold
from tune_polar.store.records import table_faults
from tune_polar.store.training_facts import Array

Count = Annotated[int, Field(ge=1)]
TABLES = ("probability", "value")


@dataclass(frozen=True)
class FloorHeader:
    """A floor without its arrays. No time and no machine: the same data give the same bytes."""

    floor: Floor
    rows: Count  # of train that took part: all, or a sample where there are too many for seconds
    of: Count  # rows of train that folds use


@dataclass(frozen=True, eq=False)
class FloorRecord(FloorHeader):
    """A floor's answers, a stage of the recipe and a fold at a time.

    Arrays: ``STAGE/FOLD/rows`` (v,) int32, ascending row numbers of train that the fold holds out and that took part,
    and beside it ``STAGE/FOLD/probability`` or, of numbers, ``STAGE/FOLD/value`` (v, columns) float32.
    """

    arrays: Mapping[str, Array] = field(default_factory=dict)

    @property
    def is_sample(self) -> bool:
        """Whether rows were left out."""
        return self.rows < self.of

    def rows_of(self, stage: str, fold: int) -> Array:
        """Row numbers, (v,).

        Raises:
            KeyError: there is no such stage or fold.
        """
        return self.arrays[f"{stage}/{fold}/rows"]

    def table(self, stage: str, fold: int) -> tuple[str, Array]:
        """Kind and values of what is predicted for them.

        Raises:
            KeyError: as ``rows_of``.
        """
        kind = next(each for each in TABLES if f"{stage}/{fold}/{each}" in self.arrays)
        return kind, self.arrays[f"{stage}/{fold}/{kind}"]

    def header(self) -> dict[str, object]:
        """Everything but the arrays, as plain data."""
        return {each.name: getattr(self, each.name) for each in fields(FloorHeader)}

    @staticmethod
    def from_parts(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> FloorRecord:
        """The record that ``header`` and its arrays describe. Whether they are of a search, its gold tells.

        Raises:
            KeyError, TypeError, ValueError: they are not what a floor leaves behind.
        """
        about = _HEADER.validate_json(json.dumps(dict(header)), strict=True)
        if about.rows > about.of:
            raise ValueError(f"rows must be at most the {about.of} there are, got {about.rows}")
        return FloorRecord(about.floor, about.rows, about.of, arrays)


def floor_faults(record: FloorRecord, gold: Gold, recipe: Recipe | None = None) -> Iterator[str]:
    """What keeps a floor's predictions from being those of the rows that ``gold`` has, for the tasks of ``recipe``."""
    expected: set[str] = set()
    if record.of > len(gold.train.ids):
        yield f"of must be at most the {len(gold.train.ids):,} rows of train"
        return
    for stage, plan in gold.plans.items():
        for fold in range(plan.count):
            name = f"{stage}/{fold}"
            kinds = [kind for kind in TABLES if f"{name}/{kind}" in record.arrays]
            if f"{name}/rows" not in record.arrays or len(kinds) != 1:
                yield f"it must have {name}/rows and one table beside them, got {kinds}"
                return
            rows, table = record.rows_of(stage, fold), record.table(stage, fold)[1]
            held = plan.validation_rows(fold)
            if rows.ndim != 1 or rows.dtype != np.int32 or (np.diff(rows) <= 0).any() or not np.isin(rows, held).all():
                yield f"{name}/rows must be rows that the fold holds out, each once and ascending"
                return
            if len(rows) < len(held) and not record.is_sample:
                yield f"{name}/rows must be all {len(held):,} rows that the fold holds out, where none was left out"
                return
            for fault in table_faults("value" if kinds[0] == "value" else "probability", table, len(rows)):
                yield f"{name}/{kinds[0]} must {fault}"
                return
            if not np.isfinite(table).all():
                yield f"{name}/{kinds[0]} must hold finite numbers"
            if recipe is not None:
                yield from _task_faults(name, kinds[0], table.shape[1], gold, recipe, stage)
            expected |= {f"{name}/rows", f"{name}/{kinds[0]}"}
        if not any(len(record.rows_of(stage, fold)) for fold in range(plan.count)):  # a sample may miss a small fold
            yield f"{stage} must have rows in some fold"
            return
    if strangers := sorted(set(record.arrays) - expected):
        yield f"it must have arrays of the search's stages and folds alone, got {strangers[:3]}"


def _task_faults(name: str, kind: str, width: int, gold: Gold, recipe: Recipe, stage: str) -> Iterator[str]:
    about = recipe.stages.get(stage)
    if about is None:
        yield f"its stages must be the recipe's {list(recipe.stages)}, got {stage!r}"
        return
    wanted = "value" if about.task.gold == "number" else "probability"
    columns = len(gold.train.columns[about.columns[0]].names) if about.task.gold == "class" else len(about.columns)
    if (kind, width) != (wanted, columns):
        yield f"{name} must hold {columns} columns of {wanted}, got {width} of {kind}"


_HEADER = TypeAdapter(FloorHeader)  # may come from a stranger's machine: every value is checked for its type
