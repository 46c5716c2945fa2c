"""What a model is made of: the stages of its cells, and decisions as they were set on all out-of-fold rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

from pydantic import TypeAdapter

from tune_polar.decide.deployed import settings_from_json
from tune_polar.decide.graph import Graph
from tune_polar.decide.kinds import Setting
from tune_polar.errors import DecisionError, StoreError
from tune_polar.store.records import SAFE_NAME
from tune_polar.trial.inference import StageShape

RowsTrained = Literal["folds", "all"]
FORMAT = 1
_REMEDY = "Give the folder that `tune-polar export STORE --model DIR` wrote, as it was written."


@dataclass(frozen=True)
class CellModels:
    """The stages of one cell.

    Args:
        fold: that held rows out; None: nothing was held out.
        seed: that it was trained with.
        stages: key by stage.
    """

    fold: int | None
    seed: int
    stages: Mapping[str, str]

    @property
    def name(self) -> str:
        """``f0-s42``; ``all-s42`` of a model of all rows."""
        return f"{'all' if self.fold is None else f'f{self.fold}'}-s{self.seed}"


@dataclass(frozen=True)
class Composition:
    """A configuration's models and what they decide by; plain data.

    Args:
        configuration: its id.
        rows: ``folds``: a model a cell, which vote together; ``all``: one model of all rows.
        shapes: by stage.
        cells: at least one.
        steps: the recipe's section ``decide``, with what its best alternative changes.
        score: the decision that is scored.
        metric: by which.
        settings: by decision, chosen on all out-of-fold rows; see ``settings_to_json``.
        text_column: what the search's files call the column of texts.
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
            ValueError: there is no cell, or one lacks a stage.
            DecisionError: decisions or settings do not fit.
        """
        names = {*self.shapes, *(each.name for each in self.cells)}
        names |= {key for each in self.cells for key in each.stages.values()}
        strange = sorted(name for name in names if not SAFE_NAME.fullmatch(name))
        if strange:
            raise ValueError(f"names must be letters, digits, - and _, got {strange[0]!r}")
        lacking = [each.name for each in self.cells if set(each.stages) != set(self.shapes)]
        if not self.cells or lacking or not self.shapes:
            raise ValueError(f"every cell must have the stages {list(self.shapes)}, got others in {lacking or 'none'}")
        _ = self.chosen


_COMPOSITION = TypeAdapter(Composition)
