"""The section `submission`: the file that a competition wants of what is decided. Costs no training, changes no id."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tune_polar.recipe.broken_rules import Breach, RuleBrokenError
from tune_polar.recipe.graph import DecisionGraph, circle_in
from tune_polar.recipe.message_words import did_you_mean
from tune_polar.recipe.settings import Name, Names, Settings

PLACE = re.compile(r"\{([^{}]*)\}")
_COLUMN = re.compile(r"[^\W\d]\w*")
_UNSAFE = frozenset('\\:*?"<>|')
EXAMPLE = """submission:
  member: pred_{language}.csv    # or predictions.csv
  id: id
  columns: [label]               # left out: all that is decided
  archive: zip                   # or none"""


class Submission(Settings):
    """A file, or an archive of a file for each group of rows: an id and a column for each thing decided."""

    word: ClassVar[str | None] = "member"

    member: Name = Field(
        description="Name of the file in the archive; `{language}` in it: one for each value of that column, or what "
        "`--language` says"
    )
    format: Literal["csv", "tsv", "jsonl"] = Field(default="csv", description="Commas, tabs, or a JSON object a line")
    id: Name = Field(default="id", description="What it calls the column of ids")
    columns: Names = Field(
        default=(), description="Columns of the scored decision, in the order wanted; `[]`: all, in their order"
    )
    header: Mapping[Name, Name] = Field(default={}, description="What it calls columns, where not by their own names")
    words: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=("0", "1"), description="How it writes that a label is not there, and that it is"
    )
    archive: Literal["zip", "none"] = Field(default="zip", description="`none`: the one file itself")

    @property
    def by(self) -> str | None:
        """The column in the name of its files; None: there is one file."""
        found = PLACE.search(self.member)
        return found.group(1) if found else None

    def member_of(self, group: str) -> str:
        """Name of the file of the rows with that value."""
        return PLACE.sub(lambda _: group, self.member)

    @model_validator(mode="after")
    def _can_be_written(self) -> Self:
        breaches = [*self._member(), *self._names()]
        if breaches:
            raise RuleBrokenError(*breaches)
        return self

    def _member(self) -> Iterator[Breach]:
        places = PLACE.findall(self.member)
        bare = PLACE.sub("x", self.member)
        if len(set(places)) > 1 or not all(map(_COLUMN.fullmatch, places)) or "{" in bare or "}" in bare:
            yield Breach(("member",), "must hold at most one column in braces, such as {language}", self.member)
        elif not is_plain_path(bare):
            rule = "must be the name of a file, with / between folders and without .., control characters, \\ or :"
            yield Breach(("member",), rule, self.member)

    def _names(self) -> Iterator[Breach]:
        if len(set(self.columns)) < len(self.columns):
            yield Breach(("columns",), "must name each column once", list(self.columns))
        if len(self.words) != 2 or self.words[0] == self.words[1]:
            yield Breach(("words",), "must be two different words, for no and for yes", list(self.words))


def is_plain_path(name: str) -> bool:
    """Whether an archive may hold a file of this name: unpacked, it stays in its folder on every system."""
    parts = name.split("/")
    return all(part.strip(" .") for part in parts) and name.isprintable() and not set(name) & _UNSAFE


def submission_breaches(submission: Submission | None, scored: str, graph: DecisionGraph) -> Iterator[Breach]:
    """Its columns are what is decided."""
    if submission is None or scored not in graph.decide or circle_in(graph.edges) is not None:
        return
    said = graph.said(scored)
    if said is None:
        return
    known = list(said.columns)
    for place in ("columns", "header"):
        for name in getattr(submission, place):
            if name not in known:
                rule = f"must name columns that {scored!r} decides, of {known}"
                yield Breach(("submission", place), rule, name, did_you_mean(name, known))
    written = [submission.header.get(name, name) for name in submission.columns or known]
    if len({submission.id, *written}) < len(written) + 1:
        yield Breach(
            ("submission", "header"), "must call each column, the ids' too, by another name", [submission.id, *written]
        )
