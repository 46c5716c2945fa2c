"""Loads POLAR as its authors publish it: ``<folder>/<split>/<language>.csv``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from tune_polar.data.corpus import Corpus, IntArray, Split
from tune_polar.data.csv_table import FILE_REMEDY, CsvTable, did_you_mean, missing_columns, scan_table
from tune_polar.data.findings import Finding, data_error, errors_in
from tune_polar.data.labels import MANIFESTATIONS, POLARIZATION, TYPES
from tune_polar.data.split_rows import ColumnNames, SplitRows, scan_rows
from tune_polar.errors import DataError

SPLITS = ("train", "dev", "test")
COLUMNS = ("id", "text", POLARIZATION, *TYPES, *MANIFESTATIONS)

Order = Literal["file", "competition"]

_LABEL_GROUPS = ((POLARIZATION,), TYPES, MANIFESTATIONS)
_CANARY = re.compile("canary", re.IGNORECASE)


def load_polar(folder: Path, language: str, *, order: Order = "file") -> Corpus:
    """Read train and, where they stand in ``folder``, dev and test of ``language``.

    A language without type or manifestation columns gives splits without those labels, a dev or test file
    without gold gives one without any. ``order="competition"`` puts the train rows in the order of
    ``<folder>/<language>_competition_order.txt``, which published fold assignments depend on.

    Raises:
        DataError: a file cannot be read, a column is missing or unknown, a text or id is empty, an id
            repeated, a label not 0 or 1, or the order file is no permutation of the train ids.
    """
    splits: dict[str, Split] = {}
    for name, path in polar_paths(folder, language).items():
        rows, findings = scan_polar_rows(path, name)
        errors = errors_in(findings)
        if errors or rows is None:
            raise data_error(errors, FILE_REMEDY)
        splits[name] = rows.to_split()
    if order == "competition":
        splits["train"] = _in_competition_order(folder, language, splits["train"])
    return Corpus(f"polar-{language}", splits)


def polar_paths(folder: Path, language: str) -> dict[str, Path]:
    """The files of ``language`` by split: train, and dev and test where they exist.

    Raises:
        DataError: ``folder`` has no train file of ``language``.
    """
    paths = {name: folder / name / f"{language}.csv" for name in SPLITS}
    if not re.fullmatch(r"[A-Za-z0-9_-]+", language) or not paths["train"].exists():
        languages = sorted(path.stem for path in (folder / "train").glob("*.csv"))
        raise DataError(
            f"the folder must have the file train/<language>.csv, got the language {language!r} in {folder}"
            f"{did_you_mean(language, languages)}",
            f"Name one of its languages: {', '.join(languages)}."
            if languages
            else "Name a folder that holds train/<language>.csv, or fetch the data into it.",
        )
    return {name: path for name, path in paths.items() if name == "train" or path.exists()}


def order_path(folder: Path, language: str) -> Path:
    """Where the order of the competition's train file is kept, one id a line."""
    return folder / f"{language}_competition_order.txt"


def scan_polar_rows(path: Path, name: str) -> tuple[SplitRows | None, list[Finding]]:
    """Read one POLAR file as the split ``name`` and collect every finding about it and its rows."""
    table, findings = scan_table(path)
    if table is None:
        return None, findings
    labels = _label_columns(table, gold_is_optional=name != "train")
    findings += missing_columns(table, [label for label in labels if label not in table.header])
    findings += [
        Finding(
            "error",
            "unknown-column",
            path,
            1,
            column,
            f"must be a column of POLAR{did_you_mean(column, COLUMNS)}",
        )
        for column in table.header
        if column not in COLUMNS and not _CANARY.search(column)
    ]
    present = {label: label for label in labels if label in table.header}
    rows = scan_rows(table, name, ColumnNames("id", "text", present))
    return rows, [*findings, *rows.findings]


def scan_order(path: Path, ids: Sequence[str]) -> tuple[IntArray, list[Finding]]:
    """The places in ``ids`` of the ids listed in ``path``, shape (rows,), and every finding about it."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        message = f"must be a readable UTF-8 file of one id a line, got {error}"
        return np.zeros(0, dtype=np.int64), [Finding("error", "order-file", path, None, None, message)]
    place_of = {row_id: place for place, row_id in enumerate(ids)}
    places: list[int] = []
    findings: list[Finding] = []
    listed: set[str] = set()
    for number, line in enumerate(lines, start=1):
        row_id = line.strip()
        if not row_id:
            continue
        if row_id not in place_of or row_id in listed:
            kind = "a repeated id" if row_id in listed else "an id that train does not have"
            message = f"the order must list every train id once, got {kind}: {row_id!r}"
            findings.append(Finding("error", "order-file", path, number, None, message))
        else:
            places.append(place_of[row_id])
        listed.add(row_id)
    unlisted = [row_id for row_id in ids if row_id not in listed]
    if unlisted:
        message = (
            f"the order must list every train id once, got {len(unlisted)} of {len(ids)} ids missing, "
            f"the first {unlisted[0]!r}"
        )
        findings.append(Finding("error", "order-file", path, None, None, message))
    return np.array(places, dtype=np.int64), findings


def _label_columns(table: CsvTable, *, gold_is_optional: bool) -> list[str]:
    """The label columns the table must have: of each group it has any of, all."""
    groups = []
    for group in _LABEL_GROUPS:
        present = [label for label in group if label in table.header]
        # Files for prediction carry the label columns with nothing in them.
        blank = gold_is_optional and not any(cell.strip() for label in present for cell in table.column(label))
        if present and not blank:
            groups.append(group)
    if (groups or not gold_is_optional) and _LABEL_GROUPS[0] not in groups:
        groups.insert(0, _LABEL_GROUPS[0])
    return [label for group in groups for label in group]


def _in_competition_order(folder: Path, language: str, train: Split) -> Split:
    places, findings = scan_order(order_path(folder, language), train.ids)
    if findings:
        raise data_error(findings, 'Get the order file that belongs to this train file, or load with order "file".')
    return Split(
        train.name,
        tuple(train.ids[place] for place in places),
        tuple(train.texts[place] for place in places),
        {label: values[places] for label, values in train.labels.items()},
    )
