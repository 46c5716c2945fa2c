"""A competition's file: decided rows in the form that a recipe's section `submission` names, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from tune_polar.errors import DataError, SpecError
from tune_polar.recipe.submission import Submission, is_plain_path
from tune_polar.store.training_facts import Array
from tune_polar.whole_file import whole_file

DIGITS = 6  # of a number, behind the point
NAMED = 10  # ids of a sentence
_MADE = (2026, 1, 1, 0, 0, 0)  # equal answers make equal archives
Gold = Literal["binary", "labels", "class", "number"]
Cell = str | int | float


@dataclass(frozen=True)
class Answered:
    """What is decided, and of what kind.

    Args:
        gold: what a decision says.
        columns: it says it of, in its order; of a class or a number one.
        classes: by code, of a class.
    """

    gold: Gold
    columns: tuple[str, ...]
    classes: tuple[str, ...] = ()


@dataclass
class _Member:
    ids: list[str] = field(default_factory=list)
    cells: list[list[Cell]] = field(default_factory=list)  # (rows, columns)


class SubmissionFile:
    """Takes rows part by part and writes them as one file, whole or not at all.

    Example:
        >>> file = SubmissionFile(recipe.submission, Answered("labels", ("loud", "sly")))
        >>> file.add(["a1", "a2"], ["eng", "eng"], decided)
        >>> file.write(Path("submission.zip"), expected=None)
        {'pred_eng.csv': 2}
    """

    def __init__(self, form: Submission, answered: Answered) -> None:
        """Nothing is in it.

        Raises:
            SpecError: a column that is wanted is not decided.
        """
        self._form, self._answered = form, answered
        self._columns = form.columns or answered.columns
        strange = [name for name in (*self._columns, *form.header) if name not in answered.columns]
        if strange:
            known = list(answered.columns)
            raise SpecError(
                f"submission.columns must name columns that are decided, of {known}, got {strange[0]!r}",
                "Correct the section `submission` of the recipe.",
            )
        self._places = [answered.columns.index(name) for name in self._columns]
        self._members: dict[str, _Member] = {}

    def check_group(self, group: str) -> None:
        """Whether what stands for the column makes a name of a file.

        Raises:
            DataError: it does not.
        """
        name = self._form.member_of(group)
        if (self._form.by is not None and not group.strip()) or "/" in group or not is_plain_path(name):
            raise DataError(
                f"{self._form.by} must make a name of a file in {self._form.member!r}, got {group!r}",
                "Correct the column, or give --language.",
            )

    def add(self, ids: Sequence[str], groups: Sequence[str], decided: Array) -> None:
        """Some rows.

        Args:
            ids: of the rows.
            groups: of each row what stands for the column in the files' name; "" where there is none.
            decided: (rows, columns) of the decision: of labels booleans, of a class its code, of a number its value.

        Raises:
            DataError: an id is empty, or a group makes no name of a file.
        """
        if not all(map(str.strip, ids)):
            raise DataError(
                "every text must have an id, but that of one is empty",
                "Correct the file of texts, or name the column with --id.",
            )
        for group in dict.fromkeys(groups):
            self.check_group(group)
        for row_id, group, row in zip(ids, groups, self._cells(decided), strict=True):
            member = self._members.setdefault(self._form.member_of(group), _Member())
            member.ids.append(row_id)
            member.cells.append(row)

    def write(self, path: Path, expected: Iterable[str] | None) -> dict[str, int]:
        """Check the ids and write the file.

        Args:
            path: of the file.
            expected: ids that the competition wants an answer for, each once; None: those that were added.

        Returns:
            Rows by name of the files in it.

        Raises:
            DataError: an id is repeated, missing or not wanted, or the file cannot be written.
            SpecError: without an archive there are several files.
        """
        faults = [*self._repeated(), *(() if expected is None else self._unlike(list(expected)))]
        if faults:
            raise DataError("\n".join(faults), "Correct the file of texts: every id wanted, once, and no other.")
        if not self._members:
            raise DataError("a submission must have rows, got none", "Give a file with texts.")
        if self._form.archive == "none" and len(self._members) > 1:
            raise SpecError(
                f"submission.archive: none must have one file, got {len(self._members)}: {_some(list(self._members))}",
                "Set submission.archive to zip, or hand in one file after the other.",
            )
        contents = {name: self._content(member) for name, member in self._members.items()}
        _put(path, _zipped(contents) if self._form.archive == "zip" else next(iter(contents.values())))
        return {name: len(member.ids) for name, member in self._members.items()}

    def _cells(self, decided: Array) -> list[list[Cell]]:
        """Of each row what is written, in the order wanted."""
        answered, words = self._answered, [_json(word) for word in self._form.words]
        if answered.gold == "class":
            return [[answered.classes[int(code)]] for code in decided[:, 0]]
        if answered.gold == "number":
            return [[round(float(row[place]), DIGITS) for place in self._places] for row in decided]
        return [[words[int(row[place])] for place in self._places] for row in decided.astype(np.bool_)]

    def _content(self, member: _Member) -> bytes:
        header = [self._form.header.get(name, name) for name in self._columns]
        text = io.StringIO(newline="")
        if self._form.format == "jsonl":
            for row_id, row in zip(member.ids, member.cells, strict=True):
                about = {self._form.id: row_id, **dict(zip(header, row, strict=True))}
                text.write(json.dumps(about, ensure_ascii=False) + "\n")
        else:
            table = csv.writer(text, delimiter="\t" if self._form.format == "tsv" else ",", lineterminator="\n")
            table.writerow([self._form.id, *header])
            table.writerows([row_id, *row] for row_id, row in zip(member.ids, member.cells, strict=True))
        return text.getvalue().encode()

    def _repeated(self) -> list[str]:
        found = []
        for name, member in self._members.items():
            twice = [row_id for row_id, count in Counter(member.ids).items() if count > 1]
            if twice:
                found.append(f"{name}: every id must be there once, but these are repeated: {_some(twice)}")
        return found

    def _unlike(self, expected: list[str]) -> list[str]:
        answered = dict.fromkeys(row_id for member in self._members.values() for row_id in member.ids)
        wanted = dict.fromkeys(expected)
        told = {
            "the file of ids must name each once, but these are repeated": _twice(expected),
            "every id that is wanted must be answered, but these are missing": [i for i in wanted if i not in answered],
            "no other id must be answered, but these are extra": [i for i in answered if i not in wanted],
        }
        return [f"{rule}: {_some(ids)}" for rule, ids in told.items() if ids]


def _twice(ids: list[str]) -> list[str]:
    return [row_id for row_id, count in Counter(ids).items() if count > 1]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(map(repr, names[:NAMED])) + more


def _json(word: str) -> Cell:
    """A word as a JSON file has it: a number where it is one."""
    return int(word) if word.isdecimal() and str(int(word)) == word else word


def _zipped(contents: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(contents.items()):
            about = zipfile.ZipInfo(name, _MADE)
            about.compress_type, about.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(about, content)
    return made.getvalue()


def _put(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        DataError: it cannot be written.
    """

    def fault(why: str) -> DataError:
        return DataError(f"{path} must be a file that can be written, but: {why}", "Give another -o.")

    with whole_file(path, fault) as file:
        file.write(content)
