"""Everything that is wrong or doubtful in data files: what the loaders refuse, and what they let through."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tune_polar.data.findings import Finding
from tune_polar.data.generic_csv import scan_csv_rows
from tune_polar.data.labels import MANIFESTATIONS, POLARIZATION, TYPES
from tune_polar.data.polar_csv import order_path, polar_paths, scan_order, scan_polar_rows
from tune_polar.data.split_rows import ColumnNames, SplitRows

__all__ = ["Finding", "check_csv", "check_polar", "normalised"]


def check_polar(folder: Path, language: str) -> list[Finding]:
    """Every finding about the POLAR files of ``language``, in the order of splits and rows.

    Raises:
        DataError: ``folder`` has no train file of ``language``: there is nothing to check.
    """
    findings: list[Finding] = []
    scanned: list[SplitRows] = []
    for name, path in polar_paths(folder, language).items():
        rows, found = scan_polar_rows(path, name)
        findings += found
        if rows is not None:
            scanned.append(rows)
    order = order_path(folder, language)
    if order.exists() and scanned and scanned[0].name == "train":
        findings += scan_order(order, scanned[0].ids)[1]
    return findings + _content_findings(scanned)


def check_csv(train: Path, *, dev: Path | None, test: Path | None, columns: ColumnNames) -> list[Finding]:
    """Every finding about CSV files of one's own, in the order of splits and rows."""
    findings: list[Finding] = []
    scanned: list[SplitRows] = []
    for name, path in (("train", train), ("dev", dev), ("test", test)):
        if path is None:
            continue
        rows, found = scan_csv_rows(path, name, columns)
        findings += found
        if rows is not None:
            scanned.append(rows)
    return findings + _content_findings(scanned)


def normalised(text: str) -> str:
    """What two texts have in common when a reader would call them the same: NFKC, stripped, caseless."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def _content_findings(scanned: Sequence[SplitRows]) -> list[Finding]:
    findings = [finding for rows in scanned for finding in _hierarchy_findings(rows)]
    findings += _ids_across_files(scanned)
    findings += _repeated_texts(scanned)
    return findings


def _hierarchy_findings(rows: SplitRows) -> Iterator[Finding]:
    """Types and manifestations are labels of polarized rows, and a polarized row has a type."""
    polarized = rows.labels.get(POLARIZATION)
    if polarized is None:
        return
    column_of = rows.columns.labels
    for label in (*TYPES, *MANIFESTATIONS):
        if label not in rows.labels:
            continue
        for index in np.flatnonzero((rows.labels[label] == 1) & (polarized == 0)):
            message = f"must be 0 where {column_of[POLARIZATION]} is 0, got 1"
            yield Finding(
                "error", "label-without-polarization", rows.path, rows.lines[index], column_of[label], message
            )
    types = [label for label in TYPES if label in rows.labels]
    if types:
        typeless = np.all([rows.labels[label] == 0 for label in types], axis=0)
        for index in np.flatnonzero((polarized == 1) & typeless):
            columns = [column_of[label] for label in types]
            message = f"a polarized row should have a type, got 0 for all of {columns}"
            yield Finding("warning", "polarized-without-type", rows.path, rows.lines[index], None, message)


def _ids_across_files(scanned: Sequence[SplitRows]) -> Iterator[Finding]:
    first_seen: dict[str, tuple[Path, int]] = {}
    for rows in scanned:
        if rows.columns.id is None:
            continue
        of_this_file: dict[str, tuple[Path, int]] = {}
        for row_id, line in zip(rows.ids, rows.lines, strict=False):  # no ids where the column is missing
            if row_id in first_seen:
                path, other_line = first_seen[row_id]
                other = f"{path}, row {other_line}"
                message = f"an id must stand in one file only, got {row_id!r}, which {other} has too"
                yield Finding("error", "id-in-two-splits", rows.path, line, rows.columns.id, message)
            of_this_file.setdefault(row_id, (rows.path, line))
        first_seen = of_this_file | first_seen


def _repeated_texts(scanned: Sequence[SplitRows]) -> Iterator[Finding]:
    """Texts that would be trained on and scored on. Warnings: published data has them, and it loads."""
    first_seen: dict[str, tuple[Path, int]] = {}
    for rows in scanned:
        for text, line in zip(rows.texts, rows.lines, strict=False):  # no texts where the column is missing
            key = normalised(text)
            if not key:
                continue
            if key not in first_seen:
                first_seen[key] = (rows.path, line)
                continue
            path, other_line = first_seen[key]
            within = path == rows.path
            yield Finding(
                "warning",
                "duplicate-text" if within else "text-in-two-splits",
                rows.path,
                line,
                rows.columns.text,
                f"a text should stand {'once in a split' if within else 'in one split only'}, "
                f"got the text of {'' if within else f'{path}, '}row {other_line} again",
            )
