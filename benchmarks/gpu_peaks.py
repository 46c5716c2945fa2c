"""`gpu.py`, section `peaks`: what is counted before a stage's first step over what the step takes."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from gpu_process import Bench, ProcessEnded, in_process
from gpu_stage import GPU, context_of, on_gpu, ready, recipe_of, texts

from tune_polar.model.footprint import GB, training_peak
from tune_polar.trial.memory_fit import stage_load
from tune_polar.trial.training_loop import attack_of, one_step
from tune_polar.trial.worker_context import TrialContext

LEAST, MOST = 0.97, 1.10  # counted over measured
TOKENS = 96  # of every row, as the published encoder reads at most
ROWS = 300
STEPS = 4  # the first also pays for what libraries allocate once, the second for AdamW's moments


@dataclass(frozen=True)
class Case:
    """One stage, and how its steps are computed."""

    stage: str
    batch: int
    fgm: bool = True
    micro_rows: int | None = None
    recompute: bool = False

    def __str__(self) -> str:
        parts = [f"batch {self.batch}", "FGM" if self.fgm else "no FGM"]
        parts += [f"parts of {self.micro_rows}"] if self.micro_rows else []
        return f"{self.stage} " + ", ".join(parts + (["checkpointing"] if self.recompute else []))


# The published stages first, then what a slot that is too small makes of them, then the rest.
CASES = (
    *(Case("detector", 24), Case("classifier", 8), Case("detector", 24, micro_rows=12)),
    *(Case("detector", 24, recompute=True), Case("detector", 24, micro_rows=12, recompute=True)),
    *(Case("classifier", 8, micro_rows=4), Case("classifier", 8, recompute=True), Case("detector", 48, micro_rows=24)),
    *(Case("detector", 24, fgm=False), Case("classifier", 8, fgm=False)),
    *(Case("detector", 48), Case("detector", 8), Case("classifier", 24), Case("classifier", 48)),
    *(Case("detector", 48, fgm=False), Case("detector", 8, fgm=False)),
    *(Case("classifier", 24, fgm=False), Case("classifier", 48, fgm=False)),
)


@dataclass(frozen=True)
class Measured:
    """What a case took. Bytes and seconds."""

    counted: int
    peak: int
    step_seconds: float


def peaks(bench: Bench) -> None:
    """Each case in a process of its own, as many as there is time for."""
    recipe = recipe_of(bench.encoder, {})
    context = context_of(recipe, texts(ROWS, TOKENS), bench.folder / "peaks")
    cases = [*CASES[:5], CASES[9]] if bench.dry else CASES
    longest = 0.0
    ratios: list[float] = []
    for place, case in enumerate(cases):
        if bench.left < 1.5 * longest:
            bench.tell("left out", f"{len(cases) - place} of {len(cases)} cases, for which there was no time")
            break
        began = time.monotonic()
        try:
            found = in_process(bench.left - 1, measure, case, bench.encoder, context)
        except ProcessEnded as error:  # a card on which a batch does not fit is no fault
            bench.tell(str(case), str(error), good="OutOfMemoryError" in str(error))
            continue
        longest = max(longest, time.monotonic() - began)
        ratios.append(found.counted / found.peak)
        is_within = LEAST <= ratios[-1] <= MOST
        bench.tell(
            str(case),
            f"counted {found.counted / GB:.3f} GB, measured {found.peak / GB:.3f} GB, counted/measured "
            f"{ratios[-1]:.3f}; {found.step_seconds:.3f} s a step",
            good=is_within or bench.dry,
        )
    if ratios:
        bench.tell(
            "counted/measured",
            f"{min(ratios):.3f} to {max(ratios):.3f} in {len(ratios)} cases; the band is {LEAST:.2f} to {MOST:.2f}",
        )


def measure(case: Case, encoder: Path, shared: TrialContext) -> Measured:
    """Train ``case`` for a few steps on the longest rows, without a cap."""
    epsilon = 0.2 if case.fgm else 0.0
    changes = {f"{case.stage}.batches.size": case.batch, f"{case.stage}.optimizer.fgm_epsilon": epsilon}
    stage = ready(case.stage, recipe_of(encoder, changes), on_gpu(shared))
    plan, training = stage.built.plan, replace(stage.training, micro_rows=case.micro_rows)
    training.encoder.set_recompute(case.recompute)
    attack, seconds = attack_of(training), 0.0
    torch.cuda.reset_peak_memory_stats(GPU)
    for _ in range(STEPS):
        began = time.perf_counter()
        one_step(training, plan.needs.longest_rows, attack)
        torch.cuda.synchronize(GPU)
        seconds = time.perf_counter() - began
    load = stage_load(training, plan.needs)
    counted = training_peak(load, case.micro_rows or case.batch, case.recompute)
    return Measured(counted, torch.cuda.max_memory_allocated(GPU), seconds)
