"""What a stage learns to say of a row."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tune_polar.recipe.registry import Component, Registry
from tune_polar.recipe.settings import Name

# As the decision engine calls what a column's gold is.
GoldKind = Literal["binary", "labels", "class", "number"]
ColumnKind = Literal["label", "class", "number"]


class Task(Component):
    """Base: the columns of the data that a stage predicts."""

    gold: ClassVar[GoldKind]
    reads: ClassVar[ColumnKind]  # the kind of column that it may predict

    @property
    def columns(self) -> tuple[str, ...]:
        """The predicted columns, in order of the outputs."""
        raise NotImplementedError


TASKS: Registry[Task] = Registry("task")


class _OneColumn(Task):
    target: Name = Field(description="Column of the data that the stage predicts")

    @property
    def columns(self) -> tuple[str, ...]:
        """The one predicted column."""
        return (self.target,)


@TASKS.register("binary")
class Binary(_OneColumn):
    """Yes or no: a column of 0 and 1."""

    gold = "binary"
    reads = "label"


@TASKS.register("multiclass")
class Multiclass(_OneColumn):
    """One of several classes."""

    gold = "class"
    reads = "class"


@TASKS.register("multilabel")
class Multilabel(Task):
    """Any number of labels a row: several columns of 0 and 1."""

    gold = "labels"
    reads = "label"
    targets: Annotated[tuple[Name, ...], Field(strict=False, min_length=1)] = Field(
        description="Columns of the data that the stage predicts, in order of its outputs"
    )

    @property
    def columns(self) -> tuple[str, ...]:
        """The predicted columns, in order of the outputs."""
        return self.targets


@TASKS.register("regression")
class Regression(_OneColumn):
    """A number a row."""

    gold = "number"
    reads = "number"
