"""What a stage learns of each row, as its losses and its checkpoint metric read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tune_polar.data.table import Split
from tune_polar.decide.rows import Gold, GoldKind
from tune_polar.errors import DataError
from tune_polar.model.losses import LossContext, OutputsKind, TaskKind
from tune_polar.recipe.components import Task


@dataclass(frozen=True, eq=False)
class Targets:
    """Of all rows of train."""

    task_kind: TaskKind
    gold_kind: GoldKind
    columns: tuple[str, ...]
    classes: tuple[str, ...]  # of a multiclass task, else none
    values: NDArray[Any]  # int64 or float64, (rows, columns)

    @classmethod
    def of(cls, task: Task, train: Split) -> Targets:
        """The targets of ``task``.

        Raises:
            DataError: a column is missing or of another kind than the task learns.
        """
        columns = [train.column(name) for name in task.columns]
        for name, column in zip(task.columns, columns, strict=True):
            if column.kind != task.reads:
                raise DataError(
                    f"a {task.name} task must have a {task.reads} column {name!r}, train has a {column.kind} column",
                    "Declare it under `data` as what it is, or choose another task.",
                )
        classes = columns[0].names if task.gold == "class" else ()
        return cls(cast(TaskKind, task.name), task.gold, task.columns, classes, train.matrix(task.columns))

    @property
    def outputs(self) -> int:
        """Numbers a head gives for one row."""
        return len(self.classes) if self.gold_kind == "class" else len(self.columns)

    @property
    def class_count(self) -> int:
        """Classes of one column: 2 of yes and no, none of a number."""
        return {"class": len(self.classes), "number": 0}.get(self.gold_kind, 2)

    def context(self, gives_embeddings: bool, width: int) -> LossContext:
        """What a loss is built for."""
        kind: OutputsKind = "values" if self.gold_kind == "number" else "logits"
        if gives_embeddings:
            kind = "embeddings"
        return LossContext(self.task_kind, self.columns, kind, width, self.class_count)

    def tensor(self, device: torch.device) -> Tensor:
        """For losses: classes and labels long, values in 32 bits; (rows,), of labels (rows, labels)."""
        values = self.values if self.gold_kind == "labels" else self.values[:, 0]
        return torch.from_numpy(values.astype(np.float32) if self.gold_kind == "number" else values).to(device)

    def gold(self, rows: NDArray[np.int64]) -> Gold:
        """For metrics."""
        names = self.classes if self.gold_kind == "class" else self.columns
        return Gold(self.gold_kind, self.values[rows], names)

    def codes(self) -> NDArray[np.int64]:
        """The class of each row, (rows,), for tables of neighbours.

        Raises:
            DataError: the task has no classes, or several columns.
        """
        if self.gold_kind not in ("binary", "class"):
            raise DataError(
                f"neighbours must have one class each, a {self.task_kind} task gives them none",
                "Choose a head that gives outputs, such as mlp.",
            )
        codes: NDArray[np.int64] = self.values[:, 0]
        return codes
