"""The replay of recorded tables: readers, the clock, and what a rule may never do to a table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from tune_polar.search.racing.racing_names import RULES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def race(script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return script("race")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Thirty configurations of clear differences, pairs of which share their detectors; one is not finished."""
    rng = np.random.default_rng(2)
    rows = []
    for number in range(31):
        level = 0.5 - 0.008 * ((number * 7) % 30)
        for fold in range(4 if number == 30 else 5):
            score = level + 0.01 * fold + 0.005 * rng.normal()
            curve = [[step, 1.0, score - 0.05 * (1 - step / 40)] for step in (10, 20, 30, 40)]
            rows.append(
                {
                    "table": "st3",
                    "configuration": f"c{number}",
                    "number": number,
                    "point": json.dumps({"classifier.optimizer.lr": float(level), "decide.vote.k": 3}),
                    "fold": fold,
                    "final": level,
                    "score_tuned": score,
                    "detector_key": f"d{number // 2}-{fold}",
                    "detector_seconds": 2.0,
                    "classifier_seconds": 3.0,
                    "detector_curve": "[]",
                    "classifier_curve": json.dumps(curve),
                    "detector_total_steps": 10,
                    "classifier_total_steps": 40,
                }
            )
    place = tmp_path / "st3.parquet"
    pd.DataFrame(rows).to_parquet(place)
    return place


def test_a_table_is_read_whole(race: ModuleType, path: Path) -> None:
    (table,) = race.load_tables(path)
    assert table.scores.shape == (30, 5), "the one without all its folds is left out"
    assert table.curves[0][0][0] == (0.25, pytest.approx(table.scores[0, 0] - 0.0375))
    assert table.points[0].shape == (1,)
    assert (table.detector_seconds.sum(), table.classifier_seconds.sum()) == (300.0, 450.0)


@pytest.mark.parametrize("slots", [1, 3])
def test_without_a_rule_the_clock_counts_every_fold(race: ModuleType, path: Path, slots: int) -> None:
    (table,) = race.load_tables(path)
    stage = race.Stage(table)
    for order in race.random_orders(table, 2):
        run, theirs = race.replay(stage, order, None, slots=slots), race.stock(table, order, slots)
        assert run.folds == theirs.folds == 150
        assert run.busy_seconds == pytest.approx(750)
        assert run.seconds >= 750 / slots
        assert {m.row for m in run.finished} == {m.row for m in theirs.finished} == set(range(30))
        if slots == 1:
            assert [(m.row, m.folds, m.seconds) for m in run.finished] == [
                (m.row, m.folds, pytest.approx(m.seconds)) for m in theirs.finished
            ]


def test_a_shared_detector_is_trained_once(race: ModuleType, path: Path) -> None:
    (table,) = race.load_tables(path)
    (order,) = race.random_orders(table, 1)
    assert race.replay(race.Stage(table), order, None, reuse=True).busy_seconds == pytest.approx(150 + 450)


@pytest.mark.parametrize("name", [name for name in RULES if name != "none"])
@pytest.mark.parametrize("in_fold", ["none", "model"])
def test_a_rule_saves_and_its_run_is_whole(race: ModuleType, path: Path, name: str, in_fold: str) -> None:
    (table,) = race.load_tables(path)
    stage = race.Stage(table)
    (order,) = race.random_orders(table, 1)
    run = race.replay(stage, order, race.race_of(name, in_fold))
    finished = {m.row for m in run.finished}
    assert finished | run.given_up == set(range(30))
    assert not finished & run.given_up
    assert run.folds < 150
    assert len(finished) >= 3
    assert int(table.finals.argmax()) in finished
    again = race.replay(stage, order, race.race_of(name, in_fold))
    assert [(m.row, m.seconds) for m in again.finished] == [(m.row, m.seconds) for m in run.finished]


def test_curves_stop_folds_before_their_end(race: ModuleType, path: Path) -> None:
    """Seconds in training are fewer than those of the folds that were begun."""
    (table,) = race.load_tables(path)
    (order,) = race.random_orders(table, 1)
    whole, within = (
        race.replay(race.Stage(table), order, race.race_of("model", curves)) for curves in ("none", "model")
    )
    assert whole.busy_seconds == pytest.approx(5 * whole.folds)
    assert within.busy_seconds < 5 * within.folds - 1


