"""Writes a corpus in POLAR's layout, which ``--data FOLDER`` reads back."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from tune_polar.data.readers.polar import COLUMNS, LANGUAGE
from tune_polar.data.table import Corpus, Split
from tune_polar.errors import DataError


def write_polar(corpus: Corpus, folder: Path, language: str) -> list[Path]:
    """Write ``<folder>/<split>/<language>.csv`` for every split, over what is there, and return the paths.

    Like POLAR's own files: UTF-8, lines ended by CRLF, label columns in POLAR's order.

    Raises:
        DataError: a label is not one of POLAR's columns, or the folder cannot be written to.
    """
    paths = []
    for name, split in corpus.splits.items():
        unknown = sorted(set(split.columns) - {*COLUMNS, LANGUAGE})
        if unknown:
            raise DataError(
                f"labels written as POLAR must be its columns, got {unknown}",
                "Rename or leave out the labels.",
            )
        path = folder / name / f"{language}.csv"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(split, path)
        except OSError as error:
            raise DataError(
                f"the file {path} must be writable, got {error}", "Free disk space or choose another folder."
            ) from error
        paths.append(path)
    return paths


def _write(split: Split, path: Path) -> None:
    labels = [column for column in COLUMNS if column in split.columns]
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(["id", "text", *labels])
        for row_id, text, values in zip(split.ids, split.texts, split.matrix(labels), strict=True):
            writer.writerow([row_id, text, *values.tolist()])
    os.replace(temporary, path)
