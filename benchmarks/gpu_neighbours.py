"""`gpu.py`, section `neighbours`: processes of one slot each side by side on one card."""

from __future__ import annotations

import time
from threading import BrokenBarrierError
from typing import Any

import torch
from gpu_process import FORK, Bench, Child, ProcessEnded
from gpu_stage import GPU, materials_of, on_gpu, ready, recipe_of, texts

from tune_polar.spec.recipe import Recipe
from tune_polar.store.record import STAGES
from tune_polar.trial.device import hold_device
from tune_polar.trial.loop import attack_of, one_step
from tune_polar.trial.materials import Materials

COUNTS = (1, 2, 4, 8)
ROWS = 300
SECONDS = 3.0  # of steps that are counted, of each stage
DRY_SECONDS = 0.3
_START_SECONDS = 60.0  # for all of them to have a stage ready


def neighbours(bench: Bench) -> None:
    """Folds an hour of 1, 2, 4 and 8 processes, as far as their slots fit."""
    recipe = recipe_of(bench.encoder, {})
    materials = materials_of(recipe, texts(ROWS), bench.folder / "neighbours")
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
        children = [Child(steps_a_second, recipe, materials, bench.slot_gb, seconds, barrier) for _ in range(count)]
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
        rates = [sum(each[place] for each in found) / count for place in range(len(STAGES))]
        folds = count * 3600 / _fold_seconds(recipe, rates)
        alone = alone or folds
        bench.tell(
            f"{count} at once",
            f"{folds:.2f} folds an hour, {folds / alone:.2f} of one alone; steps a second of each: "
            + ", ".join(f"{stage} {rate:.2f}" for stage, rate in zip(STAGES, rates, strict=True)),
        )


def _fold_seconds(recipe: Recipe, rates: list[float]) -> float:
    """All steps of both stages, without evaluations and without patience."""
    classifier = recipe.classifier.max_steps if recipe.classifier else 0
    return recipe.detector.max_steps / rates[0] + classifier / rates[1]


def steps_a_second(
    recipe: Recipe, shared: Materials, slot_gb: float, seconds: float, barrier: Any
) -> tuple[float, ...]:
    """Of each stage on batches as they come, in a process held to one slot; all begin at once."""
    held = hold_device(True, slot_gb)
    found = []
    for stage in STAGES:
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
        found.append(done / (time.perf_counter() - began))
        del training, attack
        held.memory_came_back()
    return tuple(found)
