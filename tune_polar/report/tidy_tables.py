"""A search as tidy tables: configurations, fold trials, curves, and predictions that `read_predictions` reads back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tune_polar.decide.prediction_columns import (
    CLASS,
    FOLD,
    GOLD,
    GROUP,
    ID,
    JUDGED,
    NO,
    PROBABILITY,
    SEEN,
    SPLIT,
    YES,
)
from tune_polar.decide.predictions import OOF
from tune_polar.decide.tables import Table, TableKind
from tune_polar.errors import StoreError
from tune_polar.evaluate.configuration_predictions import ConfigurationPredictions
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import Stage
from tune_polar.recipe.seen_starts import stage_starts
from tune_polar.report.reading import IN_TABLES, told_in_full
from tune_polar.store.gold import GoldSplit
from tune_polar.store.records import VALIDATION, FoldRecord, StageRecord
from tune_polar.store.store import Store
from tune_polar.whole_file import whole_file

Kind = Literal["csv", "parquet"]
Array = NDArray[Any]

SEED, VALUE = "seed", "value/"
PREDICTIONS = "predictions-"  # and the stage, of a table's name
_OF_CONFIGURATIONS = ("configuration", "number", "origin", "state", "cells", "seconds", "metric", "score")
_OF_FINISHED = ("seconds", "host", "device", "started", "reused")
_OF_FOLDS = ("configuration", "number", FOLD, SEED, "state", *_OF_FINISHED, "error")
# A spreadsheet takes a cell that begins so for a formula and runs it.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_tables(store: Store, summary: SearchSummary, folder: Path, kind: Kind) -> list[Path]:
    """Write all tables of ``summary``, which must hold predictions, into ``folder``; a table without rows is left out.

    In CSV, text cells that begin with = + - or @ get an apostrophe in front.

    Raises:
        StoreError: the folder cannot be written.
    """
    tables = {
        "configurations": partial(configurations_table, summary),
        "folds": partial(folds_table, summary),
        "curves": partial(curves_table, store, summary),
        **{f"{PREDICTIONS}{stage}": partial(predictions_table, summary, stage) for stage in summary.recipe.stages},
    }
    frames = ((name, make()) for name, make in tables.items())
    return [_write(frame, folder / f"{name}.{kind}", kind) for name, frame in frames if not frame.empty]


def configurations_table(summary: SearchSummary) -> pd.DataFrame:
    """A row a configuration: its state, its point of the space, and what it scored.

    Where the start of a configuration has seen validated texts, ``start_has_seen`` says of which scores it is so, and
    ``start_has_seen/DECISION`` of which of a decision.
    """
    rows = summary.finished
    seen = {name for row in rows for name in row.configuration.recipe.decide if row.seen_starts(name)}
    return _with_columns([_configuration_row(row, seen) for row in summary.configurations], _OF_CONFIGURATIONS)


def _configuration_row(row: ConfigurationSummary, seen: Set[str]) -> dict[str, object]:
    """``seen``: decisions whose scores are not honest in some configuration."""
    configuration, scores = row.configuration, row.scores
    found: dict[str, object] = {
        "configuration": configuration.id,
        "number": configuration.number,
        "origin": configuration.origin,
        "state": row.state,
        "cells": len(row.folds),
        "seconds": row.seconds,
        "metric": None if scores is None else scores.metric,
        "score": None if scores is None else scores.score,
        "as_written": None if scores is None else scores.as_written,
        "predicted": None if row.abandonment is None else row.abandonment.predicted,
        "failures": "; ".join(failure.first_line for failure in row.failures),
    }
    if scores is not None:
        found |= {f"score/{name}": value for name, value in sorted(scores.decisions.items())}
        if configuration.recipe.score.of in seen:
            found[SEEN] = YES if row.seen_starts() else NO
        for name in sorted(seen & set(scores.decisions)):
            found[f"{SEEN}/{name}"] = YES if row.seen_starts(name) else NO
        for key, value in sorted(scores.best.settings.items()):  # kept ones are sorted; of thresholds one a column
            each = {f"{key}.{name}": at for name, at in value.items()} if isinstance(value, dict) else {key: value}
            found |= {f"chosen/{name}": single for name, single in each.items()}
    return found | {f"point/{key}": value for key, value in configuration.point.items()}


def folds_table(summary: SearchSummary) -> pd.DataFrame:
    """A row a fold trial: its state and, once it has finished, where and when it was run, which stages it names."""
    rows = [each for row in summary.configurations for each in _fold_rows(row, summary.cells)]
    return _with_columns(rows, _OF_FOLDS)


def _with_columns(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> pd.DataFrame:
    """A table that has its columns before it has rows."""
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(columns))


def _fold_rows(row: ConfigurationSummary, cells: Sequence[Cell]) -> Iterator[dict[str, object]]:
    """One for each of ``cells``, finished or not."""
    finished = {Cell(fold.fold, fold.seed): fold for fold in row.folds}
    errors = {Cell(failure.fold, failure.seed): failure.first_line for failure in row.failures}
    left = {"infeasible": "failed", "abandoned": "stopped"}.get(row.state, "open")
    for cell in cells:
        fold = finished.get(cell)
        yield {
            "configuration": row.configuration.id,
            "number": row.configuration.number,
            FOLD: cell.fold,
            SEED: cell.seed,
            "state": left if fold is None else "finished",
            **_finished_fold(fold),
            "error": errors.get(cell) if fold is None else None,
            **{f"point/{key}": value for key, value in row.configuration.point.items()},
        }


def _finished_fold(fold: FoldRecord | None) -> dict[str, object]:
    if fold is None:
        return dict.fromkeys(_OF_FINISHED)
    return {
        "seconds": fold.seconds,
        "host": fold.provenance.host,
        "device": fold.provenance.device,
        "started": fold.provenance.started,
        "reused": " ".join(fold.reused),
        **{f"key/{name}": key for name, key in fold.stages.items()},
        **{f"scores/{name}": value for name, value in fold.scores.items()},
    }


def curves_table(store: Store, summary: SearchSummary) -> pd.DataFrame:
    """A row an evaluation within a stage."""
    return pd.DataFrame(
        [
            {
                "configuration": row.configuration.id,
                "number": row.configuration.number,
                FOLD: stage.fold,
                SEED: stage.seed,
                "stage": stage.stage,
                "metric": stage.keep,
                "step": point.step,
                "training_loss": point.training_loss,
                "value": point.value,
            }
            for row, stage in stages_of(store, summary)
            for point in stage.curve
        ]
    )


def stages_of(store: Store, summary: SearchSummary) -> Iterator[tuple[ConfigurationSummary, StageRecord]]:
    """Every stage that finished fold trials name, of ``IN_TABLES`` configurations at the most."""
    wanted = told_in_full(summary, IN_TABLES)
    for row in (row for row in summary.configurations if row.configuration.id in wanted):
        keys = [key for fold in row.folds for key in fold.stages.values()]
        for stage in store.stages(list(dict.fromkeys(keys)), row.configuration.recipe).values():
            yield row, stage


def predictions_table(summary: SearchSummary, stage: str) -> pd.DataFrame:
    """What one stage predicts: out of fold, and on other splits the mean of the models, each seed's by themselves.

    Probabilities as ``prob/COLUMN`` (of classes ``prob/CLASS``, beside ``gold`` with the class), numbers as
    ``value/COLUMN``, of neighbours their share among all that are stored; ``group/COLUMN`` of each of the recipe's
    groups. Where a configuration's start has seen validated texts, ``start_has_seen`` says of which it is so.
    """
    found = [row.predictions for row in summary.configurations if row.predictions is not None and row.predictions.cells]
    seen = {each.configuration.id: _has_seen(each, stage, summary.cells) for each in found}
    marks = {name: YES if is_so else NO for name, is_so in seen.items()} if any(seen.values()) else {}
    frames = [frame for each in found for frame in _frames(each, stage, marks) if not frame.empty]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _has_seen(predictions: ConfigurationPredictions, stage: str, cells: Sequence[Cell]) -> bool:
    recipe = predictions.configuration.recipe
    return stage in recipe.stages and bool(stage_starts(recipe, stage, len({cell.fold for cell in cells})))


def _frames(predictions: ConfigurationPredictions, name: str, marks: Mapping[str, str]) -> Iterator[pd.DataFrame]:
    recipe, train = predictions.configuration.recipe, predictions.gold.train
    if name not in recipe.stages:
        return
    shown = _Predicted(recipe, recipe.stages[name], predictions.configuration.id, marks)
    for seed in recipe.seeds:
        cells = [cell for cell in predictions.cells if cell.seed == seed]
        records, told = [cell.stages[name] for cell in cells], seed if len(recipe.seeds) > 1 else None
        for cell, record in zip(cells, records, strict=True):
            yield shown.frame(OOF, train, record.rows(VALIDATION), [record.table(VALIDATION)], cell.fold, told)
        is_whole = not any(cell.seed == seed for cell in predictions.missing_cells)
        for split, rows in predictions.gold.splits.items() if records and is_whole else ():
            if all(split in record.splits for record in records):
                tables = [record.table(split) for record in records]
                yield shown.frame(split, rows, records[0].rows(split), tables, seed=told)


@dataclass(frozen=True, eq=False)
class _Predicted:
    """One stage of a configuration, its predictions as columns of a table."""

    recipe: Recipe
    stage: Stage
    configuration: str
    marks: Mapping[str, str]  # whether its start has seen validated texts, by id; {}: of none

    def frame(
        self,
        split: str,
        gold: GoldSplit,
        rows: Array,
        models: list[Array],
        fold: int | None = None,
        seed: int | None = None,
    ) -> pd.DataFrame:
        """Configuration, split, fold, id, groups, gold and predictions; a column ``seed`` where there are several.

        Of a stage that is judged on some rows alone a column ``judged`` says on which.
        """
        ids = [gold.ids[row] for row in rows]
        columns: dict[str, object] = {"configuration": self.configuration}
        columns |= {SEEN: self.marks[self.configuration]} if self.marks else {}
        columns |= {} if seed is None else {SEED: seed}
        columns |= {SPLIT: split, FOLD: pd.array([fold] * len(ids), dtype="Int64"), ID: ids}
        groups = [name for name in self.recipe.data.groups if name in gold.columns]
        columns |= {GROUP + name: gold.columns[name].take(rows).words() for name in groups}
        has_gold = set(self.stage.columns) <= set(gold.columns)
        truth = gold.matrix(self.stage.columns)[rows] if has_gold else None
        if self.stage.rows:  # a gate asks of other rows too
            judged = gold.where(self.stage.rows)[rows] if set(self.stage.rows) <= set(gold.columns) else True
            columns[JUDGED] = np.broadcast_to(judged, len(ids)).astype(np.int8)
        return pd.DataFrame(columns | self._gold(truth, len(ids)) | self._values(models))

    @property
    def names(self) -> tuple[str, ...]:
        """Classes, or columns."""
        task = self.stage.task
        return self.recipe.data.classes[task.columns[0]] if task.gold == "class" else task.columns

    def _gold(self, truth: Array | None, rows: int) -> dict[str, object]:
        """``truth`` (rows, columns); None: there is none."""
        kind = self.stage.task.gold
        if kind == "class":
            codes = () if truth is None else truth[:, 0].astype(np.int64)
            return {CLASS: [None] * rows if truth is None else [self.names[code] for code in codes]}
        if truth is None:
            return {GOLD + name: pd.array([None] * rows, dtype="Float64") for name in self.names}
        as_type = np.float64 if kind == "number" else np.int8
        return {GOLD + name: truth[:, place].astype(as_type) for place, name in enumerate(self.names)}

    def _values(self, models: list[Array]) -> dict[str, object]:
        kind: TableKind = self.stage.predicts
        if kind == "neighbours":  # what a neighbour's label must be to count for each name
            codes = range(len(self.names)) if self.stage.task.gold == "class" else (1,)
            shares = [np.mean([(each == code).mean(axis=1) for each in models], axis=0) for code in codes]
            return {PROBABILITY + name: share for name, share in zip(self.names, shares, strict=True)}
        mean, prefix = Table.of(kind, models).ensemble, VALUE if kind == "value" else PROBABILITY
        return {prefix + name: mean[:, place] for place, name in enumerate(self.names)}


def _write(frame: pd.DataFrame, path: Path, kind: Kind) -> Path:
    def fault(why: str) -> StoreError:
        return StoreError(f"{path} must be written, but: {why}", "Free space or mend permissions there.")

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise fault(error.strerror or str(error)) from error
    with whole_file(path, fault) as file:
        if kind == "csv":
            _defused(frame).to_csv(file, index=False)
        else:
            _one_type_a_column(frame).to_parquet(file, index=False)
    return path


def _defused(frame: pd.DataFrame) -> pd.DataFrame:
    def defuse(cell: object) -> object:
        return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell

    texts = [name for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name])]
    return frame.assign(**{name: frame[name].astype(object).map(defuse) for name in texts})


def _one_type_a_column(frame: pd.DataFrame) -> pd.DataFrame:
    """Parquet knows no column of several types: a point's values that are words and numbers become words."""
    mixed = [
        name
        for name in frame.columns
        if frame[name].dtype == object and len({type(cell) for cell in frame[name].dropna()} - {int, float}) > 0
    ]
    return frame.assign(**{name: frame[name].map(lambda cell: None if cell is None else str(cell)) for name in mixed})
