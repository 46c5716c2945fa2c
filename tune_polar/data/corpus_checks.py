"""Everything that is wrong or doubtful in a data set: the rules a search holds it to, and what it lets through."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tune_polar.data.findings import Faults, Finding, errors_in
from tune_polar.data.first_equal import found_again
from tune_polar.data.load import Scanned, scan_source
from tune_polar.data.request import DataRequest
from tune_polar.data.scan import ScannedFile, ScannedSplit
from tune_polar.data.source import Source
from tune_polar.data.table import TRAIN, Corpus, Split
from tune_polar.data.texts import is_empty, normalised
from tune_polar.errors import TunePolarError

Conditions = Mapping[str, int | str]


def check_data(
    source: Source,
    request: DataRequest,
    *,
    under: Mapping[str, Conditions] | None = None,
    take: Callable[[Corpus], object] | None = None,
) -> list[Finding]:
    """Every finding about a data set, in the order of files and rows.

    Args:
        source: what is checked.
        request: what a recipe reads of it.
        under: for each column that a stage learns on some rows alone, which rows.
        take: what a search does with the corpus before it begins, such as making its folds; what it refuses is a
            finding, so that no data passes here that a search would not take.

    Raises:
        DataError: there is nothing to check, or an option names what is not there to be named.
    """
    scanned = scan_source(source, request)
    findings = list(scanned.findings)
    findings += _repeated_texts([*scanned.splits, *([] if scanned.extra is None else [scanned.extra])])
    for split in scanned.splits:
        findings += _labels_outside(split, under or {})
        said = without_gold(split.to_split(), request) if not errors_in(findings) else None
        if said is not None:
            findings.append(Finding("warning", "missing-gold", str(split.files[0].place), None, None, said))
    if take is not None and not errors_in(findings):
        findings += _refused(scanned, take)
    return findings


def without_gold(split: Split, request: DataRequest) -> str | None:
    """What a split lacks of the labels, classes and numbers that are asked for, and what follows; None: nothing.

    A split to be predicted has none of them. One that has some may have one under a mistyped name.
    """
    gold = [spec.name for spec in request.specs if spec.kind in ("label", "class", "number")]
    lacking, there = ([name for name in gold if (name in split.columns) is has] for has in (False, True))
    if not lacking:
        return None
    only = f", only {there}" if there else ""
    return f"{split.name} has no {lacking}{only}: its rows are predicted, and not scored by what needs them"


def _refused(scanned: Scanned, take: Callable[[Corpus], object]) -> list[Finding]:
    try:
        take(scanned.to_corpus())
    except TunePolarError as error:
        train = scanned.splits[0].files[0].place
        return [Finding("error", "not-searchable", str(train), None, None, f"{error.problem}. {error.remedy}")]
    return []


def _repeated_texts(splits: Sequence[ScannedSplit]) -> list[Finding]:
    """Texts that would be trained on and scored on. Warnings: published data has them, and folds keep them together."""
    files = [(split, file) for split in splits for file in split.files]
    faults = [Faults(str(file.place)) for _, file in files]
    for (number, row), (first, first_row) in found_again([file.texts for _, file in files], normalised):
        split, file = files[number]
        first_split, first_file = files[first]
        if is_empty(file.texts[row]):
            continue  # an error already
        within = split is first_split
        where = "" if first_file is file else f"{first_file.place}, "
        faults[number].add(
            "duplicate-text" if within else "text-in-two-splits",
            int(file.lines[row]),
            file.text_column,
            f"a text should stand {'once in a split' if within else 'in one split only'}",
            f"the text of {where}row {first_file.lines[first_row]} again",
            severity="warning",
        )
    return [finding for each in faults for finding in each.findings()]


def _labels_outside(split: ScannedSplit, under: Mapping[str, Conditions]) -> list[Finding]:
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
