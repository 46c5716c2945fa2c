"""Two steps of every stage on the longest rows, in a slot and under its cap: what a cell will take of this machine.

The parts are those of a search: the same stages, losses, optimizer, attack, memory plan, checkpoint and start of the
next stage. Left out are the loop around them, patience and the decisions, which cost next to nothing.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Generator, Iterator

import numpy as np
import torch

from tune_polar.errors import StoreError, TunePolarError
from tune_polar.model.changing_weights import TensorArrays
from tune_polar.model.host_footprint import host_peak_bytes
from tune_polar.trial.checkpoints import Checkpoints, StageParts, TrainingState, copied_weights
from tune_polar.trial.cost import provenance
from tune_polar.trial.device import Held
from tune_polar.trial.error_verdict import verdict
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.host_memory import peak_bytes, reset_peak, resident_bytes
from tune_polar.trial.memory_fit import fitted, memory_use, stage_load
from tune_polar.trial.stage_build import build_stage
from tune_polar.trial.stage_plan import BuiltStage, StartingPoint
from tune_polar.trial.stage_rows import Rows
from tune_polar.trial.stage_training import training_of
from tune_polar.trial.training_loop import Training, attack_of, one_step
from tune_polar.trial.tryout_result import DeviceTried, StageFailed, StageTried
from tune_polar.trial.worker_context import TrialContext

LONGEST_STEPS = 2  # the first also pays for what libraries load and allocate once
_TYPICAL_SECONDS = 5.0  # of steps on batches as they come, after those on the longest rows
_TYPICAL_STEPS = 50
_EVALUATED_SECONDS = 5.0  # of rows passed through the model without gradients


def device_tried(held: Held, threads: int) -> DeviceTried:
    """The device that stages are tried on."""
    return DeviceTried(provenance(held.device).device, held.device.type == "cuda", threads, held.budget_bytes)


def try_stages(trial: FoldTrial, context: TrialContext) -> Iterator[StageTried | StageFailed]:
    """Try the stages of one fold trial in their order; ends with the first that fails.

    A stage that starts from another fold's starts from this one's. The process should be a new one, and ``context``
    should have loaded no encoder: both count.
    """
    tried_weights: dict[str, StartingPoint] = {}
    stages = trial.recipe.stages
    before = resident_bytes()
    for name, settings in stages.items():
        try:
            reset_peak()
            start = None if settings.start is None else tried_weights[settings.start.stage]
            built = build_stage(trial, name, context, start)
            tried = _tried(built, context, before)
            if any(other.start is not None and other.start.stage == name for other in stages.values()):
                tried_weights[name] = _left_in_store(built, context, settings.encoder.frozen_layers)
            del built, start
            context.release()
        except Exception as error:  # noqa: BLE001 (whatever a stage raises here is what the user wants to hear of)
            yield StageFailed(name, *_told(error, name))
            return
        yield tried


def _tried(built: BuiltStage, context: TrialContext, before: int) -> StageTried:
    plan, device = built.plan, context.device
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    checkpoints = Checkpoints(context.stages, plan.key, every_seconds=1.0)
    training, memory = fitted(training_of(plan, checkpoints), plan.needs, device)
    training.model.train()
    # From the first evaluation on they are there beside every step
    state = TrainingState(best_weights=copied_weights(training.model) if training.keep_best else None)
    longest = _seconds_a_step(training, itertools.repeat(plan.needs.longest_rows, LONGEST_STEPS), device)
    usual = longest[-1] * _share_of_longest(built)
    count = min(_TYPICAL_STEPS, int(_TYPICAL_SECONDS / usual))
    typical = _seconds_a_step(training, itertools.islice(training.batches, count), device)
    evaluation = _evaluation_seconds(built, longest[-1], device)
    state.step = LONGEST_STEPS + len(typical)
    began = time.perf_counter()
    parts = StageParts(training.model, training.optimizer, training.schedule, training.precision.scaler, device)
    checkpoints.save(parts, state)
    written = time.perf_counter() - began
    # Taken up as by a process that begins anew, which has no gradients, moments and best weights yet.
    training.optimizer.zero_grad(set_to_none=True)
    training.optimizer.state.clear()
    state.best_weights = None
    if checkpoints.restore(parts) is None:
        raise StoreError(
            "a checkpoint must be found again where records go, the one just written was not",
            "Free space there, or give another folder with --store; what went wrong is said above.",
        )
    rung, load = memory.rung, stage_load(training, plan.needs)
    host = host_peak_bytes(
        load,
        rung.rows,
        rung.recompute,
        on_cpu=device.type == "cpu",
        keeps_best=training.keep_best,
    )
    host += context.other_encoders_bytes(plan.settings.encoder)
    return StageTried(
        stage=plan.stage.name,
        precision=plan.precision.bits,
        memory=memory_use(memory),
        longest_tokens=plan.needs.longest_tokens,
        device_predicted_bytes=memory.predicted_bytes,
        device_peak_bytes=int(torch.cuda.max_memory_allocated(device)) if device.type == "cuda" else None,
        outside_torch_bytes=_outside_torch(device),
        host_predicted_bytes=before + host,
        host_peak_bytes=peak_bytes(),
        longest_step_seconds=longest[-1],
        step_seconds=float(np.median(typical)) if typical else usual,
        evaluation_seconds=evaluation,
        checkpoint_seconds=written,
        steps=training.total_steps,
        evaluations=math.ceil(training.total_steps / training.steps_between_evaluations),
    )


def _left_in_store(built: BuiltStage, context: TrialContext, frozen_layers: int) -> StartingPoint:
    """A stage's weights as the next one finds them: in their file."""
    key = built.plan.key
    context.stages.put_weights(key, TensorArrays(built.plan.model.kept()))
    weights = context.stages.weights(key)
    if weights is None:
        raise StoreError(
            "weights must be found again where records go, those just written were not",
            "Free space there, or give another folder with --store.",
        )
    return StartingPoint(key, weights, frozen_layers)