def test_a_paused_fold_goes_on_where_it_stopped(race: ModuleType, path: Path) -> None:
    """No second of training is spent twice, and nothing waits for ever."""
    (table,) = race.load_tables(path)
    stage, seconds = race.Stage(table), []
    for order in race.random_orders(table, 3):
        words = race.argparse.Namespace(slots=1, reuse_stages=False)
        run, without = race.paused(stage, order, 1.0, words), race.replay(stage, order, race.race_of("model", "model"))
        assert {m.row for m in run.finished} | run.given_up == set(range(30))
        assert run.busy_seconds <= 5 * run.folds + 1e-9
        seconds.append([next(m.busy_seconds for m in each.finished if m.row == 0) for each in (run, without)])
    assert not np.allclose(*np.transpose(seconds)), "something was paused"


def test_the_command_prints_a_row_a_rule(
    race: ModuleType, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["race.py", "--table", str(path), "--orders", "3", "--in-fold", "model", "--half", "first"]
    monkeypatch.setattr("sys.argv", words)
    assert race.main() == 0
    out = capsys.readouterr().out
    assert "15 configurations × 5 folds" in out
    for name in RULES:
        assert f"\n{name} " in out
    assert "\nmodel + curves model" in out


@pytest.mark.shared
def test_tables_of_other_peoples_runs_are_read(race: ModuleType, shared_dir: Path) -> None:
    names = {table.name: table for table in race.load_tables(shared_dir / "data/alphalyrae")}
    assert names["alphalyrae st3"].scores.shape == (6, 5)
    assert names["alphalyrae st3"].finals.max() == pytest.approx(0.713, abs=0.001)
    tables = race.load_tables(shared_dir / "data/smash/st1")
    assert len(tables) == 4
    for table in tables:
        assert table.scores.shape == (9, 5)
        assert (table.scores > 0).all()
        assert (table.scores <= 1).all()


def test_foresight_trains_one_fold_of_all_that_is_not_good(race: ModuleType, path: Path) -> None:
    (table,) = race.load_tables(path)
    is_good = table.finals >= np.sort(table.finals)[-2]
    (order,) = race.random_orders(table, 1)
    found = race.foresight(table, order, is_good)
    first, second = sorted(order.rows.index(int(row)) for row in np.flatnonzero(is_good))
    assert [moment.folds for moment in found.finished] == [first + 5, second + 9]
    assert (found.folds, found.seconds) == (28 + 10, 5.0 * 38)
    assert race.foresight(table, order, is_good, reuse=True).seconds < found.seconds


def test_what_racing_saves_is_a_share_of_what_foresight_would(race: ModuleType, path: Path) -> None:
    (table,) = race.load_tables(path)
    orders = race.random_orders(table, 3)
    wanted = race.targets(table)
    assert [int(wanted[f"top {share}%"].sum()) for share in race.TOP] == [1, 1, 2, 3], "at least one, then rounded"
    assert all(good[table.finals.argmax()] for good in wanted.values())
    stocks = [race.stock(table, order) for order in orders]
    known = [race.foresight(table, order, wanted["top 1%"]) for order in orders]
    runs = [race.replay(race.Stage(table), order, race.race_of("model", "none")) for order in orders]
    share = [race.saving_share(table, each, stocks, known, wanted["top 1%"]) for each in (stocks, runs, known)]
    assert share[0] == pytest.approx(0)
    assert 0 < share[1] < 1
    assert share[2] == pytest.approx(1)


def test_heavy_noise_is_of_folds_and_final_scores_have_their_share(race: ModuleType, path: Path) -> None:
    (table,) = race.load_tables(path)
    noisy = race.heavy(table, 0)
    added = noisy.finals - table.finals
    inside = noisy.scores.mean(axis=1) - table.scores.mean(axis=1)
    assert added - added.mean() == pytest.approx(inside - inside.mean()), "the fold effect is common to all"
    errors = noisy.scores - noisy.scores.mean(axis=0) - noisy.scores.mean(axis=1)[:, None]
    errors = errors - errors.mean()
    assert 0.015 < np.sqrt((errors**2).mean()) < 0.064
