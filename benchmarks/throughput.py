"""Optimizer steps a second: our training loop against the Hugging Face Trainer, same model, data, batch and FGM.

    python benchmarks/throughput.py --data ../shared/data/polar            # tiny encoder, one thread, ST3's stages
    python benchmarks/throughput.py                                        # the same on the sample corpus
    python benchmarks/throughput.py --gpu                                  # size of ERNIE-xbase, bf16, 8 GB, on a GPU
    python benchmarks/throughput.py --gpu --device cpu --layers 2 --hidden 64 --steps 8   # does that script run at all

Three ways to take the same steps (FGM, AdamW with layer-wise rates, warm-up and cosine, no clipping of gradients):

- `trainer`: as the authors used it: rows tokenised as they are drawn, padded to 96, FGM in `training_step`, the
  library's own forward pass and dropout
- `tuned`: the Trainer by its own options: tokenised before, padded to the longest row of a batch, rows grouped by
  length, fused optimizer, no look at each loss
- `ours`: `tune_polar.trial.training_loop.train` as a search runs it

All three draw the batches that the stage wants: by chance (`trainer`) or grouped by length; balanced ones, which no
option of the Trainer deals, are dealt to it.

Rounds are interleaved and the medians of their ratios printed; each round leaves out its first steps. On a CPU, exits
with status 1 where a ratio misses its target (3 against `trainer`, 1.3 against `tuned`). The Trainer wants `accelerate`
(`pip install -e .[benchmarks]`); neither ray nor optuna is needed.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
from collections.abc import Callable, Generator

import numpy as np
import torch
from throughput_task import Size, Task, batches_of, now, tasks
from throughput_trainer import trainer_seconds
from torch import Tensor

from tune_polar.data.batching import TokenRows
from tune_polar.data.source import parse_source
from tune_polar.model.losses import LossBatch
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe
from tune_polar.search.recipe_data import read_corpus
from tune_polar.store.checkpoint import Checkpoint
from tune_polar.trial.checkpoint_metric import LAST
from tune_polar.trial.checkpoints import Checkpoints
from tune_polar.trial.forward_pass import batch_tensors
from tune_polar.trial.memory_fit import StageNeeds, longest_of
from tune_polar.trial.precision import Precision
from tune_polar.trial.slot_memory import SlotMemory
from tune_polar.trial.stage_plan import StagePlan
from tune_polar.trial.stage_training import train_stage
from tune_polar.trial.training_loop import StageId

XBASE_VOCABULARY = 40_000
TARGET_TRAINER, TARGET_TUNED = 3.0, 1.3


class Nowhere:
    """A cache of checkpoints that keeps none."""

    def checkpoint(self, key: str) -> Checkpoint | None:
        """None."""

    def put_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Leave nothing."""


def our_seconds(task: Task, size: Size) -> float:
    """Seconds of the timed steps of our loop."""
    model, total = task.model(size), size.steps + size.warmup
    tokens = TokenRows(task.tokens)
    targets = task.targets.to(size.device)

    def loss(chosen: np.ndarray, share: float) -> Tensor:
        passed = model(*batch_tensors(tokens, chosen, 0, size.device))
        read = LossBatch(passed.outputs, passed.embeddings, targets[torch.from_numpy(chosen).to(size.device)])
        value: Tensor = model.losses(read, share)
        return value

    def evaluate() -> Generator[None, None, float]:
        yield from ()
        return 0.0

    steps = {"max_steps": total, "max_epochs": None, "eval_every_steps": total}
    settings = task.settings.model_copy(
        update={"optimizer": task.settings.optimizer.model_copy(update=steps), "keep": LAST}
    )
    plan = StagePlan(
        stage=StageId(task.stage, 0, 0),
        key="none",
        start=None,
        seed=1,
        settings=settings,
        model=model,
        precision=Precision.of(settings.precision, size.device),
        batches=batches_of(task),
        training_rows=len(task.tokens),
        evaluated_rows=np.arange(0),
        loss=loss,
        evaluate=evaluate,
        metric="macro_f1",
        needs=StageNeeds(SlotMemory(), "tiny", np.arange(len(task.tokens)), longest_of([tokens])),
    )
    began = 0.0
    torch.manual_seed(1)
    for progress in train_stage(plan, Checkpoints(Nowhere(), "none", 0.0)):
        if progress.step == size.warmup:
            began = now(size.device)
        elif progress.step == total:
            return now(size.device) - began
    raise RuntimeError("the loop ended before its last step")


