"""Weights & Biases: a group for each configuration, in it a run for each fold and one for what it comes to."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb

from tune_polar.search.trackers.runs import (
    START_HAS_SEEN,
    ConfigurationEnd,
    ConfigurationRun,
    Evaluation,
    FoldEnd,
    FoldRun,
)

PROJECT = "tune-polar"  # where WANDB_PROJECT names no other
STEP = "step"
OFFLINE_STEPS = "tune-polar-steps.json"  # beside an offline run's file: the last step of each stage in it


class WandbTracker:
    """Where W&B's own environment variables say. Of this machine it sends only its name: no code, console or files."""

    def __init__(self) -> None:
        """Nothing is sent before there is something to send."""
        self._runs: dict[str, wandb.Run] = {}
        self._known: dict[tuple[str, str], int] = {}  # the last step that W&B has, by run and stage

    def fold_started(self, run: FoldRun) -> None:
        """Open its run."""
        self._fold(run)

    def evaluated(self, run: FoldRun, evaluation: Evaluation) -> None:
        """Add a point of both curves over the stage's own steps, unless it is there already."""
        opened, stage = self._fold(run), evaluation.stage
        if (run.key, stage) not in self._known:
            opened.define_metric(f"{stage}/*", step_metric=f"{stage}/{STEP}")
            self._known[run.key, stage] = _last_step(opened, stage)
        if evaluation.step > self._known[run.key, stage]:
            numbers = {STEP: evaluation.step, **evaluation.numbers}
            opened.log({f"{stage}/{name}": value for name, value in numbers.items()})
            self._known[run.key, stage] = evaluation.step
            if _is_offline(opened):
                steps = {at: step for (key, at), step in self._known.items() if key == run.key}
                (_folder(opened) / OFFLINE_STEPS).write_text(json.dumps(steps))

    def fold_ended(self, run: FoldRun, end: FoldEnd) -> None:
        """Add its scores and close it."""
        numbers = {} if end.seconds is None else {"seconds": end.seconds}
        about = {**end.scores, **numbers, "reused_stages": list(end.reused), **_seen(end)}
        self._end(run.key, self._fold(run), end.state, about)

    def configuration_ended(self, run: ConfigurationRun, end: ConfigurationEnd) -> None:
        """A run of its own holds its score and state."""
        about = {**run.about, "score": run.search.score, **run.settings}
        opened = self._run(run.key, run.name, "configuration", about, run.name)
        self._end(run.key, opened, end.state, {**end.numbers, **_seen(end)})

    def close(self) -> None:
        """Close what is open."""
        for opened in self._runs.values():
            opened.finish(exit_code=1)
        self._runs.clear()

    def _fold(self, run: FoldRun) -> wandb.Run:
        about = {**run.about, **run.configuration.settings}
        return self._run(run.key, run.name, "fold", about, run.configuration.name)

    def _run(self, key: str, name: str, kind: str, about: Mapping[str, Any], group: str) -> wandb.Run:
        if key not in self._runs:
            self._runs[key] = wandb.init(
                project=None if os.environ.get("WANDB_PROJECT") else PROJECT,
                id=key,
                name=name,
                group=group,
                job_type=kind,
                config=dict(about),
                resume="allow",
                reinit="create_new",  # several at once
                settings=_SETTINGS,
            )
        return self._runs[key]

    def _end(self, key: str, opened: wandb.Run, state: str, numbers: Mapping[str, Any]) -> None:
        opened.summary.update({**numbers, "state": state})
        opened.finish(exit_code=0 if state in ("finished", "abandoned") else 1)
        del self._runs[key]
        self._known = {place: step for place, step in self._known.items() if place[0] != key}


def _seen(end: FoldEnd | ConfigurationEnd) -> dict[str, list[str]]:
    """Only where it is so, as a filter by the name finds it."""
    return {START_HAS_SEEN: list(end.start_has_seen)} if end.start_has_seen else {}


def _last_step(opened: wandb.Run, stage: str) -> int:
    """Of a run that is gone on with: what W&B has of it, or its offline sessions in this folder; 0: nothing."""
    if not _is_offline(opened):
        return int(opened.summary.get(f"{stage}/{STEP}") or 0)
    sessions = _folder(opened).parent.glob(f"offline-run-*-{opened.id}/{OFFLINE_STEPS}")
    return max((json.loads(path.read_text()).get(stage, 0) for path in sessions), default=0)


def _is_offline(opened: wandb.Run) -> bool:
    return bool(opened.settings.mode in ("offline", "dryrun"))


def _folder(opened: wandb.Run) -> Path:
    """``wandb/offline-run-DATE-ID``."""
    return Path(opened.dir).parent


_PATIENCE_SECONDS = 20.0  # where W&B's own variables say nothing: its process waits so long at the end of ours


def _patience(variable: str) -> float:
    try:
        return float(os.environ.get(variable, _PATIENCE_SECONDS))
    except ValueError:
        return _PATIENCE_SECONDS


# The search's own console shows texts of nobody, but paths and errors; git and code are not W&B's to have either.
_SETTINGS = wandb.Settings(
    console="off",
    silent=True,
    init_timeout=_patience("WANDB_INIT_TIMEOUT"),
    finish_timeout=_patience("WANDB_FINISH_TIMEOUT"),
    save_code=False,
    disable_code=True,
    disable_git=True,
    x_disable_meta=True,
    x_disable_stats=True,
    x_disable_machine_info=True,
)
