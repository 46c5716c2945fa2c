"""The rows of a data set as synthetic ones are made beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tune_polar.data.header import word_of_label
from tune_polar.data.source import Source
from tune_polar.data.table import TRAIN, Corpus
from tune_polar.errors import DataError
from tune_polar.recipe.recipe import Recipe
from tune_polar.synthesis.row_requests import OwnRows

YES_NO = ("0", "1")


@dataclass(frozen=True)
class Columns:
    """Where a row's label and language stand in a file.

    Args:
        target: what the recipe predicts.
        language: the group that says a row's language; None: all are of one.
        groups: all groups that the recipe reads.
        words: of a target told by a word of a column, that column and the word that means 1.
    """

    target: str
    language: str | None
    groups: tuple[str, ...]
    words: tuple[str, str] | None

    @property
    def head(self) -> list[str]:
        """What the columns of the file are called."""
        target = self.target if self.words is None else self.words[0]
        return ["id", "source_id", "text", target, *self.groups, "strategy", "model", "prompt"]


def columns_for(recipe: Recipe, source: Source, by: str | None) -> Columns:
    """Where labels and languages stand.

    Args:
        recipe: that will learn from the rows.
        source: of its data.
        by: the group that says a row's language; None: the one called so, if there is one.

    Raises:
        DataError: the recipe predicts several columns or numbers, or has no such group.
    """
    targets = list(dict.fromkeys(name for stage in recipe.stages.values() for name in stage.columns))
    kinds = recipe.data.kinds
    if len(targets) != 1 or kinds[targets[0]] not in ("label", "class"):
        raise DataError(
            f"synthetic rows must be made for one column of labels or classes, got a recipe that predicts {targets}",
            "Name one column with --target, or a recipe of one with --recipe.",
        )
    groups = recipe.data.groups
    if by is not None and by not in groups:
        raise DataError(
            f"--by must name a group of the recipe, one of {list(groups)}, got {by!r}",
            "Declare it: a recipe of your own with `data: {groups: [language]}`; or leave --by out.",
        )
    language = by if by is not None else "language" if "language" in groups else None
    return Columns(targets[0], language, groups, word_of_label(source, targets[0]))


def own_rows(corpus: Corpus, columns: Columns, written_in: str | None) -> tuple[OwnRows, list[str]]:
    """The rows of train, and the texts of all other splits.

    Raises:
        DataError: nothing says in which language the texts are.
    """
    train = corpus.without_extra().train
    if columns.language is None and written_in is None:
        raise DataError(
            "the language of the texts must be known, and the recipe has no group `language`",
            "Say it with --written-in, for example --written-in English.",
        )
    column = train.column(columns.target)
    known: Sequence[str] = YES_NO if columns.words is None else (f"not {columns.words[1]}", columns.words[1])
    if column.kind == "class":
        known = column.names
    labels = [known[code] for code in train.values(columns.target).tolist()]
    languages = [written_in or ""] * len(train)
    if columns.language is not None:
        languages = [written_in or said for said in train.words(columns.language)]
    if not all(languages):
        raise DataError(
            f"every row must say its language in {columns.language!r}, got rows that say nothing",
            "Fill the column, or say it for all with --written-in.",
        )
    others = [text for name, split in corpus.splits.items() if name != TRAIN for text in split.texts]
    return OwnRows(train.ids, train.texts, labels, languages, tuple(known), columns.target), others
