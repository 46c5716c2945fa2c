"""POLAR as its authors publish it: ``<folder>/<split>/<language>.csv``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tune_polar.data.column_request import ColumnSpec
from tune_polar.data.columns import IntArray, group_column
from tune_polar.data.findings import Faults, Finding
from tune_polar.data.labels import MANIFESTATIONS, POLARIZATION, TYPES
from tune_polar.data.layout import Layout
from tune_polar.data.readers import Place, RawTable, read_raw
from tune_polar.data.readers.places import UnreadableError
from tune_polar.data.readers.raw import header_shown
from tune_polar.data.scan import Role, ScannedFile, ScannedSplit, scan_table
from tune_polar.data.suggestions import did_you_mean
from tune_polar.data.table import DEV, TEST, TRAIN
from tune_polar.errors import DataError

COLUMNS = ("id", "text", POLARIZATION, *TYPES, *MANIFESTATIONS)
LANGUAGE = "language"  # the group column that tells files apart
ALL_LANGUAGES = "all"

_LABEL_GROUPS = ((POLARIZATION,), TYPES, MANIFESTATIONS)
_CANARY = re.compile("canary", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9_-]+")


def is_polar_folder(folder: Place) -> bool:
    """Whether a folder has ``train/<language>.csv`` of some language."""
    train = folder.child(TRAIN)
    return train.is_folder() and any(name.endswith(".csv") for name in train.entries())


def polar_languages(folder: Place, language: str) -> list[str]:
    """The languages that ``language`` names: one, several with commas between, or "all".

    Raises:
        DataError: ``folder`` has no train file of one of them.
    """
    train = folder.child(TRAIN)
    names = train.entries() if train.is_folder() else []
    there = sorted(Place(name).stem for name in names if name.endswith(".csv"))
    asked = there if language == ALL_LANGUAGES else [name.strip() for name in language.split(",")]
    for name in asked or [language]:
        if name not in there or not _NAME.fullmatch(name) or asked.count(name) > 1:
            raise DataError(
                f"the folder must have the file train/<language>.csv, got the language {name!r} in {folder}"
                f"{did_you_mean(name, there)}",
                f"Name one of its languages: {', '.join(there)}."
                if there
                else "Name a folder that holds train/<language>.csv, or fetch the data into it.",
            )
    return asked


def polar_files(folder: Place, split: str, language: str) -> dict[str, Place]:
    """Where the files of a split lie, by language; not all of them need be there, but for train's.

    Raises:
        DataError: ``folder`` has no train file of ``language``.
    """
    return {name: folder.child(split).child(f"{name}.csv") for name in polar_languages(folder, language)}


def scan_polar(folder: Place, language: str, specs: Sequence[ColumnSpec]) -> list[ScannedSplit]:
    """Train and, where they are there, dev and test, with every finding.

    A split has all label columns of POLAR that its files have, beside ``specs``, and the group column ``language``. A
    language without types or manifestations gives rows without those labels; a dev or test file without gold gives
    rows without any.

    Raises:
        DataError: ``folder`` has no train file of ``language``.
    """
    languages = polar_languages(folder, language)
    splits: list[ScannedSplit] = []
    for split in (TRAIN, DEV, TEST):
        places = polar_files(folder, split, language)
        there = {name: place for name, place in places.items() if split == TRAIN or place.exists()}
        files = [_scan_file(place, name, split, languages, specs) for name, place in there.items()]
        if files:
            files[0] = _told_of_lacking(files[0], split, [name for name in languages if name not in there])
            splits.append(ScannedSplit(split, tuple(files)))
    return splits


def _told_of_lacking(file: ScannedFile, split: str, lacking: Sequence[str]) -> ScannedFile:
    """The first file of a split, which says that some languages have none: nothing is measured or chosen of them."""
    if not lacking:
        return file
    said = f"every language should have a file of {split}, got none of {', '.join(lacking)}"
    found = Finding("warning", "language-without-split", str(file.place), None, None, said)
    return replace(file, findings=(*file.findings, found))


def order_place(folder: Place, language: str) -> Place:
    """Where the order of the competition's train file is kept, one id a line."""
    return folder.child(f"{language}_competition_order.txt")


