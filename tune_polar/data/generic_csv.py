"""Loads any CSV files with a text column and 0/1 label columns."""

from __future__ import annotations

from pathlib import Path

from tune_polar.data.corpus import Corpus, Split
from tune_polar.data.csv_table import FILE_REMEDY, scan_table
from tune_polar.data.findings import Finding, data_error, errors_in
from tune_polar.data.split_rows import ColumnNames, SplitRows, scan_rows

__all__ = ["ColumnNames", "load_csv", "scan_csv_rows"]


COLUMN_REMEDY = (
    "Name your own columns, for example --column text=tweet --column polarization=hateful; "
    "`tune-polar data check` lists every finding."
)


def load_csv(train: Path, *, dev: Path | None, test: Path | None, columns: ColumnNames) -> Corpus:
    """Read ``train`` and, where given, ``dev`` and ``test``; the corpus is named after the train file.

    A dev or test file may lack the label columns, all of them; its split then has no labels.

    Raises:
        DataError: a file cannot be read, lacks a column, or has an empty text, a repeated id or a label
            that is neither 0 nor 1.
    """
    splits: dict[str, Split] = {}
    for name, path in (("train", train), ("dev", dev), ("test", test)):
        if path is None:
            continue
        rows, findings = scan_csv_rows(path, name, columns)
        errors = errors_in(findings)
        if errors or rows is None:
            lacks = any(finding.code == "missing-column" for finding in errors)
            raise data_error(errors, COLUMN_REMEDY if lacks else FILE_REMEDY)
        splits[name] = rows.to_split()
    return Corpus(train.stem, splits)


def scan_csv_rows(path: Path, name: str, columns: ColumnNames) -> tuple[SplitRows | None, list[Finding]]:
    """Read one file as the split ``name`` and collect every finding about it and its rows."""
    table, findings = scan_table(path)
    if table is None:
        return None, findings
    has_gold = any(column in table.header for column in columns.labels.values())
    if name != "train" and not has_gold:
        columns = ColumnNames(columns.id, columns.text, {})
    rows = scan_rows(table, name, columns)
    return rows, [*findings, *rows.findings]
