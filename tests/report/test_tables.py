"""Tidy tables: what other tools read says what the records say."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from handmade_store import DEV_ROWS, LABELS, ROWS, StoreBuilder

from tune_polar.decide.prediction_files import read_predictions
from tune_polar.errors import StoreError
from tune_polar.report.tables import write_tables


@pytest.fixture
def builder(tmp_path: Path) -> StoreBuilder:
    builder = StoreBuilder(tmp_path / "store")
    builder.finish(builder.configuration("published"), 0.6)
    builder.finish(builder.configuration(lr=0.01), 0.8)
    builder.finish(builder.configuration(lr=0.02), 0.7, folds=(0, 2))
    builder.fail(builder.configuration(lr=0.03), '=HYPERLINK("http://evil")', kind="@SUM")
    return builder


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_every_table_is_written(builder, tmp_path, kind):
    summary = builder.summary()
    written = write_tables(builder.store, summary, tmp_path / "out" / "deep", kind)
    assert [path.name for path in written] == [
        f"{name}.{kind}" for name in ("configurations", "folds", "curves", "predictions", "detector_predictions")
    ]
    assert sorted(path.name for path in (tmp_path / "out/deep").iterdir()) == sorted(path.name for path in written)
    read = pd.read_csv if kind == "csv" else pd.read_parquet
    configurations, folds, curves = (read(path) for path in written[:3])
    assert configurations["state"].tolist() == ["finished", "finished", "incomplete", "infeasible"]
    scores = [c.scores.score for c in summary.configurations[:2]]
    np.testing.assert_allclose(configurations["score"][:2], scores)
    assert configurations["score"][2:].isna().all()
    assert (len(folds), len(curves)) == (8, 16)
    assert set(folds["host"]) == {"lab-1"}
    assert curves.groupby(["configuration", "fold", "stage"]).size().tolist() == [1] * 16


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_predictions_are_read_back_as_they_were_stored(builder, tmp_path, kind):
    summary = builder.summary()
    write_tables(builder.store, summary, tmp_path, kind)
    table = read_predictions(tmp_path / f"predictions.{kind}")
    assert table.labels == LABELS
    assert [len(each.splits["oof"]) for each in table.configurations] == [ROWS, ROWS, ROWS * 2 // 3]
    assert [each.missing_folds for each in table.configurations] == [(), (), (1,)]
    assert [len(each.splits["dev"]) for each in table.configurations[:2]] == [DEV_ROWS] * 2
    assert "dev" not in table.configurations[2].splits
    for found, row in zip(table.configurations, summary.configurations, strict=False):
        assert found.settings == {"configuration": row.configuration.id}
        fold, index, probability = row.predictions.classifier_rows()
        oof = found.splits["oof"]
        assert oof.ids == tuple(summary.gold.train.ids[i] for i in index)
        np.testing.assert_array_equal(oof.fold, fold)
        np.testing.assert_allclose(oof.probability, probability, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(oof.gold, summary.gold.train.matrix(LABELS)[index] == 1)
    detectors = read_predictions(tmp_path / f"detector_predictions.{kind}")
    assert detectors.labels == ("polarization",)
    first = summary.configurations[0]
    k = first.outcome.detector.chosen.k
    votes = np.concatenate([f.detector.arrays["neighbour_labels"][:, :k].sum(axis=1) for f in first.predictions.folds])
    np.testing.assert_allclose(detectors.configurations[0].splits["oof"].probability[:, 0], votes / k)


def test_a_search_without_classifiers_has_only_its_detectors_predictions(tmp_path):
    builder = StoreBuilder(tmp_path / "store", labels=())
    builder.finish(builder.configuration("published"), 0.6)
    names = [path.stem for path in write_tables(builder.store, builder.summary(), tmp_path / "out", "csv")]
    assert names == ["configurations", "folds", "curves", "detector_predictions"]


def test_cells_that_a_spreadsheet_would_run_are_defused(builder, tmp_path):
    write_tables(builder.store, builder.summary(), tmp_path, "csv")
    cells = []
    for path in tmp_path.glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as lines:
            cells += [cell for line in csv.reader(lines) for cell in line]
    risky = [c for c in cells if c.startswith(("=", "+", "@")) or (c[:1] == "-" and not c[1:2].isdigit())]
    assert risky == []
    assert '\'@SUM: =HYPERLINK("http://evil")' in cells


def test_numbers_stay_numbers(builder, tmp_path):
    builder.finish(builder.configuration(lr=0.04), -0.5)
    write_tables(builder.store, builder.summary(), tmp_path, "csv")
    assert pd.api.types.is_float_dtype(pd.read_csv(tmp_path / "configurations.csv")["score"])


def test_a_folder_that_cannot_be_written_is_named(builder, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match=r"configurations.csv must be written, but: "):
        write_tables(builder.store, builder.summary(), tmp_path / "file" / "x", "csv")


def test_ids_that_look_like_formulas_are_defused_alike_everywhere(builder, tmp_path):
    summary = builder.summary()
    train = dataclasses.replace(summary.gold.train, ids=tuple(f"=r{n}" for n in range(ROWS)))
    gold = dataclasses.replace(summary.gold, train=train)
    rows = tuple(
        dataclasses.replace(row, predictions=dataclasses.replace(row.predictions, gold=gold))
        if row.predictions is not None
        else row
        for row in summary.configurations
    )
    write_tables(builder.store, dataclasses.replace(summary, configurations=rows), tmp_path, "csv")
    table = read_predictions(tmp_path / "predictions.csv")
    assert all(row_id.startswith("'=r") for row_id in table.configurations[0].splits["oof"].ids)
    assert len(table.complete) == 2
