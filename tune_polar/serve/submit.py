"""Predicts a competition's texts for the file that it wants of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tune_polar.data.findings import Faults, data_error, errors_in
from tune_polar.data.new_texts import NewTexts
from tune_polar.data.readers import Place, read_parts, read_raw
from tune_polar.errors import SpecError
from tune_polar.recipe.submission import EXAMPLE, Submission
from tune_polar.serve.composition import Composition, gold_of
from tune_polar.serve.submission_file import Answered, SubmissionFile
from tune_polar.serve.unknown_groups import UnknownGroups

if TYPE_CHECKING:  # it brings torch
    from tune_polar.serve.fold_models import Model

ROWS = 1 << 16  # of ids read at once


@dataclass(frozen=True)
class Grouping:
    """What stands for the column in the names of a submission's files.

    Args:
        column: that the files have; None: they have none.
        word: of all rows; None: where there is no column, the name of each file of texts.
    """

    column: str | None
    word: str | None

    def of(self, part: NewTexts) -> Sequence[str]:
        """Of each row."""
        if self.column is not None:
            return part.groups[self.column]
        return (self.word_of(part.file),) * len(part)

    def word_of(self, file: str) -> str:
        """What stands for the column on all rows of a file.

        Args:
            file: its address or name.
        """
        return Path(file).name.partition(".")[0] if self.word is None else self.word


def answer(
    model: Model, file: SubmissionFile, parts: Iterable[NewTexts], grouping: Grouping, say: Callable[[str], None]
) -> None:
    """Predict texts and put the rows into the file, which is not written yet.

    Args:
        model: that decides.
        file: with nothing in it yet.
        parts: of texts.
        grouping: into files.
        say: told what a person should know of the rows, each once.

    Raises:
        DataError: texts cannot be read, or an id is empty.
    """
    about, unknown = model.composition, UnknownGroups(model.composition, say)
    for part in parts:
        unknown.look_at(part)
        groups = {name: part.groups[name] for name in about.groups}
        file.add(part.ids, grouping.of(part), model.predict(part.texts, groups).decided[about.score])


def empty_file(form: Submission, composition: Composition, grouping: Grouping) -> SubmissionFile:
    """Of the form that the competition wants, for what the scored decision says.

    Raises:
        DataError: the word that is typed makes no name of a file.
        SpecError: the form does not fit what is decided.
    """
    shape = gold_of(composition, composition.score)
    is_class = shape.gold == "class"
    answered = Answered(shape.gold, (shape.target,) if is_class else shape.columns, shape.columns if is_class else ())
    file = SubmissionFile(form, answered)
    if grouping.column is None and grouping.word is not None:
        file.check_group(grouping.word)
    return file


def required(form: Submission | None, of: str) -> Submission:
    """The section of a recipe.

    Raises:
        SpecError: it has none.
    """
    if form is None:
        example = EXAMPLE.replace("\n", "\n    ")
        raise SpecError(
            f"{of} must say what the competition wants in a section `submission`, got none",
            "Write it into a recipe, such as one with `extends: winner.yaml`, and give that with --recipe FILE, for "
            f"example:\n    {example}",
        )
    return form


def grouping_of(
    form: Submission, files: Sequence[str], manifest: Mapping[str, Any] | None, *, has_column: bool, word: str | None
) -> Grouping:
    """How rows are told apart: by the files' own column, what was typed, the language of the search's data, or by file.

    Raises:
        SpecError: none of them is there, or two files' names say the same.
    """
    if form.by is None:
        return Grouping(None, "")
    if word is not None:
        return Grouping(None, word)
    if has_column:
        return Grouping(form.by, None)
    if len(files) > 1:
        grouping = Grouping(None, None)
        _refuse_alike(files, grouping, form)
        return grouping
    searched = _language(manifest)
    if searched is None:
        raise SpecError(
            f"{files[0]} must have the column {form.by!r}, for submission.member is {form.member!r}, but it has none",
            "Say what it is with --language.",
        )
    return Grouping(None, searched)


def have_column(files: Sequence[str], column: str) -> bool:
    """Whether every file has the column; one that cannot be read is refused when it is read."""
    return all(_has(Place(file), column) for file in files)


def expected_ids(address: str, column: str) -> Iterator[str]:
    """The column of ids of a file, such as a competition's sample submission.

    Raises:
        DataError: the file cannot be read or has no such column.
    """
    faults = Faults(address)
    for table in read_parts(Place(address), faults, {column}, ROWS):
        if column not in table.cells:
            faults.add("missing-column", 1, column, f"the file must have the column {column!r}")
        if errors_in(faults.findings()):
            break
        yield from table.cells[column]
    if errors_in(faults.findings()):
        raise data_error(faults.findings(), "Give the competition's file of ids, or leave --ids out.")


def _refuse_alike(files: Sequence[str], grouping: Grouping, form: Submission) -> None:
    told = dict[str, str]()
    for file in files:
        word = grouping.word_of(file)
        if word in told:
            raise SpecError(
                f"files must have names that tell their {form.by} apart, for submission.member is {form.member!r} and "
                f"not all have the column {form.by!r}; got {told[word]!r} and {file!r}, both {word!r}",
                f"Rename them, give them the column {form.by!r}, or run one `submit` for each {form.by} with "
                "--language WORD.",
            )
        told[word] = file


def _has(place: Place, column: str) -> bool:
    table, _ = read_raw(place, (), most_rows=1)
    return table is not None and column in table.header


def _language(manifest: Mapping[str, Any] | None) -> str | None:
    """The one language of the data that was searched."""
    source = {} if manifest is None else manifest.get("data", {}).get("source", {})
    word = source.get("language") if source.get("kind") == "polar" else None
    return word if isinstance(word, str) and word != "all" and "," not in word else None
