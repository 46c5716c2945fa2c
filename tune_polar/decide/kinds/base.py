"""What a kind of decision offers, and the registry of kinds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from tune_polar.decide.array_checks import BoolArray, IntArray
from tune_polar.decide.metrics import Metric
from tune_polar.decide.rows import Gold, GoldKind
from tune_polar.decide.tables import Table, TableKind
from tune_polar.errors import DecisionError


class Setting(Protocol):
    """Values of what a decision chooses; printed in full by ``str``."""

    def written(self) -> dict[str, Any]:
        """As a recipe writes them: ``{"k": 49, "tau": 0.4}``."""


P = TypeVar("P")  # what a kind prepares
S = TypeVar("S", bound=Setting)
D = TypeVar("D", bound="type[Decision[Any, Any]]")


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a decision reads of some rows."""

    tables: tuple[Table, ...]
    names: tuple[str, ...]  # of the columns that are decided
    groups: NDArray[Any] | None = None  # (rows,) of the column that ``per`` names

    def __len__(self) -> int:
        return len(self.tables[0])

    def take(self, rows: NDArray[Any]) -> Inputs:
        """Some of the rows, given as positions or as a mask."""
        groups = None if self.groups is None else self.groups[rows]
        return Inputs(tuple(table.take(rows) for table in self.tables), self.names, groups)


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows that a decision may be chosen on: all of them are judged."""

    inputs: Inputs
    gold: Gold
    part: IntArray  # (rows,)
    ids: IntArray  # (rows,) equal numbers are one and the same text
    metric: Metric

    @property
    def texts(self) -> int:
        """How many there are; of several seeds, or held out in several parts, a text has several rows."""
        return len(np.unique(self.ids))

    def take(self, rows: NDArray[Any]) -> Sample:
        """Some of the rows, given as positions or as a mask."""
        part, ids = self.part[rows], self.ids[rows]
        return replace(self, inputs=self.inputs.take(rows), gold=self.gold.take(rows), part=part, ids=ids)

    def of(self, parts: Sequence[int]) -> Sample:
        """The rows of these parts."""
        own = np.isin(self.part, parts)
        return self if own.all() else self.take(own)


class Decision(ABC, Generic[P, S]):
    """One kind of decision with its settings.

    A kind that chooses nothing implements ``decide`` alone. One that chooses names its ``parameters``, as a recipe
    writes them, and implements ``prepare`` (what choosing on any of the parts needs, computed once), ``choose``,
    ``as_written`` and ``plain``.
    """

    parameters: ClassVar[tuple[str, ...]] = ()
    reads: ClassVar[tuple[TableKind, ...]] = ()  # kinds of table that it takes
    decides: ClassVar[tuple[GoldKind, ...]] = ()  # kinds of gold that it answers to
    is_gated: ClassVar[bool] = False  # has ``by``: a second decision that says which rows it keeps
    takes_several: ClassVar[bool] = False  # ``of`` is a list
    gives_table: ClassVar[bool] = False  # its answer is a table that decisions read, not a decision yet

    @abstractmethod
    def decide(self, inputs: Inputs, setting: S | None) -> NDArray[Any]:
        """What is decided for each row, from that row alone, shape (rows, columns)."""

    def prepare(self, sample: Sample) -> P:
        """All that choosing on any parts of ``sample`` needs."""
        raise NotImplementedError

    def choose(self, prepared: P, parts: Sequence[int]) -> S:
        """The setting that does best on the rows of ``parts``, by the kind's own rule for ties."""
        raise NotImplementedError

    def reached(self, prepared: P, parts: Sequence[int]) -> float | None:  # noqa: ARG002 - most kinds cannot say
        """The metric's highest value over all settings on the rows of ``parts``, where a sweep has looked at all."""
        return None

    def as_written(self, names: Sequence[str], width: int) -> S | None:  # noqa: ARG002
        """The setting that the recipe writes for columns ``names`` of a table so wide; None where it is left open."""
        return None

    def plain(self, names: Sequence[str], width: int) -> S | None:  # noqa: ARG002
        """The setting that needs no choice, such as 0.5; None where there is none."""
        return None

    def best_for(self, metric: Metric, gold: GoldKind) -> Self:  # noqa: ARG002
        """The same kind, choosing by the rule that looks for the most of ``metric``, where it has several rules."""
        return self

    def merged(self, own: S, pooled: S, usable: BoolArray) -> S:
        """A group's setting: its ``own`` where its rows could choose, (columns,), else that of all groups."""
        return own if usable.all() else pooled

    def kind_of_answer(self, inputs: Inputs) -> TableKind:  # noqa: ARG002
        """The kind of table that other decisions find its answer to be."""
        return "decided"

    def check(self, inputs: Inputs, gold: Gold) -> None:
        """Refuse tables and gold that this kind cannot decide on."""
        kinds = {table.kind for table in inputs.tables}
        if not kinds <= set(self.reads):
            raise DecisionError(
                f"{_name(self)} reads a table of {' or '.join(self.reads)}, got {' and '.join(sorted(kinds))}",
                "Decide on a stage that predicts such a table.",
            )
        if gold.kind not in self.decides:
            raise DecisionError(
                f"{_name(self)} decides {' and '.join(self.decides)} gold, got {gold.kind} gold",
                "Choose a kind of decision that fits the stage's task.",
            )


DECISIONS: dict[str, type[Decision[Any, Any]]] = {}


def register(name: str) -> Callable[[D], D]:
    """A decorator: this class is the kind ``name``. Its constructor's keywords are the kind's settings.

    Raises:
        ValueError: there is one of that name already.
    """

    def add(kind: D) -> D:
        if name in DECISIONS:
            raise ValueError(f"decision {name!r} must be registered once")
        DECISIONS[name] = kind
        return kind

    return add


def build_decision(kind: str, /, **settings: Any) -> Decision[Any, Any]:
    """A decision of ``kind`` with ``settings``.

    Raises:
        DecisionError: an unknown kind or setting, or a value that the kind refuses.

    Example:
        >>> build_decision("knn_vote", k=49, tau=0.4)
    """
    if kind not in DECISIONS:
        raise DecisionError(f"a decision's type must be one of {', '.join(DECISIONS)}, got {kind!r}", "Choose one.")
    try:
        return DECISIONS[kind](**settings)
    except TypeError as error:
        raise DecisionError(
            f"{kind} must be given its own settings, got {error}", "Leave out what it lacks."
        ) from error


def _name(decision: Decision[Any, Any]) -> str:
    return next((name for name, kind in DECISIONS.items() if type(decision) is kind), type(decision).__name__)
