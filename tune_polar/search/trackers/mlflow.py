"""MLflow: a parent run for each configuration, a child run for each of its folds."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from typing import Any

# A server that is down is asked again twice for each message, not for four minutes; who sets more gets more.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")

from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from tune_polar.search.trackers.runs import (
    START_HAS_SEEN,
    ConfigurationEnd,
    ConfigurationRun,
    Evaluation,
    FoldEnd,
    FoldRun,
    SearchRun,
)

KEY = "tune_polar.key"  # tag by which a run is found again: MLflow gives ids of its own
STATE = "tune_polar.state"
SEEN = f"tune_polar.{START_HAS_SEEN}"
_STATUS = {"finished": "FINISHED", "failed": "FAILED", "infeasible": "FAILED"}  # others: KILLED
_NO_NAME = re.compile(r"[^\w.\-/: ]")  # what MLflow takes in no name
_LONGEST = 500  # characters of a parameter's value


class MlflowTracker:
    """Where MLFLOW_TRACKING_URI says, in MLFLOW_EXPERIMENT_NAME or an experiment called like the recipe."""

    def __init__(self, search: SearchRun) -> None:
        """Find the experiment, or make it."""
        self._client = MlflowClient()
        self._experiment = self._experiment_for(search)
        self._open: dict[str, str] = {}  # ids of runs, by key
        self._known: dict[tuple[str, str], int] = {}  # the last step that MLflow has, by run and curve

    def fold_started(self, run: FoldRun) -> None:
        """Open its run."""
        self._fold(run)

    def evaluated(self, run: FoldRun, evaluation: Evaluation) -> None:
        """Add a point of both curves, unless it is there already."""
        run_id, now = self._fold(run), _now()
        named = {f"{evaluation.stage}/{name}": value for name, value in evaluation.numbers.items()}
        new = [name for name in named if evaluation.step > self._last_step(run_id, name)]
        if new:
            self._client.log_batch(run_id, [Metric(_name(name), named[name], now, evaluation.step) for name in new])
            self._known.update({(run_id, name): evaluation.step for name in new})

    def fold_ended(self, run: FoldRun, end: FoldEnd) -> None:
        """Add its scores and close it."""
        numbers = dict(end.scores) if end.seconds is None else {**end.scores, "seconds": end.seconds}
        tags = {STATE: end.state, "tune_polar.reused_stages": " ".join(end.reused), SEEN: " ".join(end.start_has_seen)}
        self._end(run.key, self._fold(run), end.state, numbers, tags)

    def configuration_ended(self, run: ConfigurationRun, end: ConfigurationEnd) -> None:
        """Add its score and close it."""
        tags = {STATE: end.state, SEEN: " ".join(end.start_has_seen)}
        self._end(run.key, self._configuration(run), end.state, end.numbers, tags)

    def close(self) -> None:
        """Runs that go on another day are killed until then."""
        for run_id in self._open.values():
            self._client.set_terminated(run_id, "KILLED")
        self._open.clear()

    def _experiment_for(self, search: SearchRun) -> str:
        if os.environ.get("MLFLOW_EXPERIMENT_ID"):
            return os.environ["MLFLOW_EXPERIMENT_ID"]
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or search.recipe
        found = self._client.get_experiment_by_name(name)
        return str(self._client.create_experiment(name) if found is None else found.experiment_id)

    def _fold(self, run: FoldRun) -> str:
        if run.key in self._open:  # its configuration may have ended before it
            return self._open[run.key]
        parent = self._configuration(run.configuration)
        about = {**run.about, **run.configuration.settings}
        return self._run(run.key, f"{run.configuration.name} {run.name}", about, {"mlflow.parentRunId": parent})

    def _configuration(self, run: ConfigurationRun) -> str:
        about = {**run.about, "score": run.search.score, **run.settings}
        return self._run(run.key, run.name, about, {})

    def _run(self, key: str, name: str, about: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        """The run of a key: the one of before, gone on with, or a new one."""
        if key in self._open:
            return self._open[key]
        found = self._client.search_runs([self._experiment], f"tags.`{KEY}` = '{key}'", max_results=1)
        if found:
            run_id = str(found[0].info.run_id)
            self._client.update_run(run_id, "RUNNING")
        else:
            made = self._client.create_run(self._experiment, tags={KEY: key, **tags}, run_name=name)
            run_id = str(made.info.run_id)
        self._client.log_batch(run_id, params=[Param(_name(k), _value(v)) for k, v in about.items()])
        self._open[key] = run_id
        return run_id

    def _last_step(self, run_id: str, name: str) -> int:
        if (run_id, name) not in self._known:
            history = self._client.get_metric_history(run_id, _name(name))
            self._known[run_id, name] = max((point.step for point in history), default=0)
        return self._known[run_id, name]

    def _end(self, key: str, run_id: str, state: str, numbers: Mapping[str, float], tags: Mapping[str, str]) -> None:
        now = _now()
        metrics = [Metric(_name(name), value, now, 0) for name, value in numbers.items()]
        self._client.log_batch(run_id, metrics, tags=[RunTag(name, value) for name, value in tags.items() if value])
        self._client.set_terminated(run_id, _STATUS.get(state, "KILLED"))
        del self._open[key]
        self._known = {place: step for place, step in self._known.items() if place[0] != run_id}


def _name(name: str) -> str:
    return _NO_NAME.sub("_", name)


def _value(value: object) -> str:
    return str(value)[:_LONGEST]


def _now() -> int:
    return int(time.time() * 1000)
