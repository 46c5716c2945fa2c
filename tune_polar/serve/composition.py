"""What a model is made of: the stages of its cells, and decisions as they were set on all out-of-fold rows.

The model of an ensemble has the cells of all its members. A stage's table is then the weighted mean of the members'
tables of that stage, a neighbour table turned into the share of positives among the member's k nearest.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from math import isfinite
from typing import Any, Literal

import numpy as np
from pydantic import TypeAdapter, ValidationError

from tune_polar.decide.deployed import settings_from_json
from tune_polar.decide.graph import Graph
from tune_polar.decide.kinds import Setting
from tune_polar.decide.member_tables import mean_table
from tune_polar.decide.tables import Table
from tune_polar.errors import DecisionError, StoreError
from tune_polar.recipe.components.adapters import ADAPTERS
from tune_polar.recipe.components.heads import HEADS
from tune_polar.recipe.recorded import first_fault
from tune_polar.recipe.sections import TinyEncoder
from tune_polar.store.plain_record import SAFE_NAME
from tune_polar.store.training_facts import Array
from tune_polar.trial.stage_shape import StageShape

RowsTrained = Literal["folds", "all"]
FORMAT = 1
MOST_TOKENS = 4096  # as of a recipe
_REMEDY = "Give the folder that `tune-polar export STORE --model DIR` wrote, as it was written."


@dataclass(frozen=True)
class CellModels:
    """The stages of one cell.

    Args:
        fold: that held rows out; None: nothing was held out.
        seed: that it was trained with.
        stages: key by stage.
        member: of an ensemble, whose cell it is.
    """

    fold: int | None
    seed: int
    stages: Mapping[str, str]
    member: str | None = None

    @property
    def name(self) -> str:
        """``f0-s42``; ``all-s42`` of a model of all rows; in an ensemble the member's id stands in front."""
        start = "" if self.member is None else f"{self.member}-"
        return f"{start}{'all' if self.fold is None else f'f{self.fold}'}-s{self.seed}"


@dataclass(frozen=True)
class Member:
    """A configuration in an ensemble.

    Args:
        weight: what it counts, above 0.
        shapes: by stage.
        k: by stage that predicts neighbours, how many of them vote.
    """

    weight: float
    shapes: Mapping[str, StageShape]
    k: Mapping[str, int]


