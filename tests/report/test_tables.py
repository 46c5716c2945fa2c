"""Tidy tables: what other tools read says what the records say."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest

from tests.report.shapes import SHAPES
from tests.store.made_recipes import LABELS, one_vote, regression, two_stages
from tests.store.made_store import MadeStore, finished_store, made_store
from tune_polar.decide.prediction_files import read_predictions
from tune_polar.errors import StoreError
from tune_polar.evaluate.summary import SearchSummary
from tune_polar.report.page_context import PageContext
from tune_polar.report.tidy_tables import write_tables

LR = "sorter.optimizer.lr"
ROWS, DEV_ROWS = 120, 40
Kind = Literal["csv", "parquet"]
KINDS = pytest.mark.parametrize("kind", ["csv", "parquet"])


@pytest.fixture
def small(tmp_path: Path) -> MadeStore:
    """Two finished configurations, one that lacks a fold, and one that failed."""
    made = made_store(tmp_path / "store", two_stages(), dev=DEV_ROWS, rows=ROWS)
    made.finish(made.configuration("published"), 0.6)
    made.finish(made.configuration({LR: 0.01}), 0.8)
    made.finish(made.configuration({LR: 0.02}), 0.7, cells=(made.cells[0], made.cells[2]))
    made.fail(made.configuration({LR: 0.03}), '=HYPERLINK("http://evil")', kind="@SUM")
    return made


def read(folder: Path, name: str, kind: Kind = "csv") -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv") if kind == "csv" else pd.read_parquet(folder / f"{name}.parquet")


@KINDS
def test_every_table_is_written(small: MadeStore, tmp_path: Path, kind: Kind) -> None:
    summary, folder = small.summary(), tmp_path / "out" / "deep"
    written = write_tables(small.store, summary, folder, kind)
    names = ("configurations", "folds", "curves", "predictions-finder", "predictions-sorter")
    assert [path.name for path in written] == [f"{name}.{kind}" for name in names]
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in written)
    configurations, folds, curves = (read(folder, name, kind) for name in names[:3])
    assert configurations["state"].tolist() == ["finished", "finished", "incomplete", "infeasible"]
    scores = [row.scores.score for row in summary.configurations[:2] if row.scores is not None]
    np.testing.assert_allclose(configurations["score"][:2], scores)
    assert configurations["score"][2:].isna().all()
    assert set(configurations["metric"].dropna()) == {"macro_f1"}
    assert configurations[f"point/{LR}"].tolist()[1:] == [0.01, 0.02, 0.03]
    first = summary.configurations[0].scores
    assert first is not None
    assert configurations["chosen/decide.vote.k"][0] == first.best.settings["decide.vote.k"]
    assert configurations["score/vote"][0] == pytest.approx(first.decisions["vote"])
    cells = len(summary.cells)
    assert (len(folds), len(curves)) == (4 * cells, 32)
    done = folds[folds["state"] == "finished"]
    assert len(done) == 8
    assert set(done["host"]) == {"lab-1"}
    left = folds[folds["state"] != "finished"]
    assert left["seconds"].isna().all()
    assert left.groupby("number")["state"].unique().map(list).tolist() == [["open"], ["failed"]]
    assert left.loc[left["state"] == "failed", "error"].notna().any()
    assert folds[f"point/{LR}"].dropna().unique().tolist() == [0.01, 0.02, 0.03]
    assert curves.groupby(["configuration", "fold", "stage"]).size().tolist() == [2] * 16


@KINDS
def test_predictions_are_read_back_as_they_were_stored(small: MadeStore, tmp_path: Path, kind: Kind) -> None:
    summary = small.summary()
    write_tables(small.store, summary, tmp_path, kind)
    table = read_predictions(tmp_path / f"predictions-sorter.{kind}")
    gold = summary.gold.train
    assert table.labels == LABELS
    assert [each.missing_folds for each in table.configurations] == [(), (), (1,)]
    judged = {split: summary.gold.splits[split].where({"hurt": 1}) for split in ("train", "dev")}
    dev_rows = int(judged["dev"].sum())
    assert [len(each.splits["dev"]) for each in table.configurations[:2]] == [dev_rows] * 2
    assert 0 < dev_rows < DEV_ROWS
    assert any("rows whose judged is 0 are left out" in note for note in table.notes)
    assert "dev" not in table.configurations[2].splits
    for found, row in zip(table.configurations, summary.configurations, strict=False):
        assert found.settings == {"configuration": row.configuration.id}
        assert row.predictions is not None
        records = [each.stages["sorter"] for each in row.predictions.cells]
        index = np.concatenate([each.rows("validation") for each in records])
        own = judged["train"][index]
        fold = np.concatenate([np.full(len(each.rows("validation")), each.fold) for each in records])[own]
        stored = np.concatenate([each.table("validation") for each in records])[own]
        index = index[own]
        oof = found.splits["oof"]
        assert oof.ids == tuple(gold.ids[place] for place in index)
        assert oof.fold is not None
        assert oof.fold.tolist() == fold.tolist()
        np.testing.assert_allclose(oof.probability, stored, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(oof.gold, gold.matrix(LABELS)[index] == 1)
    votes = read_predictions(tmp_path / f"predictions-finder.{kind}")
    assert votes.labels == ("hurt",)
    first = summary.configurations[0].predictions
    assert first is not None
    shares = np.concatenate([each.stages["finder"].table("validation").mean(axis=1) for each in first.cells])
    np.testing.assert_allclose(votes.configurations[0].splits["oof"].probability[:, 0], shares)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_store_can_be_written(
    made: Callable[[str], MadeStore], page_of: Callable[[str], PageContext], shape: str, tmp_path: Path
) -> None:
    store, summary = made(shape).store, page_of(shape).summary
    kinds: tuple[Kind, ...] = ("csv", "parquet")
    for kind in kinds:
        written = {path.stem: path for path in write_tables(store, summary, tmp_path, kind)}
        rows = read(tmp_path, "configurations", kind) if written else pd.DataFrame()
        assert len(rows) == len(summary.configurations)
        finished = any(row.folds for row in summary.configurations)
        assert {f"predictions-{stage}" for stage in summary.recipe.stages if finished} <= set(written)
        for name in summary.recipe.stages if finished else ():
            check_predictions(
                summary, name, written[f"predictions-{name}"], read(tmp_path, f"predictions-{name}", kind)
            )


def check_predictions(summary: SearchSummary, name: str, path: Path, frame: pd.DataFrame) -> None:
    """What one stage predicts is there for each configuration and seed, with gold beside it."""
    stage, seeds = summary.recipe.stages[name], summary.recipe.seeds
    values = [each for each in frame if each.startswith("value/" if stage.predicts == "value" else "prob/")]
    assert "gold" in frame if stage.task.gold == "class" else len(values) == sum("gold/" in each for each in frame)
    assert not frame[values].isna().any().any()
    assert ("seed" in frame) == (len(seeds) > 1)
    if stage.task.gold == "number":
        return
    assert frame[values].to_numpy().min() >= 0
    assert frame[values].to_numpy().max() <= 1
    table = read_predictions(path)
    whole = [row for row in summary.configurations if row.state == "finished"]
    assert len(table.complete) == len(whole) * len(seeds)
    others = {each for each in summary.gold.splits if each != "train"}
    assert all(set(each.splits) == {"oof", *others} for each in table.complete)


def test_numbers_are_values_and_not_probabilities(tmp_path: Path) -> None:
    made = finished_store(tmp_path / "store", regression(), skills=(0.5,))
    write_tables(made.store, made.summary(), tmp_path, "csv")
    frame = read(tmp_path, "predictions-model")
    assert set(frame["split"]) == {"oof", "dev", "later"}
    assert frame.loc[frame["split"] == "oof", "gold/closeness"].tolist() == pytest.approx(
        [made.corpus.train.columns["closeness"].values[int(row.removeprefix("train"))] for row in frame["id"][:ROWS]]
    )
    assert frame["value/closeness"].between(1, 5).all()


def test_a_search_of_one_stage_has_its_predictions_alone(tmp_path: Path) -> None:
    made = finished_store(tmp_path / "store", one_vote(), skills=(0.6,))
    names = [path.stem for path in write_tables(made.store, made.summary(), tmp_path / "out", "csv")]
    assert names == ["configurations", "folds", "curves", "predictions-finder"]


def test_cells_that_a_spreadsheet_would_run_are_defused(small: MadeStore, tmp_path: Path) -> None:
    write_tables(small.store, small.summary(), tmp_path, "csv")
    cells: list[str] = []
    for path in tmp_path.glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as lines:
            cells += [cell for line in csv.reader(lines) for cell in line]
    risky = [c for c in cells if c.startswith(("=", "+", "@")) or (c[:1] == "-" and not c[1:2].isdigit())]
    assert risky == []
    assert '\'@SUM: =HYPERLINK("http://evil")' in cells


def test_numbers_stay_numbers(small: MadeStore, tmp_path: Path) -> None:
    small.finish(small.configuration({LR: 0.04}), -0.5)
    write_tables(small.store, small.summary(), tmp_path, "csv")
    frame = read(tmp_path, "configurations")
    assert pd.api.types.is_float_dtype(frame["score"])
    assert pd.api.types.is_float_dtype(frame[f"point/{LR}"])


def test_a_folder_that_cannot_be_written_is_named(small: MadeStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match=r"configurations.csv must be written, but: "):
        write_tables(small.store, small.summary(), tmp_path / "file" / "x", "csv")


def test_ids_that_look_like_formulas_are_defused_alike_everywhere(small: MadeStore, tmp_path: Path) -> None:
    summary = small.summary()
    train = replace(summary.gold.train, ids=tuple(f"=r{row}" for row in range(ROWS)))
    gold = replace(summary.gold, splits={**summary.gold.splits, "train": train})
    rows = tuple(
        row if row.predictions is None else replace(row, predictions=replace(row.predictions, gold=gold))
        for row in summary.configurations
    )
    write_tables(small.store, replace(summary, configurations=rows), tmp_path, "csv")
    table = read_predictions(tmp_path / "predictions-sorter.csv")
    assert all(row_id.startswith("'=r") for row_id in table.configurations[0].splits["oof"].ids)
    assert len(table.complete) == 2
    assert len(table.configurations[0].splits["dev"]) == int(summary.gold.splits["dev"].where({"hurt": 1}).sum())
