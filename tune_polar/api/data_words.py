"""What is said of the data: which files, which of their columns, and what is to be predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tune_polar.data.infer import infer_columns
from tune_polar.data.layout import WORD_MARK
from tune_polar.data.source import SAMPLE, Source, parse_source, taken_up
from tune_polar.errors import SpecError
from tune_polar.recipe.template import Target

if TYPE_CHECKING:
    import pandas as pd

TEXT, ID = "text", "id"


@dataclass(frozen=True)
class DataWords:
    """The options as typed, or as given in Python."""

    data: str | pd.DataFrame | None = None  # None: the sample, or as recorded
    language: str | None = None
    dev: str | pd.DataFrame | None = None
    test: str | pd.DataFrame | None = None
    text: str | None = None
    id: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)  # the recipe's name → the file's column
    targets: Sequence[str] = field(default_factory=tuple)
    groups: Sequence[str] = field(default_factory=tuple)

    def source(self) -> Source:
        """Where the rows come from.

        Raises:
            DataError: there is nothing of that kind.
            SpecError: a column is not named rightly.
        """
        data = SAMPLE if self.data is None else self.data
        return parse_source(data, language=self.language, dev=self.dev, test=self.test, columns=self.named())

    def taken_up(self, was: Source) -> Source:
        """Where the rows of a recorded search come from now; what is not said is as it was.

        Raises:
            DataError: there is nothing of that kind.
            SpecError: a column is not named rightly.
        """
        return taken_up(was, data=self.data, language=self.language, dev=self.dev, test=self.test, columns=self.named())

    def named(self) -> dict[str, str]:
        """The file's column of each name, those of texts and ids among them.

        Raises:
            SpecError: a column is named twice, and not alike.
        """
        named = dict(self.columns)
        for name, column in ((TEXT, self.text), (ID, self.id)):
            if column is not None and named.setdefault(name, column) != column:
                raise SpecError(
                    f"--{name} must name the column that --column names, got {column!r} and {named[name]!r}",
                    "Give one of the two.",
                )
            if column is not None and not column:
                raise SpecError(f"--{name} must name a column, got nothing", f"For example --{name} {name}.")
        return named


def told_as_labels(source: Source, targets: Sequence[str]) -> bool:
    """Whether ``--column`` says of each target which word is 1."""
    return bool(targets) and all(WORD_MARK in source.columns.get(name, "") for name in targets)


def with_targets(
    source: Source, targets: Sequence[str], *, numbers: bool
) -> tuple[Source, tuple[Target, ...], Mapping[str, str]]:
    """What the columns ``targets`` hold.

    Args:
        source: of the data; all its files are looked at.
        targets: columns to predict.
        numbers: whether the recipe learns numbers; else a column of numbers is no target for it.

    Returns:
        The source, told how the targets are read; the targets; of a label told by two words, the word that is 1.

    Raises:
        DataError: a file cannot be read, lacks a target, or a target is not of a kind to be learned.
    """
    if told_as_labels(source, targets):
        return source, tuple(Target(name, "label") for name in targets), {}
    found = infer_columns(source, targets, numbers=numbers)
    if found.numbers and not numbers:
        (name,) = found.numbers
        raise SpecError(
            f"--target must name a column of labels or classes for this recipe, got {name!r}, which holds numbers",
            "Use the recipe `regressor` for numbers, or give another column.",
        )
    if found.columns:
        source = source.model_copy(update={"columns": {**source.columns, **found.columns}})
    read = (
        *(Target(name, "label") for name in found.labels),
        *(Target(name, "class", words) for name, words in found.classes.items()),
        *(Target(name, "number") for name in found.numbers),
    )
    return source, read, {name: yes for name, (_, yes) in found.words.items()}
