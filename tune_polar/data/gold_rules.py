"""Rules about gold as a whole: labels that only some rows should have, and columns that a split lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tune_polar.data.cell_values import shown
from tune_polar.data.column_request import ColumnSpec, Conditions
from tune_polar.data.columns import Column
from tune_polar.data.findings import Faults, Finding
from tune_polar.data.hidden_gold import HIDDEN, HIDDEN_RULE
from tune_polar.data.scan import ScannedFile, ScannedSplit
from tune_polar.data.suggestions import did_you_mean
from tune_polar.data.table import DEV, TEST, TRAIN, Split


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
    others = [name for name in file.header if name not in (*gold, file.id_column, file.text_column)]
    near = next((said for name in lacking if (said := did_you_mean(name, others))), "")
    half = _hidden_in_some(split, lacking)
    if half:
        return half
    only = f", only {there}" if there else ""
    said = f"{split.name} has no {lacking}{only}: its rows are predicted, and not scored by what needs them{near}"
    return [Finding("warning", "missing-gold", str(file.place), None, None, said)]


def _hidden_in_some(split: ScannedSplit, lacking: Sequence[str]) -> list[Finding]:
    """Gold that one file hides and another has: as a whole the split would have none, and the other's would be lost."""
    found: list[Finding] = []
    for name in lacking:
        having = [file for file in split.files if name in file.columns]
        hiding = [file for file in split.files if name in file.missing and HIDDEN in {f.code for f in file.findings}]
        for file in hiding if having else ():
            said = (
                f"{split.name} must have gold of {name!r} in all files or in none, got none here and some in "
                f"{having[0].place}: leave this file out, or hide the gold of all"
            )
            found.append(Finding("error", HIDDEN, str(file.place), None, name, said))
    return found


def without_unknown_gold(splits: Sequence[ScannedSplit]) -> list[ScannedSplit]:
    """``splits``, the first of which is train; dev and test without labels and numbers that train knows nothing of.

    A label that is read of a word would be 0 wherever another word stands, "?" among them, and any number is one.
    """
    train, *others = splits
    return [
        train,
        *(
            ScannedSplit(split.name, tuple(_known(file, train) for file in split.files))
            if split.name in (DEV, TEST)
            else split
            for split in others
        ),
    ]


def _known(file: ScannedFile, train: ScannedSplit) -> ScannedFile:
    faults, gone = Faults(str(file.place)), []
    for name, column in file.columns.items():
        same = [each.columns[name] for each in train.files if name in each.columns]
        if column.kind == "number" and same and _is_placeholder(column, same):
            gone.append(name)
            value = f"{column.values[0]:g} in all rows"
            faults.add(HIDDEN, int(file.lines[0]), name, HIDDEN_RULE, value, severity="warning")
    for name, words in file.words.items():
        known = {word for each in train.files for word in each.words.get(name, ())}
        strange = {word: line for word, line in words.items() if len(known) > 1 and word not in known}
        hides = bool(strange) and len(strange) == len(words)
        gone += [name] if hides else []
        code, rule = (
            (HIDDEN, HIDDEN_RULE) if hides else ("unknown-word", "a word should be one that train has: it is 0")
        )
        for word, line in strange.items():
            faults.add(code, line, name, rule, shown(word), severity="warning")
    columns = {name: column for name, column in file.columns.items() if name not in gone}
    findings = (*file.findings, *faults.findings())
    return replace(file, columns=columns, missing=(*file.missing, *gone), findings=findings)


def _is_placeholder(column: Column, of_train: Sequence[Column]) -> bool:
    """Whether all rows have one number, and no row of train one as small or as large."""
    values, known = np.asarray(column.values), np.concatenate([np.asarray(each.values) for each in of_train])
    alike = len(values) > 1 and len(known) > 0 and values.min() == values.max()
    return bool(alike and not known.min() <= values[0] <= known.max())


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
