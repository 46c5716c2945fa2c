"""The one gate between the bytes of a record and the program: what passes fits its name, the gold and the recipe.

Each function takes bytes and gives the record, or raises what ``Store`` sets the file aside for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

import numpy as np

from tune_polar.recipe.configuration import Configuration
from tune_polar.recipe.recipe import Recipe
from tune_polar.store.abandonment import Abandonment
from tune_polar.store.checkpoint import Checkpoint
from tune_polar.store.codec import DamagedRecordError, decode_arrays, decode_json, decode_text
from tune_polar.store.failures import FailureRecord
from tune_polar.store.floor import FloorRecord, floor_faults
from tune_polar.store.gold import Gold
from tune_polar.store.records import MAX_NEIGHBOURS, VALIDATION, FoldRecord, StageRecord
from tune_polar.store.resume_options import Resumption
from tune_polar.store.stored_arrays import StoredArrays

T = TypeVar("T")
Parse = Callable[[bytes], T]


def configuration_named(name: str) -> Parse[Configuration]:
    """Of a configuration, whose name follows from its settings."""
    return _under(name, lambda content: Configuration.from_text(decode_text(content)), lambda each: each.id)


def fold_named(name: str) -> Parse[FoldRecord]:
    """Of a finished fold trial."""
    return _under(name, lambda content: FoldRecord.from_text(decode_text(content)), lambda each: each.id)


def failure_named(name: str) -> Parse[FailureRecord]:
    """Of a failed fold trial."""
    return _under(name, lambda content: FailureRecord.from_json(decode_json(content)), lambda each: each.id)


def abandonment_named(name: str) -> Parse[Abandonment]:
    """Of a configuration that was given up."""
    return _under(name, lambda content: Abandonment.from_json(decode_json(content)), lambda each: each.configuration_id)


def resumption_named(name: str) -> Parse[Resumption]:
    """Of what a resume was told."""
    return _under(name, lambda content: Resumption.from_json(decode_json(content)), lambda each: each.id)


def checkpoint_named(key: str) -> Callable[[int], Checkpoint]:
    """Of a running stage, from its open file."""

    def parse(file: int) -> Checkpoint:
        found = Checkpoint.from_parts((arrays := StoredArrays(file)).header, arrays)
        _check_name(key, found.key)
        return found

    return parse


def weights_named(key: str) -> Callable[[int], StoredArrays]:
    """Of a stage's weights, from their open file."""

    def parse(file: int) -> StoredArrays:
        found = StoredArrays(file)
        _check_name(key, found.header["key"])
        return found

    return parse


def stage_named(key: str, gold: Gold | None, recipe: Recipe | None = None) -> Parse[StageRecord]:
    """Of a trained stage.

    Args:
        key: its name.
        gold: of the store; None: it has none yet.
        recipe: of a configuration that has the stage; None: what it predicts is not compared with any task.
    """
    faults = None if gold is None else partial(stage_faults, gold=gold, recipe=recipe)
    return _under(key, lambda content: StageRecord.from_parts(*decode_arrays(content)), lambda each: each.key, faults)


def floor_named(name: str, gold: Gold | None, recipe: Recipe | None = None) -> Parse[FloorRecord]:
    """Of a floor; arguments as of ``stage_named``."""
    faults = None if gold is None else partial(floor_faults, gold=gold, recipe=recipe)
    return _under(
        name, lambda content: FloorRecord.from_parts(*decode_arrays(content)), lambda each: each.floor, faults
    )


def stage_faults(record: StageRecord, gold: Gold, recipe: Recipe | None = None) -> Iterator[str]:
    """What keeps a stage's predictions from being those of the rows that ``gold`` has, for the task of ``recipe``."""
    plan = gold.plans.get(record.stage)
    if plan is None:
        yield f"its stage must be one of {list(gold.plans)}, got {record.stage!r}"
        return
    if record.fold >= plan.count:
        yield f"its fold must be below {plan.count}, got {record.fold}"
        return
    if not np.array_equal(record.rows(VALIDATION), plan.validation_rows(record.fold)):
        yield f"its rows must be those that fold {record.fold} validates, got others"
    for split in record.splits:
        if split != VALIDATION:
            rows = len(gold.splits[split]) if split in gold.splits else 0
            if (record.rows(split) >= rows).any():
                yield f"its rows of {split} must be below {rows}, got {record.rows(split).max()}"
        if record.predicts == "neighbours" and record.table(split).shape[1] > MAX_NEIGHBOURS:
            yield f"{split}/neighbours must have at most {MAX_NEIGHBOURS} columns, got {record.table(split).shape[1]}"
    if recipe is not None:
        yield from _task_faults(record, gold, recipe)


def _task_faults(record: StageRecord, gold: Gold, recipe: Recipe) -> Iterator[str]:
    stage = recipe.stages.get(record.stage)
    if stage is None:
        yield f"its stage must be one of the recipe's {list(recipe.stages)}, got {record.stage!r}"
        return
    if record.predicts != stage.predicts:
        yield f"it must predict {stage.predicts}, got {record.predicts}"
        return
    classes = len(gold.train.columns[stage.columns[0]].names) if stage.task.gold == "class" else 2
    width = classes if stage.task.gold == "class" else len(stage.columns)
    for split in record.splits:
        table = record.table(split)
        if record.predicts != "neighbours":
            if table.shape[1] != width:
                yield f"{split}/{record.predicts} must have {width} columns, got {table.shape[1]}"
        elif table.size and table.max() >= classes:
            yield f"{split}/neighbours must be classes below {classes}, got {table.max()}"


def _under(
    name: str, parse: Parse[T], name_of: Callable[[T], str], faults: Callable[[T], Iterator[str]] | None = None
) -> Parse[T]:
    """``parse`` for a record that must be called ``name`` and have no ``faults``."""

    def parse_named(content: bytes) -> T:
        record = parse(content)
        _check_name(name, name_of(record))
        for fault in () if faults is None else faults(record):
            raise DamagedRecordError(fault)
        return record

    return parse_named


def _check_name(name: str, own: object) -> None:
    if own != name:
        raise DamagedRecordError(f"it is the record of {own!r}")