def scan_order(place: Place, ids: Sequence[str]) -> tuple[IntArray, list[Finding]]:
    """The places in ``ids`` of the ids listed in a file, (rows,), and every finding about it."""
    faults = Faults(str(place))
    try:
        with place.open() as file:
            lines = file.read().decode("utf-8-sig").splitlines()
    except (UnreadableError, UnicodeDecodeError) as error:
        said = error.message if isinstance(error, UnreadableError) else str(error)
        faults.add("order-file", None, None, f"must be a readable UTF-8 file of one id a line, got: {said}")
        return np.zeros(0, dtype=np.int64), faults.findings()
    place_of = {row_id: number for number, row_id in enumerate(ids)}
    places: list[int] = []
    listed: set[str] = set()
    rule = "the order must list every train id once"
    for number, line in enumerate(lines, start=1):
        row_id = line.strip()
        if not row_id:
            continue
        if row_id not in place_of or row_id in listed:
            kind = "a repeated id" if row_id in listed else "an id that train does not have"
            faults.add("order-file", number, None, rule, f"{kind}: {row_id!r}")
        else:
            places.append(place_of[row_id])
        listed.add(row_id)
    unlisted = [row_id for row_id in ids if row_id not in listed]
    if unlisted:
        missing = f"{len(unlisted)} of {len(ids)} ids missing, the first {unlisted[0]!r}"
        faults.add("order-file", None, None, f"{rule}, got {missing}")
    return np.array(places, dtype=np.int64), faults.findings()


def _scan_file(
    place: Place, language: str, split: str, languages: Sequence[str], specs: Sequence[ColumnSpec]
) -> ScannedFile:
    table, found = read_raw(place)
    if table is None:
        return ScannedFile(place, findings=tuple(found))
    faults = Faults(str(place))
    labels = _label_columns(table, gold_is_optional=split != TRAIN)
    known = {*COLUMNS, *(spec.name for spec in specs)}
    for column in table.header:
        if column not in known and not _CANARY.search(column):
            faults.add("unknown-column", 1, column, f"must be a column of POLAR{did_you_mean(column, COLUMNS)}")
    of_recipe = {spec.name: spec for spec in specs}
    wanted = [of_recipe.get(label, ColumnSpec(label, "label")) for label in labels]
    wanted += [spec for spec in specs if spec.name not in labels and spec.name != LANGUAGE]
    for label in labels if split != TRAIN else ():  # of train, the scan says so
        if label not in table.header:
            rule = f"the file must have the column {label!r}, got {header_shown(table.header)}"
            faults.add("missing-column", 1, label, rule)
    role: Role = "train" if split == TRAIN else "held_out"
    scanned = scan_table(
        table,
        [*found, *faults.findings()],
        place,
        Layout(tuple(wanted)),
        role,
        needs_id=True,
        constants={LANGUAGE: group_column([language], sorted(languages))},
    )
    return _hierarchy_checked(scanned)


def _label_columns(table: RawTable, *, gold_is_optional: bool) -> list[str]:
    """The label columns the table must have: of each group it has any of, all."""
    groups = []
    for group in _LABEL_GROUPS:
        present = [label for label in group if label in table.header]
        # Files for prediction carry the label columns with nothing in them.
        blank = gold_is_optional and not any(cell.strip() for label in present for cell in table.cells[label])
        if present and not blank:
            groups.append(group)
    if (groups or not gold_is_optional) and _LABEL_GROUPS[0] not in groups:
        groups.insert(0, _LABEL_GROUPS[0])
    return [label for group in groups for label in group]


def _hierarchy_checked(file: ScannedFile) -> ScannedFile:
    """Types and manifestations are labels of polarized rows, and a polarized row has a type."""
    if POLARIZATION not in file.columns:
        return file
    faults = Faults(str(file.place))
    polarized = np.asarray(file.columns[POLARIZATION].values) == 1
    for label in (*TYPES, *MANIFESTATIONS):
        if label in file.columns and file.columns[label].kind == "label":
            wrong = (np.asarray(file.columns[label].values) == 1) & ~polarized
            for row in np.flatnonzero(wrong).tolist():
                rule = f"must be 0 where {POLARIZATION} is 0, got 1"
                faults.add("label-without-polarization", int(file.lines[row]), label, rule)
    types = [label for label in TYPES if label in file.columns and file.columns[label].kind == "label"]
    if types:
        typeless = np.all([np.asarray(file.columns[label].values) == 0 for label in types], axis=0)
        for row in np.flatnonzero(polarized & typeless).tolist():
            rule = f"a polarized row should have a type, got 0 for all of {types}"
            faults.add("polarized-without-type", int(file.lines[row]), None, rule, severity="warning")
    return replace(file, findings=(*file.findings, *faults.findings()))
