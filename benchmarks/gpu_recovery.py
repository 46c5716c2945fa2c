"""`gpu.py`, section `recovery`: a real OutOfMemoryError, before a stage's first step and in the middle of it."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from gpu_process import Bench, first_line, in_process, short
from gpu_stage import GPU, context_of, on_gpu, plans_of, ready, recipe_of, texts, trial_of

from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.table import Corpus
from tune_polar.model.footprint import GB
from tune_polar.store.failures import FailureRecord, tried_evaluations, tried_memory
from tune_polar.store.records import FoldRecord
from tune_polar.store.store import Store, open_store
from tune_polar.trial.fold_trial import FoldTrial
from tune_polar.trial.memory_fit import fitted, memory_use, two_passes
from tune_polar.trial.progress import progress_from_text
from tune_polar.trial.slot_memory import SlotMemory

STAGE = "detector"
TOKENS = 96
ROWS = 240
STEPS = 40
_SHARE = 0.85  # of what a step takes beside weights and moments: too little for all rows at once, enough for half
_ATTEMPTS = 12  # more than there are ways to compute a step


def recovery(bench: Bench) -> None:
    """Both in a process of their own."""
    in_process(bench.left / 2, before_the_first_step, bench)
    in_process(bench.left - 1, in_the_middle, bench)


def lower_the_cap() -> int:
    """Let this process have less than its last steps took; the new cap in bytes."""
    held, peak = torch.cuda.memory_allocated(GPU), torch.cuda.max_memory_allocated(GPU)
    cap = held + int(_SHARE * (peak - held))
    torch.cuda.set_per_process_memory_fraction(cap / torch.cuda.get_device_properties(GPU).total_memory, GPU)
    torch.cuda.empty_cache()  # blocks that are kept would be given out again without a look at the cap
    return cap


def before_the_first_step(bench: Bench) -> None:
    """A slot that says it has more than it has: the probe finds out, and takes a way that fits."""
    recipe = recipe_of(bench.encoder, {})
    stage = ready(STAGE, recipe, on_gpu(context_of(recipe, texts(ROWS, TOKENS), bench.folder / "probe")))
    training, needs = stage.training, stage.built.plan.needs
    torch.cuda.reset_peak_memory_stats(GPU)
    two_passes(training, needs.longest_rows, GPU)
    torch.cuda.empty_cache()
    whole, cap = torch.cuda.max_memory_allocated(GPU), lower_the_cap()
    try:
        two_passes(training, needs.longest_rows, GPU)
        said = "none came"
    except torch.OutOfMemoryError as error:
        said = first_line(error)
    bench.tell("a cap below the peak of two passes", f"{cap / GB:.3f} of {whole / GB:.3f} GB: {said}")
    slot = SlotMemory(torch.cuda.get_device_properties(GPU).total_memory)
    training, plan = fitted(training, replace(needs, slot=slot), GPU)
    bench.tell("the probe of a stage under it", f"chose {memory_use(plan)}", good=not plan.is_plain)


@dataclass(frozen=True)
class Access:
    """The store of a worker without Ray."""

    folder: Path

    def open(self) -> Store:
        """The store."""
        return open_store(self.folder)


def fold_runner() -> ModuleType:
    """What runs a worker's fold trials, also where Ray is not installed: it only names a class that Ray needs."""
    if importlib.util.find_spec("ray") is None:
        nowhere: Any = ModuleType("tune_polar.search.ray.remote_files")
        nowhere.StoreAccess = Access
        sys.modules.setdefault("tune_polar.search.ray.remote_files", nowhere)
    return importlib.import_module("tune_polar.search.ray.fold_runner")