def compare(task: Task, size: Size, rounds: int) -> tuple[float, float]:
    """Print one stage's figures; our ratios against the Trainer as used and as tuned."""
    systems: dict[str, Callable[[], float]] = {
        "trainer": lambda: trainer_seconds(task, size, tuned=False),
        "tuned": lambda: trainer_seconds(task, size, tuned=True),
        "ours": lambda: our_seconds(task, size),
    }
    seconds: dict[str, list[float]] = {name: [] for name in systems}
    memory: dict[str, int] = dict.fromkeys(systems, 0)
    for number in range(rounds):
        for name in itertools.islice(itertools.cycle(systems), number % 3, number % 3 + 3):  # none is always first
            if size.device.type == "cuda":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats(size.device)
            try:
                seconds[name].append(systems[name]())
            except torch.cuda.OutOfMemoryError:
                seconds[name].append(float("inf"))
            if size.device.type == "cuda":
                memory[name] = max(memory[name], torch.cuda.max_memory_allocated(size.device))
    print(f"{task.stage}, batch {task.settings.batches.size}, {task.settings.precision}, {len(task.tokens)} rows:")
    for name, found in seconds.items():
        median = statistics.median(found)
        said = f"  {name:8} {size.steps / median:8.2f} steps/s  {1000 * median / size.steps:8.2f} ms a step"
        peak = f"  peak {memory[name] / 2**30:.2f} GiB" if memory[name] else ""
        print(said + peak + ("  (out of memory)" if median == float("inf") else ""), flush=True)
    ratios = []
    for rival in ("trainer", "tuned"):
        each = [theirs / ours for theirs, ours in zip(seconds[rival], seconds["ours"], strict=True)]
        ratios.append(statistics.median(each))
        print(f"  ours / {rival:8} {ratios[-1]:5.2f}x  (rounds {min(each):.2f} to {max(each):.2f})", flush=True)
    return ratios[0], ratios[1]


def main() -> int:
    """Compare the stages of ST3."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="sample", help="`sample` or a POLAR folder (zho is read)")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=20, help="timed steps a round")
    parser.add_argument("--warmup", type=int, default=5, help="steps before the clock starts")
    parser.add_argument("--stage", help="[default: all]")
    parser.add_argument("--gpu", action="store_true", help="ERNIE-xbase's size with random weights, batch 24 and 8")
    parser.add_argument("--device", help="cuda or cpu  [default: cuda with --gpu, else cpu]")
    parser.add_argument("--layers", type=int, help="[default: 1; with --gpu 20]")
    parser.add_argument("--hidden", type=int, help="[default: 64; with --gpu 1024]")
    parser.add_argument("--batch", type=int, help="of every stage  [default: the recipe's]")
    parser.add_argument("--precision", choices=["fp32", "bf16"], help="[default: fp32; with --gpu bf16]")
    parser.add_argument("--memory-gb", type=float, default=8.0, help="of the GPU that may be used")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device(arguments.device or ("cuda" if arguments.gpu else "cpu"))
    if device.type == "cuda":
        whole = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, arguments.memory_gb * 2**30 / whole))
        print(f"{torch.cuda.get_device_name(0)}, of which {arguments.memory_gb:g} GiB may be used")
    hidden = arguments.hidden or (1024 if arguments.gpu else 64)
    size = Size(
        arguments.layers or (20 if arguments.gpu else 1),
        hidden,
        max(1, hidden // 64),
        XBASE_VOCABULARY if arguments.gpu else None,
        device,
        arguments.steps,
        arguments.warmup,
    )
    recipe = load_recipe("st3", RecipeOptions(encoder=None if arguments.gpu else "tiny")).recipe
    corpus = read_corpus(recipe, parse_source(arguments.data))
    precision = arguments.precision or ("bf16" if arguments.gpu else "fp32")
    print(f"{size.layers} x {size.hidden}, {corpus.name}, torch {torch.__version__}, one thread of the CPU", flush=True)
    ratios = []
    for stage, task in tasks(corpus, recipe, arguments.batch, precision).items():
        if arguments.stage in (stage, None):
            ratios.append(compare(task, size, arguments.rounds))
    worst = min(used for used, _ in ratios), min(tuned for _, tuned in ratios)
    print(f"worst stage: {worst[0]:.2f}x `trainer` (target {TARGET_TRAINER}), {worst[1]:.2f}x `tuned` ({TARGET_TUNED})")
    return int(device.type == "cpu" and not arguments.gpu and (worst[0] < TARGET_TRAINER or worst[1] < TARGET_TUNED))


if __name__ == "__main__":
    sys.exit(main())
