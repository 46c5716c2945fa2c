"""Rules about gold as a whole: labels that only some rows should have, and columns that a split lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tune_polar.data.column_request import ColumnSpec, Conditions
from tune_polar.data.findings import Faults, Finding
from tune_polar.data.scan import ScannedFile, ScannedSplit
from tune_polar.data.suggestions import did_you_mean
from tune_polar.data.table import TRAIN, Split


def missing_gold(split: ScannedSplit, specs: Sequence[ColumnSpec]) -> list[Finding]:
    """What a split lacks of the labels, classes and numbers that are asked for, and what follows.

    A split to be predicted has none of them. One that has some may have one under a mistyped name.
    """
    gold = [spec.name for spec in specs if spec.kind in ("label", "class", "number")]
    there = [name for name in gold if all(name in file.columns for file in split.files)]
    lacking = [name for name in gold if name not in there]
    if not lacking:
        return []
    file = next(file for file in split.files if any(name not in file.columns for name in lacking))
    others = [name for name in file.header if name not in (*there, file.id_column, file.text_column)]
    near = next((said for name in lacking if (said := did_you_mean(name, others))), "")
    only = f", only {there}" if there else ""
    said = f"{split.name} has no {lacking}{only}: its rows are predicted, and not scored by what needs them{near}"
    return [Finding("warning", "missing-gold", str(file.place), None, None, said)]


def labels_outside(split: ScannedSplit, under: Mapping[str, Conditions]) -> list[Finding]:
    """Labels of some rows alone that other rows have too: nobody learns them there."""
    found: list[Finding] = []
    for file in split.files:
        faults = Faults(str(file.place))
        for name, conditions in under.items():
            column = file.columns.get(name)
            if column is None or column.kind != "label" or any(each not in file.columns for each in conditions):
                continue
            outside = (np.asarray(column.values) == 1) & ~_where(file, conditions)
            said = " and ".join(f"{each} is {value}" for each, value in conditions.items())
            for row in np.flatnonzero(outside).tolist():
                rule = f"should be 0 unless {said}, got 1"
                faults.add("label-outside", int(file.lines[row]), name, rule, severity="warning")
        found += faults.findings()
    return found


def _where(file: ScannedFile, conditions: Conditions) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    rows = tuple(str(line) for line in file.lines)
    columns = {name: file.columns[name] for name in conditions}
    return Split(TRAIN, rows, rows, columns).where(conditions)
