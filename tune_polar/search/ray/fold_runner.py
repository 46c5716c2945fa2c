"""Runs fold trials one after the other in a process that stays warm between them: what a worker does, without Ray."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import socket
import time
import traceback
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import torch

from tune_polar.errors import StoreError
from tune_polar.search.ray.worker_setup import (
    ATTEMPT_KEY,
    ERROR_KEY,
    EVALUATIONS_KEY,
    FAILURE_KEY,
    MEMORY_KEY,
    PROGRESS_KEY,
    RECORD_KEY,
    TRIAL_KEY,
    WorkerSetup,
)
from tune_polar.store.failures import OUT_OF_MEMORY, WORKER_LOST, FailureRecord, Reached
from tune_polar.store.records import FoldRecord
from tune_polar.store.store import Store
from tune_polar.trial.cost import provenance
from tune_polar.trial.device import DeviceError, Held, SlotTakenError, check_slot, hold_device
from tune_polar.trial.encoder_identities import (
    EncoderIdentities,
    OtherEncoderError,
    check_same_encoders,
    encoders_read,
)
from tune_polar.trial.error_verdict import verdict
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.memory_fit import memory_use
from tune_polar.trial.memory_plan import Rung
from tune_polar.trial.progress import Progress, progress_to_text
from tune_polar.trial.run_fold_trial import GivenUpError, fold_trial_steps
from tune_polar.trial.slot_memory import SlotMemory
from tune_polar.trial.smaller_parts import forget_frames
from tune_polar.trial.worker_context import TrialContext

# A running step cannot be interrupted: stopping a fold trial waits for it.
STEP_SECONDS = 1.0
# Of one fold trial, together, for a slot that another program has taken; then the search ends.
SLOT_WAITS, WAIT_SECONDS = 60, 1.0


@dataclass(frozen=True, eq=False)
class Opened:
    """What a process keeps from its first fold trial to its last."""

    held: Held
    store: Store
    context: TrialContext


class FoldRunner:
    """Fold trials of one process. Its texts and its encoder stay from one to the next."""

    def __init__(self, config: dict[str, Any], worker: WorkerSetup, threads: int) -> None:
        """Take the first fold trial, to be computed with ``threads`` of torch."""
        torch.set_num_threads(threads)
        self._worker = worker
        self._identities = EncoderIdentities()
        self._opened: Opened | None = None
        self._has_to_end = False
        self._reached: Reached | None = None
        self._begin(config)

    def take(self, config: dict[str, Any]) -> None:
        """Take the next fold trial."""
        self.leave()
        self._begin(config)

    def step(self) -> dict[str, Any]:
        """Train for about a second."""
        if self._has_to_end:
            os._exit(1)  # the process alone holds what the device lacks: Ray starts another one in its place
        try:
            if self._is_waiting:
                self._wait_for_slot()
            done, told = self._train_for(STEP_SECONDS)
        except SlotTakenError as error:
            return self._slot_taken(error)
        except (StoreError, DeviceError, OtherEncoderError) as error:
            return _nobodys_fault(error)
        except Exception as error:  # noqa: BLE001 (the worker boundary: whatever a fold trial raises is recorded)
            return self._ended(error)
        if done is not None:
            return {"done": True, RECORD_KEY: json.dumps(done.to_json()), PROGRESS_KEY: progress_to_text(told)}
        return {PROGRESS_KEY: progress_to_text(told)}

    def leave(self) -> None:
        """Stop the fold trial in hand, with a last checkpoint unless its configuration is given up."""
        opened = self._opened if self._worker.races else None
        if opened is not None and opened.store.is_abandoned(self._trial.configuration_id):
            with contextlib.suppress(GivenUpError):
                self._steps.throw(GivenUpError())
        self._steps.close()

    def _begin(self, config: dict[str, Any]) -> None:
        self._trial = FoldTrial.from_json(json.loads(config[TRIAL_KEY]))
        self._attempt = int(config[ATTEMPT_KEY])
        tried: dict[str, list[Any]] = json.loads(config.get(MEMORY_KEY, "{}"))
        self._tried = {stage: Rung(int(rows), bool(recompute)) for stage, (rows, recompute) in tried.items()}
        self._evaluated: dict[str, int] = json.loads(config.get(EVALUATIONS_KEY, "{}"))
        self._reached = None
        self._is_waiting, self._waits_left = False, SLOT_WAITS
        self._steps: Generator[Progress, None, FoldRecord] = self._run()

    def _run(self) -> Generator[Progress, None, FoldRecord]:
        if self._opened is None:  # once, and here, where an error is told and not taken for a lost worker
            self._opened = self._open()
        store, context = self._opened.store, self._opened.context
        if self._worker.joined:
            self._check_encoders()
        context.memory.begin(self._tried, self._evaluated)
        record = yield from fold_trial_steps(self._trial, context)
        store.put_fold(record)  # before anyone hears of it
        return record

    def _check_encoders(self) -> None:
        """Whether they are the driver's: found out once, and told as the fault of no configuration."""
        for name, stage in self._trial.recipe.stages.items():
            recorded = self._trial.inputs.stages[name].encoder
            check_same_encoders(name, encoders_read(stage), recorded, self._identities)

    def _open(self) -> Opened:
        worker = self._worker
        held = hold_device(worker.gpu, worker.slot_gb)
        store, memory = worker.store.open(), SlotMemory(held.budget_bytes)
        context = TrialContext(worker.corpus, worker.plans, store, held.device, worker.checkpoint_seconds, memory)
        gc.collect()
        gc.freeze()  # what is loaded by now stays: no later look for cycles needs to go through it
        return Opened(held, store, context)

    def _train_for(self, seconds: float) -> tuple[FoldRecord | None, list[Progress]]:
        """The record of a fold that has finished; every evaluation meanwhile, and where it stands."""
        until, evaluated = time.monotonic() + seconds, list[Progress]()
        progress: Progress | None = None
        try:
            while time.monotonic() < until:
                progress = next(self._steps)
                self._reached = Reached(progress.stage, progress.number, progress.step)
                if progress.value is not None:
                    evaluated.append(progress)
                    if self._worker.races:
                        break
        except StopIteration as stop:
            record: FoldRecord = stop.value
            return record, evaluated
        return None, evaluated if progress is None or progress.value is not None else [*evaluated, progress]

    def _ended(self, error: Exception) -> dict[str, Any]:
        """The result of a fold trial that raised ``error``."""
        kind = verdict(error)
        failure = {"trial": self._failure, "memory": self._out_of_memory, "lost": self._process_lost}[kind](error)
        told = json.dumps(failure.to_json())
        if kind == "trial":
            return {"done": True, FAILURE_KEY: told}
        self._let_go(error)
        if kind == "memory" and self._opened is not None:
            came_back = self._opened.held.memory_came_back()
            try:
                check_slot(self._opened.held.device, self._opened.held.budget_bytes)
            except SlotTakenError as taken:
                return self._slot_taken(taken)
            if came_back:
                return {"done": True, FAILURE_KEY: told}
        # Where the device is lost or does not get its memory back, that is told now; the process ends at its next step.
        self._has_to_end = True
        return {"done": False, FAILURE_KEY: told}

    def _slot_taken(self, error: SlotTakenError) -> dict[str, Any]:
        """Nothing is held against the fold trial: it goes on from its checkpoint if the slot is itself again soon."""
        came_back = self._is_waiting  # nothing has been begun since
        if not came_back:
            self._let_go(error)
            came_back = self._opened is not None and self._opened.held.memory_came_back()
        if not came_back or self._waits_left == 0:
            return _nobodys_fault(error)
        self._is_waiting = True
        return {PROGRESS_KEY: progress_to_text([])}

    def _wait_for_slot(self) -> None:
        """Wait a little.

        Raises:
            SlotTakenError: the slot is still another program's.
        """
        self._waits_left -= 1
        time.sleep(WAIT_SECONDS)
        if self._opened is not None:
            check_slot(self._opened.held.device, self._opened.held.budget_bytes)
        self._is_waiting = False

    def _let_go(self, error: Exception) -> None:
        """Of what the fold trial in hand refers to; it begins again where it goes on."""
        forget_frames(error)
        self._steps = self._run()  # not begun: it holds nothing

    def _out_of_memory(self, error: Exception) -> FailureRecord:
        """The failure, with the stage that was running and how it was computed."""
        failure = replace(self._failure(error), kind=OUT_OF_MEMORY)
        memory = None if self._opened is None else self._opened.context.memory
        if memory is None or memory.in_force is None:
            return failure
        stage, plan = memory.in_force
        step = self._reached.step if self._reached is not None and self._reached.stage == stage else 0
        used, number = memory_use(plan), list(self._trial.recipe.stages).index(stage)
        rows = plan.evaluation_rows if memory.evaluates else None
        failure = replace(failure, reached=Reached(stage, number, step), memory=used, evaluation_rows=rows)
        said = f"{stage} at step {step}, {used if rows is None else f'evaluated {rows} rows at once'}: {error}"
        if failure.is_final:
            said = f"not even the smallest parts fit into memory: {said}"
        return replace(failure, message=said)

    def _process_lost(self, error: Exception) -> FailureRecord:
        """A failure of the process, in which no other fold trial can be trained."""
        failure = self._failure(error)
        said = f"the worker process ended itself after {failure.kind}: {failure.message}"
        return replace(failure, kind=WORKER_LOST, message=said, reached=self._reached)

    def _failure(self, error: Exception) -> FailureRecord:
        return FailureRecord(
            configuration_id=self._trial.configuration_id,
            fold=self._trial.cell.fold,
            seed=self._trial.cell.seed,
            attempt=self._attempt,
            kind=type(error).__name__,
            message=str(error),
            traceback=traceback.format_exc(),
            provenance=provenance(torch.device("cpu") if self._opened is None else self._opened.held.device),
        )


def _nobodys_fault(error: StoreError | DeviceError | OtherEncoderError) -> dict[str, Any]:
    """The result that ends a search and is held against no configuration."""
    problem = f"{error.problem} (seen on {socket.gethostname()})"
    return {"done": True, ERROR_KEY: json.dumps([type(error).__name__, problem, error.remedy])}
