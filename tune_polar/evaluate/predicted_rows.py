"""The records of a configuration's cells as the decision engine reads them: tables, and rows with their gold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tune_polar.data.columns import Column
from tune_polar.data.repeated import bonds_by
from tune_polar.decide.evidence import Evidence
from tune_polar.decide.rows import Gold, Rows
from tune_polar.decide.tables import Table
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import Stage
from tune_polar.store.records import VALIDATION


class LabelledRows(Protocol):
    """Rows of one split with their gold: a ``GoldSplit`` of a store, or a ``Split`` of a corpus."""

    @property
    def columns(self) -> Mapping[str, Column]:
        """By name."""

    def values(self, name: str) -> NDArray[Any]:
        """One column, (rows,)."""

    def matrix(self, names: Sequence[str]) -> NDArray[Any]:
        """Columns side by side, (rows, names)."""

    def where(self, conditions: Mapping[str, int | str]) -> NDArray[np.bool_]:
        """Rows that have each of ``conditions``, (rows,)."""


class Predicted(Protocol):
    """What one stage has predicted, such as a ``StageRecord``."""

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits it has predictions for."""

    def rows(self, split: str) -> NDArray[Any]:
        """Row numbers, (v,)."""

    def table(self, split: str) -> NDArray[Any]:
        """What is predicted for them, (v, K) or (v, columns)."""


class CellRecords(Protocol):
    """One finished cell, such as ``CellPredictions``."""

    @property
    def fold(self) -> int:
        """Of the fold plan."""

    @property
    def seed(self) -> int:
        """That it was trained with."""

    @property
    def stages(self) -> Mapping[str, Predicted]:
        """By name."""


def out_of_fold(recipe: Recipe, train: LabelledRows, cells: Sequence[CellRecords], stages: Iterable[str]) -> Evidence:
    """Predictions by ``stages`` of the rows that their cells held out, one cell below the other."""
    tables, rows = {}, {}
    for name in stages:
        stage = recipe.stages[name]
        found = [(cell, cell.stages[name]) for cell in cells]
        tables[name] = Table.joined(stage.predicts, [record.table(VALIDATION) for _, record in found])
        rows[name] = _rows(
            recipe,
            stage,
            train,
            ids=np.concatenate([record.rows(VALIDATION) for _, record in found]),
            part=np.concatenate([np.full(len(record.rows(VALIDATION)), cell.fold) for cell, record in found]),
            seed=np.concatenate([np.full(len(record.rows(VALIDATION)), cell.seed) for cell, record in found]),
        )
    return Evidence(tables, rows)


def labelled_splits(
    recipe: Recipe, gold: Mapping[str, LabelledRows], cells: Sequence[CellRecords], stages: Iterable[str]
) -> dict[str, Evidence]:
    """The other splits with gold; of each the ``stages`` that all cells have predicted for the same rows of it."""
    found = {}
    for split, about in gold.items():
        tables, rows = {}, {}
        for name in stages:
            stage = recipe.stages[name]
            records = [cell.stages[name] for cell in cells]
            read = {*stage.task.columns, *stage.rows}
            if not read <= set(about.columns) or any(split not in record.splits for record in records):
                continue
            ids = records[0].rows(split)
            if all(np.array_equal(ids, record.rows(split)) for record in records):
                tables[name] = Table.of(stage.predicts, [record.table(split) for record in records])
                rows[name] = _rows(recipe, stage, about, ids=ids)
        if tables:
            found[split] = Evidence(tables, rows)
    return found


def _rows(recipe: Recipe, stage: Stage, gold: LabelledRows, ids: NDArray[Any], **about: NDArray[Any]) -> Rows:
    task = stage.task
    names = gold.columns[task.columns[0]].names if task.gold == "class" else task.columns
    groups = {name: gold.values(name)[ids] for name in recipe.data.groups if name in gold.columns}
    values = Gold(task.gold, gold.matrix(task.columns)[ids], names)
    mask, bonds = gold.where(stage.rows), None
    if together := [gold.columns[name] for name in recipe.folds.kept_together if name in gold.columns]:
        bonds = bonds_by(together, len(mask))[ids]
    return Rows.of(values, mask=mask[ids], groups=groups, ids=ids, bonds=bonds, **about)
