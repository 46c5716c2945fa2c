"""A configuration's predictions, put together from its cells: what is missing, and what is another's."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.store.made_recipes import one_vote
from tune_polar.evaluate import configuration_predictions as predictions_of_cells
from tune_polar.evaluate.configuration_predictions import PredictionsReader
from tune_polar.evaluate.summary import summarise
from tune_polar.recipe.cells import Cell
from tune_polar.store.records import StageRecord
from tune_polar.store.store import Store, open_store


def test_cells_come_as_they_are_planned_with_stages_in_the_recipes_order(new_search, recipe_of):
    search = new_search(recipe_of(seeds=(42, 7)))
    configuration = search.finish(search.configuration(), cells=search.cells[::-1])
    found = search.predictions(configuration)
    assert [cell.cell for cell in found.cells] == list(search.cells) == list(found.planned)
    assert [(cell.fold, cell.seed) for cell in found.cells] == [(0, 42), (1, 42), (2, 42), (0, 7), (1, 7), (2, 7)]
    assert {tuple(cell.stages) for cell in found.cells} == {("finder", "sorter")}
    assert found.missing_cells == ()
    for cell in found.cells:
        expected = search.stage(configuration, "sorter", cell.cell)
        np.testing.assert_array_equal(cell.stages["sorter"].table("validation"), expected.table("validation"))


def test_missing_cells_are_named(search, recipe_of):
    configuration = search.put(recipe_of(), folds=(0, 2))
    assert search.predictions(configuration).missing_cells == (Cell(1, 42),)


@pytest.mark.parametrize("stage", ["finder", "sorter"])
def test_a_cell_with_a_missing_stage_counts_as_missing(search, recipe_of, stage):
    configuration = search.put(recipe_of())
    key = search.key(configuration, stage, Cell(1, 42))
    (search.folder / "stages" / f"{key}.safetensors").unlink()
    assert search.predictions(configuration).missing_cells == (Cell(1, 42),)
    assert len(search.store.folds()) == 3, "its record stays: the stage is trained again under the same key"


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        (lambda own, other: {"finder": other["finder"], "sorter": own["sorter"]}, "got finder of fold 1 with seed 42"),
        (lambda own, other: {"finder": own["sorter"], "sorter": own["finder"]}, "got sorter of fold 0 with seed 42 as"),
        (lambda own, other: {"finder": own["finder"]}, r"got stages ['finder']"),
        (lambda own, other: {**own, "third": own["finder"]}, "got stages ['finder', 'sorter', 'third']"),
    ],
)  # fmt: skip
def test_a_fold_record_that_names_stages_of_another_is_set_aside(search, recipe_of, stages, message, caplog):
    configuration = search.put(recipe_of(), folds=(1, 2))
    cell = Cell(0, 42)
    for name in ("finder", "sorter"):
        search.store.put_stage(search.stage(configuration, name, cell))
    record = search.record(configuration, cell)
    forged = dataclasses.replace(record, stages=stages(record.stages, search.record(configuration, Cell(1, 42)).stages))
    search.store.put_fold(forged)
    assert search.predictions(configuration).missing_cells == (cell,)
    assert message in caplog.text
    assert f"folds/{record.id}.json is damaged" in caplog.text
    assert len(search.store.folds()) == 2
    assert search.store.put_fold(record), "its work can be done again"
    assert summarise(search.store).configurations[0].state == "finished"


def test_who_only_looks_leaves_such_a_record_where_it_is(search, recipe_of, caplog):
    configuration = search.put(recipe_of(), folds=(1, 2))
    record = search.record(configuration, Cell(0, 42))
    swapped = {"finder": record.stages["sorter"], "sorter": record.stages["finder"]}
    for name in ("finder", "sorter"):
        search.store.put_stage(search.stage(configuration, name, Cell(0, 42)))
    search.store.put_fold(dataclasses.replace(record, stages=swapped))
    summary = summarise(open_store(search.folder, to_look=True))
    assert summary.configurations[0].state == "incomplete"
    assert "left out; `resume` does its work again" in caplog.text
    assert len(search.store.folds()) == 3
    assert not (search.folder / "damaged").exists()


def test_a_stage_of_another_task_is_set_aside_once_it_is_read(search, recipe_of, caplog):
    configuration = search.put(recipe_of(), folds=(1, 2))
    cell = Cell(0, 42)
    record = search.stage(configuration, "sorter", cell)
    narrow = {name: array[:, :1] if array.ndim == 2 else array for name, array in record.arrays.items()}
    search.store.put_stage(search.stage(configuration, "finder", cell))
    search.store.put_stage(dataclasses.replace(record, arrays=narrow))
    search.store.put_fold(search.record(configuration, cell))
    assert summarise(search.store).configurations[0].state == "incomplete"
    assert "dev/probability must have 2 columns, got 1" in caplog.text
    assert not (search.folder / f"stages/{record.key}.safetensors").exists()


def test_stages_that_configurations_share_are_read_once(search, recipe_of, monkeypatch):
    recipes = [recipe_of(), recipe_of(sorter__optimizer__lr=2e-3)]
    configurations = [search.put(recipe, number) for number, recipe in enumerate(recipes)]
    asked: list[str] = []
    read = Store.stages
    monkeypatch.setattr(Store, "stages", lambda self, keys, recipe=None: asked.extend(keys) or read(self, keys, recipe))
    reader = PredictionsReader(search.store, search.gold, search.cells)
    for configuration in configurations:
        folds = [fold for fold in search.store.folds() if fold.configuration_id == configuration.id]
        assert reader.read(configuration, folds).missing_cells == ()
    assert len(asked) == len(set(asked)) == 9  # three detectors shared, twice three classifiers


def stage_bytes(record: StageRecord) -> int:
    return sum(array.nbytes for array in record.arrays.values())


def test_only_so_many_bytes_of_stages_are_kept_in_memory(new_search, monkeypatch):
    search = new_search(one_vote())
    size = stage_bytes(search.stage(search.configuration(), "finder", search.cells[0]))
    monkeypatch.setattr(predictions_of_cells, "KEPT_BYTES", 4 * size)
    reader = PredictionsReader(search.store, search.gold, search.cells)
    for number in range(4):
        configuration = search.put(one_vote(finder__optimizer__lr=1e-3 * (number + 1)), number)
        folds = [fold for fold in search.store.folds() if fold.configuration_id == configuration.id]
        assert reader.read(configuration, folds).missing_cells == ()
        assert 3 <= len(reader._stages) <= 4
    for width in (200, 20):  # a larger stage leaves room for fewer others, or for none, not even for itself
        configuration = search.configuration(recipe=one_vote(finder__optimizer__lr=1e-2 / width), number=5)
        search.finish(configuration, width=width)
        folds = [fold for fold in search.store.folds() if fold.configuration_id == configuration.id]
        found = reader.read(configuration, folds)
        assert found.missing_cells == ()
        assert all(cell.stages["finder"].table("validation").shape[1] == width for cell in found.cells)
        kept = sum(map(stage_bytes, reader._stages.values()))
        assert kept == reader._bytes <= 4 * size


def test_the_stages_used_last_are_kept(new_search, monkeypatch):
    search = new_search(one_vote())
    configurations = [search.put(one_vote(finder__optimizer__lr=1e-3 * (n + 1)), n) for n in range(3)]
    folds = {
        each.id: [fold for fold in search.store.folds() if fold.configuration_id == each.id] for each in configurations
    }
    size = sum(stage_bytes(search.stage(configurations[0], "finder", cell)) for cell in search.cells)
    monkeypatch.setattr(predictions_of_cells, "KEPT_BYTES", 2 * size)
    asked: list[str] = []
    read = Store.stages
    monkeypatch.setattr(Store, "stages", lambda self, keys, recipe=None: asked.extend(keys) or read(self, keys, recipe))
    reader = PredictionsReader(search.store, search.gold, search.cells)
    first, second, third = configurations
    for each in (first, second, first, third, first):
        reader.read(each, folds[each.id])
    assert len(asked) == 3 * len(search.cells), "the first one's were used between the second's and the third's"
    reader.read(second, folds[second.id])
    assert len(asked) == 4 * len(search.cells)
