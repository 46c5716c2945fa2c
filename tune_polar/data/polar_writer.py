"""Writes a corpus in POLAR's layout, which ``--data FOLDER`` reads back."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path
from typing import IO

from tune_polar.data.readers.polar import COLUMNS, LANGUAGE
from tune_polar.data.table import Corpus, Split
from tune_polar.errors import DataError
from tune_polar.whole_file import whole_text


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
        fault = partial(_fault, path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise fault(str(error)) from error
        with whole_text(path, fault) as file:
            _write(split, file)
        paths.append(path)
    return paths


def _fault(path: Path, why: str) -> DataError:
    return DataError(f"the file {path} must be writable, but: {why}", "Free disk space or choose another folder.")


def _write(split: Split, file: IO[str]) -> None:
    labels = [column for column in COLUMNS if column in split.columns]
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(["id", "text", *labels])
    for row_id, text, values in zip(split.ids, split.texts, split.matrix(labels), strict=True):
        writer.writerow([row_id, text, *values.tolist()])
