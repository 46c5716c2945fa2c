"""What cells are called, and who ran them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tune_polar.evaluate.cell_words import cell_name, cells_word
from tune_polar.evaluate.search_provenance import provenance_lines, shares_of_hosts
from tune_polar.evaluate.summary import summarise
from tune_polar.recipe.cells import Cell
from tune_polar.store.lease import held_lease


def cells(folds: int, *seeds: int) -> tuple[Cell, ...]:
    return tuple(Cell(fold, seed) for seed in seeds for fold in range(folds))


@pytest.mark.parametrize(
    ("all_cells", "name", "word"),
    [
        (cells(5, 42), "fold 0", "folds"),
        (cells(5, 42, 7), "fold 0, seed 42", "cells (fold and seed)"),
        (cells(1, 42, 7), "seed 42", "seeds"),
        (cells(1, 42), "fold 0", "fold"),
    ],
)
def test_a_cell_is_called_by_what_tells_it_from_the_others(all_cells, name, word):
    assert cell_name(all_cells[0], all_cells) == name
    assert cells_word(all_cells) == word


def test_each_machine_is_told_with_its_share(search, recipe_of):
    configuration = search.put(recipe_of(), folds=(0, 1))
    far = dataclasses.replace(search.provenance, host="far", started="2026-02-03T00:00:00+00:00")
    search.finish(configuration, cells=search.cells[2:], provenance=far, seconds=120.0)
    shares = shares_of_hosts(summarise(search.store, "states"))
    assert [(share.host, share.fold_trials) for share in shares] == [("lab-1", 2), ("far", 1)]
    assert str(shares[0]) == "lab-1: 2 fold trials on 2026-01-02, 2.0 min"
    assert str(shares[1]) == "far: 1 fold trial on 2026-02-03, 2.0 min"


def test_drivers_and_merged_searches_are_told(new_search, recipe_of):
    part = {"created": "2026", "trials": 3, "seed": 1, "command": "tune-polar search mini"}
    search = new_search(merged=[part])
    search.put(recipe_of())
    with held_lease(search.store.files, lambda: None):
        lines = provenance_lines(search.store, summarise(search.store, "states"))
    assert "merged    search begun 2026 with 3 trials, seed 1: tune-polar search mini" in lines
    assert lines[-1].startswith("driver    process ")
    assert lines[-1].endswith("is driving it, or has stopped without a word")


def test_what_weights_are_there_is_told(search, recipe_of):
    """Of whole configurations, not of files alone."""
    configuration = search.put(recipe_of())
    assert summarise(search.store, "states").weights_words == "none"
    keys = [key for record in search.store.folds() for key in record.stages.values()]
    for number, key in enumerate(keys):
        search.store.put_weights(key, {"layer": np.zeros(2**18, np.float32)})
        told = summarise(search.store, "states").weights_words
        whole = 1 if number == len(keys) - 1 else 0
        assert told.startswith(f"of {whole} configuration")
    assert told.endswith(f"MB in {len(keys)} files")
    assert f"weights   {told}" in provenance_lines(search.store, summarise(search.store, "states"))
    assert configuration.id
