"""Gold as header and arrays of one file, and back: every value is checked, for it may come from a stranger's machine.

Arrays: ``gold/SPLIT/COLUMN`` (rows,), int8 of labels, int32 of the codes of classes and groups, float64 of numbers;
``plan/NUMBER/training`` and ``plan/NUMBER/validation``, masks (folds, rows) with eight rows a byte; ``repeated/SPLIT``
and ``near/SPLIT`` (pairs, 2) int32; ``sources`` (extra rows,) int32, where there are such rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from tune_polar.data.columns import BoolArray, Column, IntArray
from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.table import TRAIN
from tune_polar.store.near_texts import NearRows
from tune_polar.store.training_facts import Array

Columns = tuple[tuple[str, ...], Mapping[str, Column]]  # ids, and columns by name
Number = Annotated[int, Field(ge=0)]

_TYPES: Mapping[str, str] = {"label": "|i1", "class": "<i4", "group": "<i4", "number": "<f8"}


@dataclass(frozen=True)
class _ColumnAbout:
    name: str
    kind: Literal["label", "class", "number", "group"]  # never a text
    names: tuple[str, ...]


@dataclass(frozen=True)
class _SplitAbout:
    name: str
    ids: tuple[str, ...]
    columns: tuple[_ColumnAbout, ...]


@dataclass(frozen=True)
class _PlanAbout:
    kind: str
    stages: tuple[str, ...]  # that share it
    moved: Number


@dataclass(frozen=True)
class _About:
    splits: tuple[_SplitAbout, ...]
    plans: tuple[_PlanAbout, ...]
    stages: tuple[str, ...]  # in the recipe's order
    repeated: tuple[str, ...]  # splits with such rows
    near: tuple[str, ...]
    near_is_complete: bool
    extra: Number  # rows of train that no fold validates


_ABOUT = TypeAdapter(_About)


def gold_to_parts(
    splits: Mapping[str, Columns],
    plans: Mapping[str, FoldPlan],
    repeated: Mapping[str, IntArray],
    near: NearRows,
    sources: IntArray,
) -> tuple[dict[str, object], dict[str, Array]]:
    """Header and arrays; see ``Gold``."""
    arrays: dict[str, Array] = {}
    for split, (_, columns) in splits.items():
        for name, column in columns.items():
            arrays[f"gold/{split}/{name}"] = np.asarray(column.values).astype(_TYPES[column.kind])
    shared: dict[int, list[str]] = {}
    for stage, plan in plans.items():
        shared.setdefault(id(plan), []).append(stage)
    about_plans: list[object] = []
    for number, stages in enumerate(shared.values()):
        plan = plans[stages[0]]
        about_plans.append({"kind": plan.kind, "stages": stages, "moved": plan.moved})
        arrays[f"plan/{number}/training"] = np.packbits(plan.training, axis=1)
        arrays[f"plan/{number}/validation"] = np.packbits(plan.validation, axis=1)
    arrays |= {f"repeated/{split}": pairs.astype("<i4") for split, pairs in repeated.items()}
    arrays |= {f"near/{split}": pairs.astype("<i4") for split, pairs in near.pairs.items()}
    if len(sources):
        arrays["sources"] = sources.astype("<i4")
    about_splits = [
        {
            "name": name,
            "ids": list(ids),
            "columns": [{"name": key, "kind": each.kind, "names": list(each.names)} for key, each in columns.items()],
        }
        for name, (ids, columns) in splits.items()
    ]
    header: dict[str, object] = {
        "splits": about_splits,
        "plans": about_plans,
        "stages": list(plans),  # in the recipe's order
        "repeated": list(repeated),
        "near": list(near.pairs),
        "near_is_complete": near.is_complete,
        "extra": len(sources),
    }
    return header, arrays


def gold_from_parts(
    header: Mapping[str, Any], arrays: Mapping[str, Array]
) -> tuple[dict[str, Columns], dict[str, FoldPlan], dict[str, IntArray], NearRows, IntArray]:
    """Splits, plans, repeated and near rows, and sources of extra rows, that ``gold_to_parts`` wrote.

    Raises:
        KeyError, TypeError, ValueError: they are something else.
    """
    try:
        about = _ABOUT.validate_json(json.dumps(header), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    _check_names(about, set(arrays))
    splits = {split.name: _columns(split, arrays) for split in about.splits}
    rows = {name: len(ids) for name, (ids, _) in splits.items()}
    plans: dict[str, FoldPlan] = {}
    for number, plan in enumerate(about.plans):
        training = _mask(f"plan/{number}/training", arrays, rows[TRAIN])
        validation = _mask(f"plan/{number}/validation", arrays, rows[TRAIN])
        plans |= dict.fromkeys(plan.stages, FoldPlan(plan.kind, training, validation, plan.moved))
    repeated = {name: _pairs("repeated", name, arrays, rows) for name in about.repeated}
    near = NearRows({name: _pairs("near", name, arrays, rows) for name in about.near}, about.near_is_complete)
    sources = _sources(about.extra, arrays, rows[TRAIN])
    return splits, {stage: plans[stage] for stage in about.stages}, repeated, near, sources


def _check_names(about: _About, found: set[str]) -> None:
    names = [split.name for split in about.splits]
    planned = sorted(stage for plan in about.plans for stage in plan.stages)
    for what, each in (("split", names), ("stage", planned), ("stage", list(about.stages))):
        if len(set(each)) < len(each):
            raise ValueError(f"each {what} must be named once, got {each}")
    for split in about.splits:
        columns = [column.name for column in split.columns]
        if len(set(columns)) < len(columns):
            raise ValueError(f"each column must be named once, got {columns} in {split.name}")
    if TRAIN not in names or not about.stages or planned != sorted(about.stages):
        raise ValueError(f"gold must have {TRAIN} and a plan for each stage, got {names} and {planned}")
    for which, named in (("repeated", about.repeated), ("near", about.near)):
        if not set(named) <= set(names):
            raise ValueError(f"{which} rows must be of one of the splits {names}, got {list(named)}")
    expected = set(_names_of_arrays(about))
    if found != expected:
        raise ValueError(f"gold must have one array for each thing it names, got others {sorted(found ^ expected)}")


def _names_of_arrays(about: _About) -> Iterator[str]:
    for split in about.splits:
        yield from (f"gold/{split.name}/{column.name}" for column in split.columns)
    for number in range(len(about.plans)):
        yield from (f"plan/{number}/training", f"plan/{number}/validation")
    yield from (f"repeated/{split}" for split in about.repeated)
    yield from (f"near/{split}" for split in about.near)
    if about.extra:
        yield "sources"


def _columns(split: _SplitAbout, arrays: Mapping[str, Array]) -> Columns:
    columns = {}
    for about in split.columns:
        name = f"gold/{split.name}/{about.name}"
        values = arrays[name]
        _check(name, values, _TYPES[about.kind], (len(split.ids),))
        if about.names and about.kind not in ("class", "group"):
            raise ValueError(f"a {about.kind} column must have no names, got {list(about.names)}")
        # The column itself refuses codes that are not within its names, and numbers that are not finite.
        kept = values.astype(np.float64 if about.kind == "number" else np.int64)
        columns[about.name] = Column(about.kind, kept, about.names)
    return split.ids, columns


def _mask(name: str, arrays: Mapping[str, Array], rows: int) -> BoolArray:
    packed = arrays[name]
    folds = packed.shape[0] if packed.ndim == 2 else 0
    _check(name, packed, "|u1", (folds, -(-rows // 8)))
    unpacked = np.unpackbits(packed, axis=1)
    if unpacked[:, rows:].any():
        raise ValueError(f"{name} must say nothing of rows beyond the {rows} of {TRAIN}")
    return unpacked[:, :rows].astype(np.bool_)


def _pairs(which: str, split: str, arrays: Mapping[str, Array], rows: Mapping[str, int]) -> IntArray:
    name = f"{which}/{split}"
    pairs = arrays[name]
    _check(name, pairs, "<i4", (len(pairs) if pairs.ndim else 0, 2))
    if (pairs < 0).any() or (pairs >= [rows[split], rows[TRAIN]]).any():
        raise ValueError(f"{name} must be rows of {split} and of {TRAIN}")
    return pairs.astype(np.int64)


def _sources(extra: int, arrays: Mapping[str, Array], rows: int) -> IntArray:
    if not extra:
        return np.zeros(0, dtype=np.int64)
    sources = arrays["sources"]
    _check("sources", sources, "<i4", (extra,))
    if extra >= rows or (sources < -1).any() or (sources >= rows - extra).any():
        raise ValueError(f"sources must be rows of {TRAIN} before the {extra} extra ones, or −1")
    return sources.astype(np.int64)


def _check(name: str, array: Array, dtype: str, shape: tuple[int, ...]) -> None:
    if array.dtype.str != dtype or array.shape != shape:
        raise ValueError(f"{name} must be {dtype} of shape {shape}, got {array.dtype.str} of shape {array.shape}")
