"""`gpu.py`, section `neighbours`: processes of one slot each side by side on one card."""

from __future__ import annotations

import time
from collections.abc import Mapping
from threading import BrokenBarrierError
from typing import Any

import torch
from gpu_process import FORK, Bench, Child, ProcessEnded
from gpu_stage import GPU, context_of, on_gpu, ready, recipe_of, texts

from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import DEFAULT_STEPS
from tune_polar.trial.device import hold_device
from tune_polar.trial.training_loop import attack_of, one_step
from tune_polar.trial.worker_context import TrialContext

COUNTS = (1, 2, 4, 8)
ROWS = 300
SECONDS = 3.0  # of steps that are counted, of each stage
DRY_SECONDS = 0.3
_START_SECONDS = 60.0  # for all of them to have a stage ready


def neighbours(bench: Bench) -> None:
    """Folds an hour of 1, 2, 4 and 8 processes, as far as their slots fit."""
    recipe = recipe_of(bench.encoder, {})
    context = context_of(recipe, texts(ROWS), bench.folder / "neighbours")
    fit = bench.about.gpu.slots(bench.slot_gb)
    alone, took = 0.0, 0.0
    for count in COUNTS:
        if count > max(1, fit):
            bench.tell(f"{count} at once", f"left out: {bench.about.gpu.total_gb:.0f} GB hold {fit} slots")
            continue
        if bench.left < 1.3 * took:
            bench.tell(f"{count} at once", "left out: no time")
            continue
        began, barrier = time.monotonic(), FORK.Barrier(count)
        seconds = DRY_SECONDS if bench.dry else SECONDS
        children = [Child(steps_a_second, recipe, context, bench.slot_gb, seconds, barrier) for _ in range(count)]
        found, problem = [], ""
        for child in children:
            try:
                found.append(child.result(bench.left - 1))
            except ProcessEnded as error:
                problem = problem or str(error)
        if problem:
            bench.tell(f"{count} at once", problem, good=False)
            return
        took = time.monotonic() - began
        rates = {name: sum(each[name] for each in found) / count for name in recipe.stages}
        folds = count * 3600 / _fold_seconds(recipe, rates)
        alone = alone or folds
        bench.tell(
            f"{count} at once",
            f"{folds:.2f} folds an hour, {folds / alone:.2f} of one alone; steps a second of each: "
            + ", ".join(f"{stage} {rate:.2f}" for stage, rate in rates.items()),
        )


def _fold_seconds(recipe: Recipe, rates: Mapping[str, float]) -> float:
    """All steps that bound stages, without evaluations and without patience."""
    steps = {name: stage.optimizer.max_steps or DEFAULT_STEPS for name, stage in recipe.stages.items()}
    return sum(steps[name] / rates[name] for name in recipe.stages)


def steps_a_second(
    recipe: Recipe, shared: TrialContext, slot_gb: float, seconds: float, barrier: Any
) -> dict[str, float]:
    """Of each stage on batches as they come, in a process held to one slot; all begin at once."""
    held = hold_device(True, slot_gb)
    found = {}
    for stage in recipe.stages:
        training = ready(stage, recipe, on_gpu(shared, held.budget_bytes)).training
        attack, done = attack_of(training), 0
        one_step(training, next(training.batches), attack)  # pays for what is loaded and allocated once
        torch.cuda.synchronize(GPU)
        try:
            barrier.wait(_START_SECONDS)
        except BrokenBarrierError:
            raise RuntimeError("another of these processes did not get ready") from None
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            one_step(training, next(training.batches), attack)
            torch.cuda.synchronize(GPU)
            done += 1
        found[stage] = done / (time.perf_counter() - began)
        del training, attack
        held.memory_came_back()
    return found
