"""All stored predictions of one configuration, put together from its cells."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tune_polar.recipe.cells import Cell
from tune_polar.recipe.configuration import Configuration
from tune_polar.recipe.recipe import Recipe
from tune_polar.store.gold import Gold
from tune_polar.store.records import FoldRecord, StageRecord
from tune_polar.store.store import Store

KEPT_BYTES = 2**28  # of stages in memory: configurations proposed close together share theirs


@dataclass(frozen=True, eq=False)
class CellPredictions:
    """One cell's record with the stages it names."""

    record: FoldRecord
    stages: Mapping[str, StageRecord]  # by name, in the recipe's order

    @property
    def fold(self) -> int:
        """Of the fold plan."""
        return self.record.fold

    @property
    def seed(self) -> int:
        """That it was trained with."""
        return self.record.seed

    @property
    def cell(self) -> Cell:
        """Both."""
        return Cell(self.record.fold, self.record.seed)


@dataclass(frozen=True, eq=False)
class ConfigurationPredictions:
    """A configuration and its finished cells, in the order in which they are planned."""

    configuration: Configuration
    cells: tuple[CellPredictions, ...]
    gold: Gold
    planned: tuple[Cell, ...]

    @property
    def missing_cells(self) -> tuple[Cell, ...]:
        """Planned cells that have not finished, or whose stages are gone."""
        done = {each.cell for each in self.cells}
        return tuple(cell for cell in self.planned if cell not in done)


class PredictionsReader:
    """Reads configurations' predictions from a store, a stage that several share only once.

    Example:
        >>> reader = PredictionsReader(store, store.gold(), cells(recipe, plan))
        >>> reader.read(configuration, [each for each in store.folds() if each.configuration_id == configuration.id])
    """

    def __init__(self, store: Store, gold: Gold, planned: Sequence[Cell]) -> None:
        self._store = store
        self._gold = gold
        self._planned = tuple(planned)
        self._stages: OrderedDict[str, StageRecord] = OrderedDict()  # that used last at the end
        self._bytes = 0  # of these

    def read(self, configuration: Configuration, folds: Sequence[FoldRecord]) -> ConfigurationPredictions:
        """Predictions of the cells whose stages are all there; one with a damaged stage counts as missing.

        Args:
            configuration: whose predictions they are.
            folds: its finished fold trials; those of cells that are not planned are passed over.
        """
        keys = [key for record in folds for key in record.stages.values()]
        new = [key for key in keys if key not in self._stages]
        read = self._store.stages(new, configuration.recipe)
        self._stages.update(read)
        self._bytes += sum(map(_bytes_of, read.values()))
        found: dict[Cell, CellPredictions] = {}
        for record in folds:
            cell = Cell(record.fold, record.seed)
            stages = self._stages_of(record, configuration.recipe)
            if cell in self._planned and stages is not None:
                found[cell] = CellPredictions(record, stages)
        for key in keys:
            if key in self._stages:
                self._stages.move_to_end(key)
        while self._bytes > KEPT_BYTES:
            self._bytes -= _bytes_of(self._stages.popitem(last=False)[1])
        complete = tuple(found[cell] for cell in self._planned if cell in found)
        return ConfigurationPredictions(configuration, complete, self._gold, self._planned)

    def _stages_of(self, record: FoldRecord, recipe: Recipe) -> dict[str, StageRecord] | None:
        """The stages that a fold trial names; None where one is gone, or where it names others than its own."""
        found = {name: self._stages.get(key) for name, key in record.stages.items()}
        there = {name: stage for name, stage in found.items() if stage is not None}
        faults = [] if set(found) == set(recipe.stages) else [f"stages {list(found)}"]
        faults += [
            f"{stage.stage} of fold {stage.fold} with seed {stage.seed} as its {name}"
            for name, stage in there.items()
            if (stage.stage, stage.fold, stage.seed) != (name, record.fold, record.seed)
        ]
        if faults:
            self._store.refuse_fold(record, f"it must name its own {list(recipe.stages)}, got {faults[0]}")
            return None
        return {name: there[name] for name in recipe.stages} if len(there) == len(found) else None


def _bytes_of(stage: StageRecord) -> int:
    """Of its arrays; the rest is small."""
    return sum(array.nbytes for array in stage.arrays.values())