@dataclass(frozen=True)
class Composition:
    """A configuration's or an ensemble's models and what they decide by; plain data.

    Args:
        configuration: its id; ``ensemble``.
        rows: ``folds``: a model a cell, which vote together; ``all``: one model of all rows.
        shapes: by stage, as decisions read it: of an ensemble the mean of its members.
        cells: at least one.
        steps: the recipe's section ``decide``, with what its best alternative changes.
        score: the decision that is scored.
        metric: by which.
        settings: by decision, chosen on all out-of-fold rows; see ``settings_to_json``.
        text_column: what the search's files call the column of texts.
        id_column: what they call that of the ids.
    """

    configuration: str
    rows: RowsTrained
    shapes: Mapping[str, StageShape]
    cells: tuple[CellModels, ...]
    steps: Mapping[str, Mapping[str, Any]]
    score: str
    metric: str
    settings: Mapping[str, Any]
    text_column: str = "text"
    id_column: str = "id"
    members: Mapping[str, Member] = field(default_factory=dict)  # of an ensemble, by configuration

    @cached_property
    def graph(self) -> Graph:
        """The decisions.

        Raises:
            DecisionError: they are none.
        """
        return Graph.of(self.steps, score=self.score, stages=tuple(self.shapes))

    @cached_property
    def chosen(self) -> dict[str, Setting]:
        """What each decision is set to; groups by their names.

        Raises:
            DecisionError: a setting does not fit its decision.
        """
        columns = {name: shape.columns for name, shape in self.shapes.items()}
        return settings_from_json(self.graph, self.settings, columns)

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages that the score rests on, in the order of training."""
        read = self.graph.scored.stages
        return tuple(name for name in self.shapes if name in read)

    @property
    def groups(self) -> tuple[str, ...]:
        """Columns by which decisions are set."""
        return tuple(sorted({node.per for node in self.graph.scored.below if node.per is not None}))

    @cached_property
    def places(self) -> Mapping[str, tuple[CellModels, str]]:
        """By key a cell and a stage, the first of those that share it."""
        found: dict[str, tuple[CellModels, str]] = {}
        for cell in self.cells:
            for stage in self.stages:
                found.setdefault(cell.stages[stage], (cell, stage))
        return found

    def shape_of(self, cell: CellModels, stage: str) -> StageShape:
        """Of a stage of a cell."""
        return (self.shapes if cell.member is None else self.members[cell.member].shapes)[stage]

    def tables(self, answers: Mapping[str, Sequence[Array]], cells: Sequence[CellModels]) -> dict[str, Table]:
        """By stage what decisions read.

        Args:
            answers: by stage the table of each of ``cells``.
            cells: some of the model's.
        """
        if not self.members:
            return {name: Table.of(self.shapes[name].predicts, each) for name, each in answers.items()}
        found, names = {}, list(dict.fromkeys(str(cell.member) for cell in cells))
        for stage, each in answers.items():
            own = [[table for table, cell in zip(each, cells, strict=True) if cell.member == name] for name in names]
            members = [self.members[name] for name in names]
            tables = [Table.of(one.shapes[stage].predicts, of) for one, of in zip(members, own, strict=True)]
            found[stage] = mean_table(tables, [one.weight for one in members], [one.k.get(stage) for one in members])
        return found

    @cached_property
    def shares(self) -> Array:
        """What each cell counts, (cells,); their sum is 1."""
        count = Counter(cell.member for cell in self.cells)
        weight = [1.0 if cell.member is None else self.members[cell.member].weight for cell in self.cells]
        found: Array = np.array([each / count[cell.member] for each, cell in zip(weight, self.cells, strict=True)])
        found /= found.sum()
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"format": FORMAT, **asdict(self)}

    @staticmethod
    def from_json(data: object, place: str) -> Composition:
        """What ``to_json`` gave; ``place``: of the file, for errors.

        Raises:
            StoreError: it is something else.
        """
        try:
            found = data.get("format") if isinstance(data, dict) else type(data).__name__
            if not isinstance(data, dict) or found != FORMAT:
                raise ValueError(f"must have format {FORMAT}, got {found}")
            plain = json.dumps({name: each for name, each in data.items() if name != "format"})
            about = _COMPOSITION.validate_json(plain, strict=True)
            about.check()
        except (ValueError, TypeError) as error:  # a DecisionError and pydantic's are values too
            said = error.problem if isinstance(error, DecisionError) else " ".join(str(error).split()[:40])
            raise StoreError(f"{place} must describe a model, but: {said}", _REMEDY) from None
        return about

    def check(self) -> None:
        """Refuse what cannot be a model.

        Raises:
            ValueError: there is no cell, one lacks a stage, or members are not those of the cells.
            DecisionError: decisions or settings do not fit.
        """
        names = {*self.shapes, *self.members, *(each.name for each in self.cells)}
        names |= {key for each in self.cells for key in each.stages.values()}
        strange = sorted(name for name in names if not SAFE_NAME.fullmatch(name))
        if strange:
            raise ValueError(f"names must be letters, digits, - and _, got {strange[0]!r}")
        lacking = [each.name for each in self.cells if set(each.stages) != set(self.shapes)]
        if not self.cells or lacking or not self.shapes:
            raise ValueError(f"every cell must have the stages {list(self.shapes)}, got others in {lacking or 'none'}")
        owners = {each.member for each in self.cells}
        named: set[str | None] = {*self.members} if self.members else {None}
        if owners != named:
            raise ValueError(
                f"cells must be of the members {list(self.members) or 'none'}, got {sorted(map(str, owners))}"
            )
        for name, member in self.members.items():
            self._check_member(name, member)
        for shape in (
            *self.shapes.values(),
            *(each for member in self.members.values() for each in member.shapes.values()),
        ):
            _check_shape(shape)
        _ = self.chosen

    def _check_member(self, name: str, member: Member) -> None:
        if not (isfinite(member.weight) and member.weight > 0):
            raise ValueError(f"member {name} must count something, got {member.weight}")
        for stage, shape in self.shapes.items():
            own = member.shapes.get(stage)
            if own is None or (own.gold, own.columns) != (shape.gold, shape.columns):
                raise ValueError(f"member {name} must have {stage} of {shape.gold} {list(shape.columns)}")
            if own.predicts == "neighbours" and member.k.get(stage, 0) < 1:
                raise ValueError(f"member {name} must say how many neighbours of {stage} vote")


def _check_shape(shape: StageShape) -> None:
    """Refuse what no recipe may say: a few characters must not stand for more memory than there is."""
    if not 4 <= shape.max_length_tokens <= MOST_TOKENS:
        raise ValueError(f"max_length_tokens must be 4 to {MOST_TOKENS}, got {shape.max_length_tokens}")
    if shape.head not in HEADS:
        raise ValueError(f"the head must be one of {list(HEADS)}, got {shape.head!r}")
    try:
        HEADS[shape.head].model_validate(dict(shape.head_settings))
        if shape.tiny is not None:
            TinyEncoder(hidden=shape.tiny[0], layers=shape.tiny[1])
        if shape.adapter is not None:
            if shape.adapter not in ADAPTERS:
                raise ValueError(f"the adapter must be one of {list(ADAPTERS)}, got {shape.adapter!r}")
            ADAPTERS[shape.adapter].model_validate(dict(shape.adapter_settings))
    except ValidationError as error:
        raise ValueError(first_fault(error)) from None


_COMPOSITION = TypeAdapter(Composition)


def gold_of(composition: Composition, decision: str) -> StageShape:
    """The shape of the stage whose columns a decision decides."""
    first = composition.graph.nodes[decision].of[0]
    return composition.shapes[first] if isinstance(first, str) else gold_of(composition, first.name)
