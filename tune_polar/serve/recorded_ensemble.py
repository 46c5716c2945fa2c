"""What a search's records say of the members of an ensemble."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from tune_polar.decide.deployed import settings_to_json
from tune_polar.errors import SpecError, StoreError
from tune_polar.evaluate.ensemble_file import EnsembleFile, EnsembleMember
from tune_polar.evaluate.summary import ConfigurationSummary, SearchSummary
from tune_polar.recipe.cells import Cell
from tune_polar.recipe.recipe import Recipe
from tune_polar.serve.composition import CellModels, Composition, Member
from tune_polar.serve.protocol import OUT_OF_FOLD
from tune_polar.serve.recorded_model import recorded_encoder
from tune_polar.trial.stage_shape import StageShape

ENSEMBLE = "ensemble"
_REMEDY = "Give the ensemble that this search has written, or have it written anew by `tune-polar resume STORE`."


@dataclass(frozen=True, eq=False)
class RecordedEnsemble:
    """An ensemble of a search, its members' records found; ``asked``: the words that name it to a command."""

    summary: SearchSummary
    file: EnsembleFile
    rows: Mapping[str, ConfigurationSummary]
    asked: str

    id = ENSEMBLE
    words = "the ensemble"

    def alone(self) -> NoReturn:
        """Refuse: it is several configurations.

        Raises:
            SpecError: always.
        """
        raise SpecError("--all-rows must go with one configuration, got an ensemble", "Leave it, or the ensemble, out.")

    def recipe_of(self, cell: CellModels) -> Recipe:
        """The recipe of a cell's member."""
        return self.rows[str(cell.member)].configuration.recipe

    def encoder_of(self, cell: CellModels, stage: str) -> str | None:
        """As of ``Recorded``."""
        return recorded_encoder(self.summary.facts, self.rows[str(cell.member)].configuration, stage)

    def scores(self) -> list[dict[str, object]]:
        """The one score that it has, with its protocol."""
        score = self.file.score
        return [
            {
                "decision": score.of,
                "metric": score.metric,
                "protocol": "cross_fitted",
                "settings": "weights and settings of each fold's rows chosen on the other folds",
                "rows": OUT_OF_FOLD,
                "value": score.ensemble,
            }
        ]

    def folds(self) -> Composition:
        """The models of all members' cells."""
        file = self.file
        members = {each.configuration: self._member(each) for each in file.members}
        cells = [cell for each in file.members for cell in self._cells(each)]
        first = next(iter(members.values()))
        shapes = {name: _mean_shape(shape) for name, shape in first.shapes.items()}
        graph = file.graph
        return Composition(
            configuration=ENSEMBLE,
            rows="folds",
            shapes=shapes,
            cells=tuple(cells),
            steps={name: dict(step) for name, step in graph.steps.items()},
            score=graph.score,
            metric=file.score.metric,
            settings=settings_to_json(graph, file.chosen()),
            text_column=self.summary.facts.text_column,
            id_column=self.summary.facts.id_column,
            members=members,
        )

    def _member(self, member: EnsembleMember) -> Member:
        recipe = self.rows[member.configuration].configuration.recipe
        shapes = {name: StageShape.of(recipe, name) for name in recipe.stages if name in self.file.stages}
        return Member(member.weight, shapes, dict(member.k))

    def _cells(self, member: EnsembleMember) -> list[CellModels]:
        found = []
        keys = {Cell(fold.fold, fold.seed): fold.stages for fold in self.rows[member.configuration].folds}
        for each in member.cells:
            stages = {name: keys[Cell(each.fold, each.seed)][name] for name in self.file.stages}
            found.append(CellModels(each.fold, each.seed, stages, member.configuration))
        return found


def recorded_ensemble(summary: SearchSummary, file: EnsembleFile, place: str, asked: str) -> RecordedEnsemble:
    """The members of ``file`` in a search's records.

    Args:
        summary: of the search.
        file: that names them.
        place: of the file, for errors.
        asked: the words that name it to a command.

    Raises:
        StoreError: a member, a cell or a stage of it is not there.
    """
    rows = {row.configuration.id: row for row in summary.configurations}
    for member in file.members:
        row = rows.get(member.configuration)
        if row is None:
            raise _unfit(place, f"the search has no configuration {member.configuration}")
        cells = {Cell(fold.fold, fold.seed) for fold in row.folds}
        lacking = [f"f{each.fold}-s{each.seed}" for each in member.cells if Cell(each.fold, each.seed) not in cells]
        if lacking:
            raise _unfit(place, f"of configuration {member.configuration} {', '.join(lacking)} has not finished")
        recipe = row.configuration.recipe
        for name, stage in file.stages.items():
            shape = StageShape.of(recipe, name) if name in recipe.stages else None
            if shape is None or (shape.gold, shape.columns) != (stage.gold, stage.columns):
                raise _unfit(place, f"the search has no stage {name} of {stage.gold} {list(stage.columns)}")
            if shape.predicts == "neighbours" and name not in member.k:
                raise _unfit(place, f"member {member.configuration} has no k of {name}")
    return RecordedEnsemble(summary, file, rows, asked)


def _unfit(place: str, said: str) -> StoreError:
    return StoreError(f"{place} must be an ensemble of this search, but {said}", _REMEDY)


def _mean_shape(shape: StageShape) -> StageShape:
    """As decisions read it: shares of neighbours are probabilities."""
    predicts: Any = "probability" if shape.predicts == "neighbours" else shape.predicts
    return replace(shape, predicts=predicts)
