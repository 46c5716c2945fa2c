"""`gpu.py`, section `kill`: kill −9 in the middle of a stage, and the same stage again from its checkpoint."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from gpu_process import Bench, ProcessEnded, in_process
from gpu_stage import context_of, on_gpu, recipe_of, texts, trial_of

from tune_polar.store.records import VALIDATION, StageRecord
from tune_polar.store.store import open_store
from tune_polar.trial.device import hold_device
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.stage_build import build_stage
from tune_polar.trial.stage_training import run_stage
from tune_polar.trial.worker_context import TrialContext

STAGE = "classifier"
ROWS = 300
STEPS, EVALUATED = 40, 10
CHECKPOINT_SECONDS = 0.5
STEPS_LOST = 5  # after the checkpoint

LOG = "steps.txt"


def kill(bench: Bench) -> None:
    """A classifier, whose predictions are numbers: twice to its end, and once killed and resumed."""
    steps = {f"{STAGE}.optimizer.max_steps": STEPS, f"{STAGE}.optimizer.eval_every_steps": EVALUATED}
    recipe = recipe_of(bench.encoder, {f"{STAGE}.start": None, **steps})
    shared = context_of(recipe, texts(ROWS), bench.folder / "kill")
    trial = trial_of(recipe, shared.corpus)
    work = Work(trial, shared, bench.slot_gb)
    for name in ("whole", "again"):
        in_process(bench.left - 1, train, work, bench.folder / name, 0.0)
    folder = bench.folder / "killed"
    try:
        in_process(bench.left - 1, train, work, folder, CHECKPOINT_SECONDS, True)
    except ProcessEnded as error:
        if str(error) != f"the process ended with {-signal.SIGKILL}":
            raise
    else:
        raise RuntimeError("the stage ended before it was killed")
    killed = steps_in(folder)
    size = sum(path.stat().st_size for path in (folder / "checkpoints").iterdir())
    last, when = killed[-1]
    bench.tell("killed", f"after step {last} of {STEPS}, with a checkpoint of {size / 1e6:.0f} MB")
    in_process(bench.left - 1, train, work, folder, CHECKPOINT_SECONDS)
    resumed = steps_in(folder)[len(killed) :]
    first = resumed[0][0]
    caught_up = next((at for step, at in resumed if step > last), resumed[-1][1])
    bench.tell(
        "resumed",
        f"with step {first}; {caught_up - when:.1f} s lost from the kill to a step that is new: "
        f"{resumed[0][1] - when:.1f} s until the first, and {last - first + 1} steps done again",
        good=first > 1,
    )
    key = trial.stage_key(STAGE, None)
    whole, again, after = (open_store(bench.folder / name).stage(key) for name in ("whole", "again", "killed"))
    bench.tell("two runs that nothing ended", difference(whole, again))
    bench.tell("the killed run and one that nothing ended", difference(whole, after))


@dataclass(frozen=True, eq=False)
class Work:
    """The stage that is trained."""

    trial: FoldTrial
    shared: TrialContext
    slot_gb: float


def train(work: Work, folder: Path, checkpoint_seconds: float, is_killed: bool = False) -> None:
    """The stage to its end, or until it is killed a few steps after its first checkpoint."""
    held = hold_device(True, work.slot_gb)
    store = open_store(folder)
    context = on_gpu(replace(work.shared, stages=store, checkpoint_seconds=checkpoint_seconds), held.budget_bytes)
    steps = run_stage(lambda: build_stage(work.trial, STAGE, context, None), context)
    folder.mkdir(exist_ok=True)
    saved: int | None = None
    with (folder / LOG).open("a", encoding="ascii", buffering=1) as log:
        while True:
            try:
                progress = next(steps)
            except StopIteration as stop:
                record, _ = stop.value
                store.put_stage(record)
                return
            log.write(f"{progress.step} {time.monotonic()}\n")
            if saved is None and any(folder.glob("checkpoints/*.safetensors")):
                saved = progress.step
            if is_killed and saved is not None and progress.step >= saved + STEPS_LOST:
                os.kill(os.getpid(), signal.SIGKILL)


def steps_in(folder: Path) -> list[tuple[int, float]]:
    """Each step that was done, and when by the monotonic clock."""
    lines = (folder / LOG).read_text(encoding="ascii").splitlines()
    return [(int(step), float(at)) for step, _, at in (line.partition(" ") for line in lines)]


def difference(one: StageRecord | None, other: StageRecord | None) -> str:
    """Whether curve and predictions of two runs are the same bits, or how far they are apart.

    Raises:
        RuntimeError: one has left no record, or one of another shape.
    """
    if one is None or other is None:
        raise RuntimeError("a run has left no record")
    (curve, table), (other_curve, other_table) = (
        (np.array([(p.training_loss, p.value) for p in each.curve]), each.table(VALIDATION)) for each in (one, other)
    )
    if curve.shape != other_curve.shape or table.shape != other_table.shape:
        raise RuntimeError("two runs have another number of evaluations or rows")
    if np.array_equal(curve, other_curve) and np.array_equal(table, other_table):
        return "curve and predictions are the same bits"
    apart = np.abs(curve - other_curve).max(axis=0)  # of the training losses, and of the metric
    return (
        f"not the same bits: training losses at most {apart[0]:.2g} apart, the metric {apart[1]:.2g}, predicted "
        f"probabilities {np.abs(table - other_table).max():.2g}"
    )
