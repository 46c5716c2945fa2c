"""A recorded search as an Optuna study and as TensorBoard curves."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import optuna
import pytest
from handmade_store import FOLDS, StoreBuilder
from optuna.trial import TrialState

from tune_polar.errors import SearchError
from tune_polar.search.export_optuna import export_optuna
from tune_polar.search.export_tensorboard import export_tensorboard
from tune_polar.spec.configuration import Configuration
from tune_polar.spec.fill import fill
from tune_polar.store.abandonment import Abandonment
from tune_polar.store.summary import summarise

SPACE = {
    "name": "small",
    "order": ["detector.lr", "decision.k"],
    "parameters": {
        "detector.lr": {"type": "float", "low": 0.0001, "high": 0.1, "log": True},
        "decision.k": {"type": "int", "low": 1, "high": 7, "step": 2},
    },
}


@pytest.fixture
def builder(tmp_path: Path) -> StoreBuilder:
    builder = StoreBuilder(tmp_path / "store", changes={"space": SPACE})
    for number, (lr, skill) in enumerate([(0.002, 0.5), (0.01, 0.8), (0.02, 0.7), (0.03, None), (0.04, None)]):
        point = {"detector.lr": lr, "decision.k": 5}
        configuration = Configuration(fill(builder.recipe, point), number, "sampled", point)
        builder.store.put_configuration(configuration)
        if skill is not None:
            builder.finish(configuration, skill)
        elif number == 3:
            builder.fail(configuration, "no")
    return builder


def test_the_study_holds_what_was_told(builder, tmp_path):
    summary = summarise(builder.store, "scores")
    database = f"sqlite:///{tmp_path}/study.db"
    done = export_optuna(builder.store, summary, database)
    study = optuna.load_study(study_name=done.name, storage=database)
    trials = study.get_trials()
    assert (done.trials, done.left_out) == (len(trials), 1)
    trained = [t for t in trials if t.user_attrs.get("trained")]
    assert [t.params for t in trained] == [dict(c.configuration.point) for c in summary.configurations[:3]]
    assert [t.value for t in trained] == [c.scores.proposed.score for c in summary.configurations[:3]]
    assert [t.user_attrs["configuration"] for t in trained] == [c.configuration.id for c in summary.configurations[:3]]
    assert [len(t.intermediate_values) for t in trained] == [FOLDS] * 3
    swept = {t.user_attrs["configuration"]: t for t in trials if t.user_attrs.get("trained") is False}
    assert done.swept == sum(t.user_attrs.get("trained") is False for t in trials)
    assert swept
    for row in summary.configurations[:3]:
        if row.configuration.id in swept:
            assert swept[row.configuration.id].value == row.scores.decisions[0].score
    (failed,) = [t for t in trials if t.state is TrialState.FAIL]
    assert failed.user_attrs["error"] == "ValueError: no"
    with pytest.raises(SearchError, match=r"must not hold a study 'st3 2026-.*' yet"):
        export_optuna(builder.store, summary, database)


@pytest.mark.parametrize("database", ["sqlite:////proc/none/study.db", "nonsense", "nosuch://x", ""])
def test_a_database_that_cannot_be_written_is_named(builder, database):
    with pytest.raises(SearchError, match=r"must be a database that Optuna can write, but: (.|\n)*sqlite:///study.db"):
        export_optuna(builder.store, summarise(builder.store, "scores"), database)


def test_an_ablation_has_no_study(tmp_path):
    builder = StoreBuilder(tmp_path / "store", changes={"space": None, "kind": "ablation"})
    with pytest.raises(SearchError, match=r"must have a space that was searched, but .* is an ablation"):
        export_optuna(builder.store, builder.summary(), f"sqlite:///{tmp_path}/study.db")


def test_curves_become_event_files(builder, tmp_path):
    assert export_tensorboard(builder.store, summarise(builder.store, "scores"), tmp_path / "curves") == 3 * FOLDS * 2
    files = list((tmp_path / "curves").rglob("events.out.tfevents*"))
    assert len(files) == 3 * FOLDS * 2
    first = summarise(builder.store).configurations[0].configuration.id
    (events,) = (tmp_path / f"curves/00000-{first}/fold1/detector").iterdir()
    content = events.read_bytes()
    assert b"training_loss" in content
    assert b"checkpoint_metric" in content
    assert struct.pack("<f", np.float32(0.5)) in content  # the metric of the handmade curve's only point


def test_what_racing_gave_up_is_told_as_a_prediction(builder, tmp_path):
    point = {"detector.lr": 0.05, "decision.k": 5}
    stopped = Configuration(fill(builder.recipe, point), 5, "sampled", point)
    builder.store.put_configuration(stopped)
    builder.finish(stopped, 0.1, folds=(0,))
    builder.store.put_abandonment(Abandonment(stopped.id, "model", (0,), None, 0.31, 0.02, 0.01, "b" * 12, 0.5))
    database = f"sqlite:///{tmp_path}/study.db"
    done = export_optuna(builder.store, summarise(builder.store, "scores"), database)
    trials = optuna.load_study(study_name=done.name, storage=database).get_trials()
    (trial,) = [each for each in trials if each.user_attrs["configuration"] == stopped.id]
    assert (trial.state, trial.value) == (TrialState.COMPLETE, 0.31)
    assert trial.user_attrs["predicted"] is True
    assert trial.user_attrs["stopped_after_folds"] == 1
    assert not any("predicted" in each.user_attrs for each in trials if each is not trial)
