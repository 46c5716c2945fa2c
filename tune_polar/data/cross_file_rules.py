"""Rules that no row breaks by itself: ids and texts that stand in two rows, and sources that are nowhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tune_polar.data.cell_values import shown
from tune_polar.data.column_request import SOURCE_ID, DataRequest
from tune_polar.data.findings import Faults, Finding
from tune_polar.data.first_equal import found_again
from tune_polar.data.near_texts import NearTexts
from tune_polar.data.readers.folders import is_of_test
from tune_polar.data.scan import ScannedFile, ScannedSplit
from tune_polar.data.table import DEV, TEST, TRAIN
from tune_polar.data.texts import is_empty, normalised, seen


def cross_file_findings(
    splits: Sequence[ScannedSplit], extra: ScannedSplit | None, request: DataRequest
) -> list[Finding]:
    """Every finding about a row that another row is needed to see; ``splits`` begins with train.

    Rows of the train file that a column of given folds calls test are rows of another split, as they will be.
    """
    own = [split for split in splits if split.name in (TRAIN, DEV, TEST)]
    others = [split for split in splits if split not in own]  # other data, with ids of its own
    found = _repeated_ids(own + ([] if extra is None else [extra]))
    found += [finding for split in others for finding in _repeated_ids([split])]
    found += [] if extra is None else _sources(extra, splits[0])
    if request.given_by is not None and all(split.name != TEST for split in splits):
        splits = _with_test_apart(splits, request.given_by)
    found += _near_texts(splits[0], splits[1:])
    return found + _repeated_texts([*splits, *([] if extra is None else [extra])], request.copies)


def _with_test_apart(splits: Sequence[ScannedSplit], column: str) -> list[ScannedSplit]:
    parts: dict[str, list[ScannedFile]] = {TRAIN: [], TEST: []}
    for file in splits[0].files:
        said = file.columns.get(column)
        words = [""] * len(file.lines) if said is None or said.kind in ("label", "number") else said.words()
        is_test = np.array([is_of_test(word) for word in words], dtype=np.bool_)
        for name, rows in ((TRAIN, np.flatnonzero(~is_test)), (TEST, np.flatnonzero(is_test))):
            parts[name] += [file.take(rows)] if len(rows) else []
    if not all(parts.values()):
        return list(splits)
    train, test = (ScannedSplit(name, tuple(files)) for name, files in parts.items())
    return [train, *splits[1:], test]


def _repeated_ids(splits: Sequence[ScannedSplit]) -> list[Finding]:
    files = [(split, file) for split in splits for file in split.files]
    faults = [Faults(str(file.place)) for _, file in files]
    for (number, row), (first, first_row) in found_again([file.ids or () for _, file in files], seen):
        split, file = files[number]
        first_split, first_file = files[first]
        where = "" if first_file is file else f"{first_file.place}, "
        within = split is first_split
        faults[number].add(
            "duplicate-id" if within else "id-in-two-splits",
            int(file.lines[row]),
            file.id_column,
            f"an id must {'be unique' if within else 'stand in one file only'}",
            f"{shown((file.ids or ())[row])}, which {where}row {first_file.lines[first_row]} has too",
        )
    return [finding for each in faults for finding in each.findings()]


def _repeated_texts(splits: Sequence[ScannedSplit], copies: str) -> list[Finding]:
    """Texts that would be trained on and scored on. Warnings: published data has them; ``copies`` tells of folds."""
    files = [(split, file) for split in splits for file in split.files]
    faults = [Faults(str(file.place)) for _, file in files]
    for (number, row), (first, first_row) in found_again([file.texts for _, file in files], normalised):
        split, file = files[number]
        first_split, first_file = files[first]
        if is_empty(file.texts[row]):
            continue  # an error already
        within = split is first_split
        where = "" if first_file is file else f"{first_file.place}, "
        kept = f" ({copies})" if within and split.name == TRAIN else ""
        faults[number].add(
            "duplicate-text" if within else "text-in-two-splits",
            int(file.lines[row]),
            file.text_column,
            f"a text should stand {'once in a split' if within else 'in one split only'}",
            f"the text of {where}row {first_file.lines[first_row]} again{kept}",
            severity="warning",
        )
    return [finding for each in faults for finding in each.findings()]


def _near_texts(train: ScannedSplit, others: Sequence[ScannedSplit]) -> list[Finding]:
    """Texts of other splits that train nearly has: what is measured on them is in part remembered."""
    if not others:
        return []
    known = [(file, row) for file in train.files for row in range(len(file.texts))]
    near = NearTexts([file.texts[row] for file, row in known])
    found: list[Finding] = []
    for split in others:
        for file in split.files:
            faults = Faults(str(file.place))
            for row, other in near.twins(file.texts):
                their_file, their_row = known[other]
                faults.add(
                    "near-text-in-two-splits",
                    int(file.lines[row]),
                    file.text_column,
                    "a text should not nearly stand in train (four fifths of the words of both are the same)",
                    f"nearly the text of {their_file.place}, row {their_file.lines[their_row]}",
                    severity="warning",
                )
            found += faults.findings()
    if not near.is_complete:
        said = "texts that nearly stand in train were not all looked for: there are too many rows, or too few words"
        found.append(Finding("warning", "near-texts-unseen", str(train.files[0].place), None, None, said))
    return found


def _sources(extra: ScannedSplit, train: ScannedSplit) -> list[Finding]:
    known = set(train.ids)
    found: list[Finding] = []
    for file in extra.files:
        faults = Faults(str(file.place))
        if file.sources is None and len(file.lines):
            rule = f"extra rows should have the column {SOURCE_ID!r}: without it they train in every fold"
            faults.add("no-source-id", None, SOURCE_ID, rule, severity="warning")
        for source, line in zip(file.sources or (), file.lines, strict=False):
            if source.strip() and source.strip() not in known:
                faults.add("source-id", line, SOURCE_ID, "a source_id must be the id of a train row", shown(source))
        found += faults.findings()
    return found
