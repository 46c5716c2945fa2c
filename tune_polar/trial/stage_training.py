"""Trains a built stage in its slot, and makes its record."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import replace

import torch

from tune_polar.model.changing_weights import TensorArrays
from tune_polar.model.parameter_groups import parameter_groups
from tune_polar.model.schedule import learning_rate_schedule
from tune_polar.store.records import StageRecord
from tune_polar.store.training_facts import Array
from tune_polar.trial.checkpoint_metric import LAST, larger_is_better
from tune_polar.trial.checkpoints import Checkpoints
from tune_polar.trial.cost import CostMeter, provenance
from tune_polar.trial.memory_fit import fitted, memory_use
from tune_polar.trial.progress import Progress
from tune_polar.trial.stage_plan import BuiltStage, StagePlan, stage_seed
from tune_polar.trial.training_loop import Training, TrainingResult, shown, train
from tune_polar.trial.worker_context import TrialContext


def run_stage(
    build: Callable[[], BuiltStage], context: TrialContext
) -> Generator[Progress, None, tuple[StageRecord, TensorArrays]]:
    """Build a stage, train it and compute what it leaves behind: its record, and what its weights file holds."""
    meter = CostMeter(context.device)
    built = build()
    plan = built.plan
    checkpoints = Checkpoints(context.stages, plan.key, context.checkpoint_seconds)
    result = yield from train_stage(plan, checkpoints)
    stage = plan.stage
    done = Progress(stage.name, stage.number, stage.fold, result.steps, result.steps)
    left = yield from shown(context.memory.evaluating(built.work.leaves()), done)
    return _record(plan, result, meter, left.tables), TensorArrays(plan.model.kept(), left.beside)


def train_stage(
    plan: StagePlan, checkpoints: Checkpoints, stop_at: int | None = None
) -> Generator[Progress, None, TrainingResult]:
    """Train a stage in its slot; the model holds the kept weights afterwards.

    ``stop_at``: the step that is the last, whatever its schedule leads to; None: as settings and patience say.
    """
    device = plan.precision.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        # Dropout draws from torch's own generator and takes no other
        torch.manual_seed(stage_seed(plan.seed, plan.stage.name, plan.stage.fold))
        training, memory = fitted(training_of(plan, checkpoints), plan.needs, device)
        if stop_at is not None:
            training = replace(training, total_steps=stop_at)
        result = yield from train(training, device)
    is_told = memory.budget_bytes is not None or not memory.is_plain
    return replace(result, bits=plan.precision.bits, memory=memory_use(memory) if is_told else None)


def training_of(plan: StagePlan, checkpoints: Checkpoints) -> Training:
    """A stage's optimizer and schedule set up."""
    settings, model = plan.settings.optimizer, plan.model
    groups = parameter_groups(
        model.encoder,
        [model.head, model.losses],
        lr=settings.lr,
        head_lr=settings.head_lr,
        xi=settings.xi,
        weight_decay=settings.weight_decay,
        own_rates=model.losses.own_rates(),
    )
    length = plan.length
    optimizer = torch.optim.AdamW(groups, eps=settings.adam_epsilon, fused=True)
    return Training(
        stage=plan.stage,
        settings=settings,
        batch_rows=plan.batch_rows,
        model=model,
        encoder=model.encoder,
        optimizer=optimizer,
        schedule=learning_rate_schedule(settings.schedule, optimizer, length.steps, settings.warmup_share),
        batches=plan.batches,
        total_steps=length.steps,
        steps_between_evaluations=length.steps_between_evaluations(len(plan.evaluated_rows)),
        loss=plan.loss,
        evaluate=plan.evaluate,
        keep_best=plan.settings.keep != LAST,
        checkpoints=checkpoints,
        precision=plan.precision,
        larger_is_better=larger_is_better(plan.metric),
        apart=plan.apart,
    )


def _record(plan: StagePlan, result: TrainingResult, meter: CostMeter, arrays: Mapping[str, Array]) -> StageRecord:
    """The record of a stage that has just been trained."""
    return StageRecord(
        key=plan.key,
        stage=plan.stage.name,
        fold=plan.stage.fold,
        seed=plan.seed,
        predicts=plan.settings.predicts,
        keep=plan.settings.keep,
        start=plan.start,
        best_step=result.best_step,
        best_value=result.best_value,
        steps=result.steps,
        total_steps=result.total_steps,
        epoch_steps=plan.length.epoch_steps,
        stopped=result.stopped,
        curve=result.curve,
        seconds=result.earlier_seconds + meter.seconds,
        peak_memory_bytes=meter.peak_memory_bytes,
        provenance=provenance(meter.device),
        memory=result.memory,
        precision=result.bits,
        arrays=arrays,
    )
