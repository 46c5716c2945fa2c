"""Neighbour tables and Precision@1 against scikit-learn and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from tune_polar.store.records import MAX_NEIGHBOURS
from tune_polar.trial.nearest_neighbours import neighbour_labels, precision_at_1


def unit_rows(rows: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(rows, 8, generator=generator), dim=1)


@pytest.mark.parametrize("keys", [1, 7, 199, 200, 201, 350])
def test_labels_of_the_nearest_by_cosine_nearest_first(keys: int) -> None:
    queries, known = unit_rows(40, 1), unit_rows(keys, 2)
    labels = np.random.default_rng(3).integers(0, 2, keys)
    found = neighbour_labels(queries, known, labels)
    count = min(MAX_NEIGHBOURS, keys)
    search = NearestNeighbors(n_neighbors=count, metric="cosine", algorithm="brute").fit(known.numpy())
    nearest = search.kneighbors(queries.numpy(), return_distance=False)
    assert found.shape == (40, count)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, labels[nearest])


@pytest.mark.parametrize("keys", [1, 50])
def test_precision_at_1_counted_row_by_row(keys: int) -> None:
    queries, known = unit_rows(40, 1), unit_rows(keys, 2)
    rng = np.random.default_rng(3)
    asked, labels = rng.integers(0, 2, 40), rng.integers(0, 2, keys)
    hits = 0
    for query, wanted in zip(queries.tolist(), asked, strict=True):
        cosines = [sum(a * b for a, b in zip(query, key, strict=True)) for key in known.tolist()]
        hits += labels[cosines.index(max(cosines))] == wanted
    assert precision_at_1(queries, asked, known, labels) == pytest.approx(hits / 40)
    assert (
        precision_at_1(queries, asked, known, labels)
        == (neighbour_labels(queries, known, labels)[:, 0] == asked).mean()
    )


def test_parts_of_the_table_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, known = unit_rows(40, 1), unit_rows(30, 2)
    labels, asked = np.random.default_rng(3).integers(0, 2, 30), np.random.default_rng(4).integers(0, 2, 40)
    whole = neighbour_labels(queries, known, labels), precision_at_1(queries, asked, known, labels)
    monkeypatch.setattr("tune_polar.trial.nearest_neighbours.TABLE_ENTRIES", 100)
    np.testing.assert_array_equal(neighbour_labels(queries, known, labels), whole[0])
    assert precision_at_1(queries, asked, known, labels) == whole[1]