class Worker:
    """One worker's process with its slot, as a search drives it."""

    def __init__(
        self, bench: Bench, corpus: Corpus, plans: Mapping[str, FoldPlan], folder: Path, checkpoint_seconds: float
    ) -> None:
        self._module = fold_runner()
        self._module.STEP_SECONDS = 0.1  # type: ignore[attr-defined] # told often: stages are short here
        setup = importlib.import_module("tune_polar.search.ray.worker_setup").WorkerSetup
        self._threads = bench.threads
        self._setup = setup(corpus, plans, Access(folder), bench.threads, True, checkpoint_seconds, bench.slot_gb)
        self._runner: Any = None
        self.failures: list[FailureRecord] = []

    def begin(self, trial: FoldTrial) -> None:
        """Take a fold trial, with what is known of its failures."""
        mine = [each for each in self.failures if (each.configuration_id, each.fold) == self._name(trial)]
        tried = {stage: [used.micro_rows, used.recompute] for stage, used in tried_memory(mine).items()}
        words = {"fold_trial": json.dumps(trial.to_json()), "attempt": len(mine) + 1, "memory_tried": json.dumps(tried)}
        words["evaluations_tried"] = json.dumps(tried_evaluations(mine))
        if self._runner is None:
            self._runner = self._module.FoldRunner(words, self._setup, self._threads)
        else:
            self._runner.take(words)

    def step(self) -> FoldRecord | FailureRecord | int:
        """Train on; the step that was reached, or how it ended.

        Raises:
            RuntimeError: the process would have been replaced, or no configuration is at fault.
        """
        result = self._runner.step()
        if "error" in result:
            raise RuntimeError(result["error"])
        if "record" in result:
            return FoldRecord.from_text(result["record"])
        if "failure" in result:
            failure = FailureRecord.from_json(json.loads(result["failure"]))
            self.failures.append(failure)
            if not result["done"]:
                raise RuntimeError(f"this process's memory did not come back after {failure.first_line}")
            return failure
        told = progress_from_text(result["progress"])
        return told[-1].step if told else 0

    def run(self, trial: FoldTrial) -> FoldRecord:
        """A fold trial to its end, through as many ways to compute a step as it takes.

        Raises:
            RuntimeError: it failed.
        """
        for _ in range(_ATTEMPTS):
            self.begin(trial)
            ended: FoldRecord | FailureRecord | int = 0
            while isinstance(ended, int):
                ended = self.step()
            if isinstance(ended, FoldRecord):
                return ended
            if not ended.is_out_of_memory or ended.is_final:
                raise RuntimeError(ended.first_line)
        raise RuntimeError(f"no end after {_ATTEMPTS} attempts")

    @staticmethod
    def _name(trial: FoldTrial) -> tuple[str, int]:
        return trial.configuration_id, trial.cell.fold


def in_the_middle(bench: Bench) -> None:
    """The cap comes down while a stage trains: its fold runs again in smaller parts, in the same process."""
    steps = {f"{STAGE}.optimizer.max_steps": STEPS, f"{STAGE}.optimizer.eval_every_steps": STEPS}
    recipe, corpus = recipe_of(bench.encoder, steps, "st1"), texts(ROWS, TOKENS)
    folder, every = bench.folder / "recovery", 0.2 if bench.dry else 1.0
    worker = Worker(bench, corpus, plans_of(recipe, corpus), folder, every)
    trial = trial_of(recipe, corpus)
    worker.begin(trial)
    reached: FoldRecord | FailureRecord | int = 0
    while isinstance(reached, int) and (reached < 2 or not any(folder.glob("checkpoints/*.safetensors"))):
        reached = worker.step()
    if not isinstance(reached, int):
        raise RuntimeError(f"the stage ended before its cap came down: {reached}")
    before = torch.cuda.get_per_process_memory_fraction(GPU)
    peak, cap = torch.cuda.max_memory_allocated(GPU), lower_the_cap()
    bench.tell("the cap comes down", f"at step {reached}, from a peak of {peak / GB:.3f} GB to {cap / GB:.3f} GB")
    ended: FoldRecord | FailureRecord | int = 0
    while isinstance(ended, int):
        ended = worker.step()
    if isinstance(ended, FoldRecord):
        raise RuntimeError("the stage went on under a cap below its peak")
    kept = torch.cuda.memory_reserved(GPU)
    bench.tell("the error", short(ended.first_line), good=ended.is_out_of_memory)
    bench.tell("memory that did not come back", f"{kept / GB:.3f} GB of {peak / GB:.3f} GB", good=kept < peak / 4)
    checkpoint = open_store(folder).checkpoint(trial.stage_key(STAGE, None))
    record = worker.run(trial)
    tried = ", ".join(str(each.memory) for each in worker.failures)
    begun = 0 if checkpoint is None else checkpoint.step
    bench.tell("the fold", f"after {tried}, from step {begun} of {STEPS}: finished as {record.memory[STAGE]}")
    torch.cuda.set_per_process_memory_fraction(before, GPU)
    after = worker.run(trial_of(recipe, corpus, fold=1)).memory[STAGE]
    first = worker.failures[0].memory
    bench.tell(
        "the next fold in this process, with its slot again",
        f"finished as {after}",
        good=first is not None and (after.micro_rows, after.recompute) == (first.micro_rows, first.recompute),
    )
