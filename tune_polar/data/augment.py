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
    written, faults = Augmented(), Faults(str(place))

    def fault(why: str) -> DataError:
        return DataError(f"{out}: must be a file that can be written, but: {why}", "Name another with -o.")

    with whole_text(out, fault) as file:
        for table in _checked(read_parts(place, faults, None, ROWS_AT_ONCE), place, text, name):
            _write(file, table, text, name, augment, written)
        wrong = errors_in(faults.findings())
        if wrong:
            raise data_error(wrong, _REMEDY)
    return written


def _checked(parts: Iterator[RawTable], place: Place, text: str, name: str) -> Iterator[RawTable]:
    for table in parts:
        if text not in table.header:
            raise DataError(
                f"{place}: the file must have the column {text!r}, got {header_shown(table.header)}"
                f"{did_you_mean(text, table.header)}",
                "Name the column of the texts with --text.",
            )
        if name in table.header:
            raise DataError(f"{place}: must not have the column {name!r} yet", "Name another one with --name.")
        yield table


def _write(
    file: IO[str], table: RawTable, text: str, name: str, augment: Callable[[str], tuple[str, int]], written: Augmented
) -> None:
    rows = csv.writer(file, lineterminator="\n")
    if not written.rows:
        rows.writerow((*table.header, name))
    for place in range(len(table)):
        said = table.cells[text][place]
        other, words = augment(said)
        rows.writerow((*(table.cells[each][place] for each in table.header), other if words else ""))
        written.rows += 1
        written.changed += words > 0
        written.words += words


def _as_written(word: str, before: str) -> str:
    """With a capital where the one before it had one."""
    return word.upper() if before.isupper() else word[:1].upper() + word[1:] if before[:1].isupper() else word