def _seconds_a_step(training: Training, batches: Iterator[Rows], device: torch.device) -> list[float]:
    attack, found = attack_of(training), list[float]()
    for rows in batches:
        started = time.perf_counter()
        one_step(training, rows, attack)
        _wait_for(device)
        found.append(time.perf_counter() - started)
    return found


def _evaluation_seconds(built: BuiltStage, step_seconds: float, device: torch.device) -> float:
    """Of one evaluation, from as many of its rows as can be passed in a few seconds."""
    rows, lengths = built.plan.evaluated_rows, built.source.train_tokens.lengths
    chosen = np.random.default_rng(0).permutation(rows)
    count = min(len(rows), 2 * built.plan.batch_rows)  # no slower than a step
    while True:
        began = time.perf_counter()
        _drain(built.predictor.outputs(built.source.train_tokens, chosen[:count]))
        _wait_for(device)
        seconds = time.perf_counter() - began
        if count == len(rows) or 4 * seconds + step_seconds > _EVALUATED_SECONDS:
            return seconds * float(lengths[rows].sum() / lengths[chosen[:count]].sum())
        count = min(len(rows), 4 * count)


def _share_of_longest(built: BuiltStage) -> float:
    """Tokens of a usual batch over those of the longest: a step costs about as many."""
    lengths, longest = built.source.train_tokens.lengths, built.plan.needs.longest_rows
    usual = [lengths[rows].mean() for rows in itertools.islice(built.plan.batches, 20)]
    return float(np.mean(usual) / lengths[longest].mean())


def _outside_torch(device: torch.device) -> int | None:
    if device.type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info(device)
    return int(total - free - torch.cuda.memory_reserved(device))


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _drain(work: Generator[None, None, object]) -> None:
    for _ in work:
        pass


def _told(error: Exception, stage: str) -> tuple[str, str]:
    """What failed and what to do about it."""
    if isinstance(error, TunePolarError):
        return error.problem, error.remedy
    said = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    remedies = {
        "memory": f"Give a larger slot with --slot-gb, or lower encoder.max_length_tokens or {stage}.batches.size.",
        "lost": "Update the driver, and look with `nvidia-smi -q` and `dmesg` for errors of the card.",
        "trial": "Mend what it names; an error report should contain this output.",
    }
    return said, remedies[verdict(error)]
