"""Texts in other words: some words of each give way to synonyms, by chance and by a seed."""

from __future__ import annotations

import csv
import os
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from tune_polar.data.findings import Faults, data_error, errors_in
from tune_polar.data.readers import Place, RawTable, read_parts
from tune_polar.data.readers.raw import header_shown
from tune_polar.data.suggestions import did_you_mean
from tune_polar.errors import DataError
from tune_polar.whole_file import whole_text

MOST_WORDS = 10  # of one text that give way
ROWS_AT_ONCE = 4096
_WORD = re.compile(r"(?<![\w@#/.'’-])[A-Za-z]{2,}(?![\w@/'’-])")  # no name, tag, address or part of a word
_REMEDY = "Mend the named places, or name the right file and column."

Synonyms = Callable[[str], Sequence[str]]


@dataclass
class Augmented:
    """What has been written."""

    rows: int = 0
    changed: int = 0  # texts that have another one now
    words: int = 0  # that gave way in them


def in_other_words(text: str, synonyms: Synonyms, seed: int, share: float) -> tuple[str, int]:
    """``text`` with some words in place of others that mean the same, and how many.

    Of the words that have a synonym and say something (no "the", no "not") as many give way as ``share`` of all words,
    one at least and ``MOST_WORDS`` at most. Equal texts and seeds give equal texts, whatever stands beside them.

    Args:
        text: of one row.
        synonyms: of a word.
        seed: of what gives way, and to what.
        share: of the words of a text.
    """
    words = list(_WORD.finditer(text))
    known = [word for word in words if word[0].lower() not in ENGLISH_STOP_WORDS and synonyms(word[0])]
    rng = random.Random(f"{seed} {text}")
    number = min(max(round(share * len(words)), 1), MOST_WORDS, len(known))
    found, end = [], 0
    for word in sorted(rng.sample(known, number), key=re.Match.start):
        found += [text[end : word.start()], _as_written(rng.choice(synonyms(word[0])), word[0])]
        end = word.end()
    return "".join((*found, text[end:])), number


def augment_file(place: Place, text: str, out: Path, name: str, augment: Callable[[str], tuple[str, int]]) -> Augmented:
    """Write ``place`` as CSV with a further column, part by part: a file of any size takes the memory of one part.

    Args:
        place: the file.
        text: its column of texts.
        out: the file to write, which must not be there.
        name: of the further column; empty where a text has no word that may give way.
        augment: ``in_other_words`` with all but the text.

    Raises:
        DataError: ``place`` cannot be read, lacks ``text`` or has ``name``; or ``out`` cannot be written.
    """
    if os.path.lexists(out):
        raise DataError(f"{out}: must not be there yet", "Name another file with -o, or remove this one.")

    def fault(why: str) -> DataError:
        return DataError(f"{out}: must be a file that can be written, but: {why}", "Name another with -o.")

    with whole_text(out, fault) as file:
        table = _Table(file, text, name, augment)
        header = table.take(_parts(place, text, name))
        if len(header) > len(table.header):  # JSON lines name their columns row by row: now all are known
            table.begin(header)
            table.take(_parts(place, text, name))
    return table.written


def _parts(place: Place, text: str, name: str) -> Iterator[RawTable]:
    faults = Faults(str(place))
    for table in read_parts(place, faults, None, ROWS_AT_ONCE):
        if text not in table.header:
            raise DataError(
                f"{place}: the file must have the column {text!r}, got {header_shown(table.header)}"
                f"{did_you_mean(text, table.header)}",
                "Name the column of the texts with --text.",
            )
        if name in table.header:
            raise DataError(f"{place}: must not have the column {name!r} yet", "Name another one with --name.")
        yield table
    wrong = errors_in(faults.findings())
    if wrong:
        raise data_error(wrong, _REMEDY)


class _Table:
    """The CSV that is written."""

    def __init__(self, file: IO[str], text: str, name: str, augment: Callable[[str], tuple[str, int]]) -> None:
        self._file, self._text, self._name, self._augment = file, text, name, augment
        self._rows = csv.writer(file, lineterminator="\n")
        self.header: Sequence[str] = ()
        self.written = Augmented()

    def begin(self, header: Sequence[str]) -> None:
        """Begin anew, with the columns ``header``."""
        self._file.seek(0)
        self._file.truncate()
        self._rows.writerow((*header, self._name))
        self.header, self.written = header, Augmented()

    def take(self, parts: Iterator[RawTable]) -> Sequence[str]:
        """Write the rows of ``parts`` up to the first that has further columns; the columns of the last part."""
        header: Sequence[str] = ()
        for part in parts:
            header = part.header
            if not self.header:
                self.begin(header)
            if len(header) <= len(self.header):
                self._write(part)
        return header

    def _write(self, part: RawTable) -> None:
        blank = [""] * len(part)
        columns = [part.cells.get(each, blank) for each in self.header]
        for place, said in enumerate(part.cells[self._text]):
            other, words = self._augment(said)
            self._rows.writerow((*(column[place] for column in columns), other if words else ""))
            self.written.rows += 1
            self.written.changed += words > 0
            self.written.words += words


def _as_written(word: str, before: str) -> str:
    """With a capital where the one before it had one."""
    return word.upper() if before.isupper() else word[:1].upper() + word[1:] if before[:1].isupper() else word
