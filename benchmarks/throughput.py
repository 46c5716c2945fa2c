"""Optimizer steps a second: our training loop against the Hugging Face Trainer, same model, data, batch and FGM.

    python benchmarks/throughput.py --data ../shared/data/polar            # tiny encoder, one thread, both stages
    python benchmarks/throughput.py                                        # the same on the sample corpus
    python benchmarks/throughput.py --gpu                                  # size of ERNIE-xbase, bf16, 8 GB, on a GPU
    python benchmarks/throughput.py --gpu --device cpu --layers 2 --hidden 64 --steps 8   # does that script run at all

Three ways to take the same steps (FGM, AdamW with layer-wise rates, warm-up and cosine, no clipping of gradients):

- `trainer`: as the authors used it: rows tokenised as they are drawn, padded to 96, FGM in `training_step`
- `tuned`: the Trainer by its own options: tokenised before, padded to the longest row of a batch, rows grouped by
  length, fused optimizer, no look at each loss
- `ours`: `tune_polar.trial.loop.train` as a search runs it

All three draw the batches that the stage wants: the classifier's by chance (`trainer`) or grouped by length, the
detector's half of each class, which no grouping can serve.

Rounds are interleaved and the medians of their ratios printed; each round leaves out its first steps. On a CPU, exits
with status 1 where a ratio misses its target (3 against `trainer`, 1.3 against `tuned`). The Trainer wants `accelerate`
(`pip install -e .[benchmarks]`); neither ray nor optuna is needed.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from transformers import ErnieConfig, ErnieModel, PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from tune_polar.data.batching import BalancedBatches, LengthGroupedBatches, TokenRows
from tune_polar.data.corpus import Corpus
from tune_polar.data.proxy import proxy_class
from tune_polar.model.encoder import TextEncoder
from tune_polar.model.heads import ClassificationHead, ProjectionHead
from tune_polar.model.losses import AsymmetricLoss
from tune_polar.model.optimizer import cosine_with_warmup, parameter_groups
from tune_polar.model.seeding import seeded_start
from tune_polar.model.tiny import tiny_encoder, token_vectors
from tune_polar.model.tokens import CharacterTokenizer
from tune_polar.spec.data_source import parse_data_source
from tune_polar.spec.recipe import Recipe, Stage
from tune_polar.spec.recipe_file import RecipeOptions, load_recipe
from tune_polar.store.checkpoint import Checkpoint
from tune_polar.trial.checkpoints import Checkpoints
from tune_polar.trial.detector import detector_loss
from tune_polar.trial.rows import batch_tensors
from tune_polar.trial.slot_memory import SlotMemory
from tune_polar.trial.stage import StageModel, StagePlan, train_stage
from tune_polar.trial.stage_memory import StageNeeds, longest_of

STAGES = ("detector", "classifier")
XBASE_VOCABULARY = 40_000
TARGET_TRAINER, TARGET_TUNED = 3.0, 1.3


@dataclass(frozen=True)
class Size:
    """Which encoder is trained, how and where."""

    layers: int
    hidden: int
    heads: int
    vocabulary: int | None  # None: the tiny encoder
    device: torch.device
    steps: int  # timed ones
    warmup: int  # steps before the clock starts


@dataclass(frozen=True, eq=False)
class Task:
    """One stage's rows."""

    stage: str
    recipe: Recipe
    settings: Stage
    tokenizer: CharacterTokenizer
    texts: list[str]
    tokens: list[np.ndarray]
    targets: Tensor  # (rows,) classes or (rows, labels)
    proxy: np.ndarray

    def model(self, size: Size) -> StageModel:
        """The same start for all three."""
        encoder = TextEncoder(self._backbone(size), pooling=self.recipe.encoder.pooling)
        width = encoder.hidden_size
        with seeded_start(1):
            if self.stage == "detector":
                head: nn.Module = ProjectionHead(width, width, self.recipe.detector.projection)
                loss: nn.Module = detector_loss(self.recipe.detector)
            else:
                labels = self.recipe.task.labels
                head = ClassificationHead(width, width, len(labels), 0.1)
                gammas = self.recipe.classifier.gamma_negative if self.recipe.classifier else {}
                loss = AsymmetricLoss([gammas[label] for label in labels])
        return StageModel(encoder, head, loss).to(size.device)

    def _backbone(self, size: Size) -> ErnieModel:
        length = self.recipe.encoder.max_length_tokens
        if size.vocabulary is None:
            vectors = token_vectors(self.tokenizer, self.texts, size.hidden, length)
            return tiny_encoder(
                self.tokenizer, vectors, hidden=size.hidden, layers=size.layers, seed=1, max_length_tokens=length
            )
        config = ErnieConfig(
            vocab_size=size.vocabulary,
            hidden_size=size.hidden,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            intermediate_size=4 * size.hidden,
            max_position_embeddings=2048,
            type_vocab_size=4,
            use_task_id=True,
        )
        with seeded_start(1):
            return ErnieModel(config, add_pooling_layer=False)


# -- the Trainer ---------------------------------------------------------------------------------------------------


class Wrapped(nn.Module):
    """A stage's model with the loss in ``forward``, as the Trainer wants it."""

    def __init__(self, stage: StageModel) -> None:
        super().__init__()
        self.stage = stage

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Token ids and mask (rows, tokens), labels of the stage."""
        return {"loss": self.stage.loss(plain_outputs(self.stage, input_ids, attention_mask), labels)}


def plain_outputs(model: StageModel, ids: Tensor, mask: Tensor) -> Tensor:
    """The head's outputs by the library's own forward pass over padded rows."""
    encoder = model.encoder
    tasks = {"task_type_ids": torch.zeros_like(ids)} if encoder.backbone.config.use_task_id else {}
    hidden = encoder.backbone(input_ids=ids, attention_mask=mask, **tasks).last_hidden_state
    if encoder.pooling == "cls":
        pooled = hidden[:, 0]
    else:
        kept = mask.unsqueeze(-1).float()
        pooled = (hidden.float() * kept).sum(dim=1) / kept.sum(dim=1)
    outputs: Tensor = model.head(pooled)
    return outputs


class AsTheyCome(torch.utils.data.Dataset[dict[str, Tensor]]):
    """Rows tokenised when they are drawn, padded to the longest a text may be."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def __len__(self) -> int:
        return len(self._task.texts)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        length = self._task.recipe.encoder.max_length_tokens
        tokens = self._task.tokenizer.encode([self._task.texts[row]], length)[0]
        ids = torch.zeros(length, dtype=torch.long)
        ids[: len(tokens)] = torch.from_numpy(tokens)
        mask = (torch.arange(length) < len(tokens)).long()
        return {"input_ids": ids, "attention_mask": mask, "labels": self._task.targets[row]}


class Tokenised(torch.utils.data.Dataset[dict[str, Tensor]]):
    """Rows tokenised before, unpadded."""

    def __init__(self, task: Task) -> None:
        self._rows = [torch.from_numpy(tokens) for tokens in task.tokens]
        self._targets = task.targets

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        return {"input_ids": self._rows[row], "labels": self._targets[row]}


def pad_to_longest(rows: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The rows of a batch side by side."""
    ids = nn.utils.rnn.pad_sequence([row["input_ids"] for row in rows], batch_first=True)
    lengths = torch.tensor([len(row["input_ids"]) for row in rows])
    mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    return {"input_ids": ids, "attention_mask": mask, "labels": torch.stack([row["labels"] for row in rows])}


class Dealt(torch.utils.data.Sampler[int]):
    """The rows of batches that are dealt elsewhere, one after the other."""

    def __init__(self, batches: Callable[[], Iterator[np.ndarray]], rows_an_epoch: int) -> None:
        self._batches = batches
        self._rows = rows_an_epoch

    def __len__(self) -> int:
        return self._rows

    def __iter__(self) -> Iterator[int]:
        return itertools.islice((int(row) for batch in self._batches() for row in batch), self._rows)


class FgmTrainer(Trainer):
    """The Trainer with the adversarial pass where its users put it."""

    epsilon = 0.2
    balanced: Callable[[], Iterator[np.ndarray]] | None = None  # batches that no option of the Trainer deals

    def _get_train_sampler(self, *arguments: object) -> torch.utils.data.Sampler[int] | None:
        if self.balanced is None:
            sampler: torch.utils.data.Sampler[int] | None = super()._get_train_sampler(*arguments)
            return sampler
        rows_an_epoch = len(self.train_dataset) // self.args.train_batch_size * self.args.train_batch_size
        return Dealt(self.balanced, rows_an_epoch)

    def training_step(self, model: nn.Module, inputs: dict[str, Tensor], num_items_in_batch: object = None) -> Tensor:
        """A clean pass, then one on moved embeddings; gradients add up."""
        loss = super().training_step(model, inputs, num_items_in_batch)
        words = self.accelerator.unwrap_model(model).stage.encoder.word_embeddings.weight
        kept = words.data.clone()
        norm = torch.norm(words.grad)
        if norm != 0 and not torch.isnan(norm):
            words.data.add_(self.epsilon * words.grad / norm)
        super().training_step(model, inputs, num_items_in_batch)
        words.data = kept
        return loss


class Clock(TrainerCallback):
    """When the timed steps began and ended."""

    def __init__(self, size: Size) -> None:
        self._size = size
        self.began = self.ended = 0.0

    def on_step_end(self, args: object, state: object, control: object, **_: object) -> None:  # noqa: ARG002
        """After an optimizer step."""
        step = state.global_step  # type: ignore[attr-defined]
        if step == self._size.warmup:
            self.began = now(self._size.device)
        elif step == self._size.warmup + self._size.steps:
            self.ended = now(self._size.device)


def trainer_seconds(task: Task, size: Size, tuned: bool) -> float:
    """Seconds of the timed steps."""
    model, total = task.model(size), size.steps + size.warmup
    options = {
        "train_sampling_strategy": "group_by_length",
        "logging_nan_inf_filter": False,
        "dataloader_pin_memory": size.device.type == "cuda",
    }
    clock = Clock(size)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=task.settings.batch_size,
            max_steps=total,
            max_grad_norm=0.0,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
            use_cpu=size.device.type == "cpu",
            bf16=task.settings.precision == "bf16",
            seed=1,
            **(options if tuned else {"dataloader_pin_memory": False}),  # type: ignore[arg-type]
        )
        optimizer = torch.optim.AdamW(groups_of(task, model), fused=True if tuned else None)
        trainer = FgmTrainer(
            model=Wrapped(model),
            args=arguments,
            train_dataset=Tokenised(task) if tuned else AsTheyCome(task),
            data_collator=pad_to_longest if tuned else None,
            optimizers=(optimizer, cosine_with_warmup(optimizer, total, task.settings.warmup_share)),
            callbacks=[clock],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.epsilon = task.settings.fgm_epsilon
        if task.stage == "detector":
            trainer.balanced = lambda: our_batches(task)
        trainer.train()
    return clock.ended - clock.began


def groups_of(task: Task, model: StageModel) -> list[dict[str, object]]:
    """The parameter groups that ``train_stage`` makes."""
    settings = task.settings
    return parameter_groups(
        model.encoder,
        [model.head, model.loss] if list(model.loss.parameters()) else [model.head],
        lr=settings.lr,
        head_lr=settings.head_lr or settings.lr,
        xi=settings.xi,
        weight_decay=settings.weight_decay,
        centers=None,
        centers_lr=0.0,
    )


# -- ours ----------------------------------------------------------------------------------------------------------


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

    def loss(chosen: np.ndarray) -> Tensor:
        batch = batch_tensors(tokens, chosen, 0, size.device)
        value: Tensor = model.loss(model(*batch), targets[torch.from_numpy(chosen).to(size.device)])
        return value

    def evaluate() -> Generator[None, None, float]:
        yield from ()
        return 0.0

    settings = task.settings.model_copy(update={"max_steps": total, "max_epochs": None, "eval_every_steps": total})
    plan = StagePlan(
        stage="detector" if task.stage == "detector" else "classifier",
        fold=0,
        settings=settings,
        model=model,
        batches=our_batches(task),
        training_rows=len(task.tokens),
        loss=loss,
        evaluate=evaluate,
        keep_best=False,
        checkpoints=Checkpoints(Nowhere(), "none", 0.0),
        needs=StageNeeds(SlotMemory(), "tiny", np.arange(len(task.tokens)), longest_of(task.tokens)),
    )
    began = 0.0
    torch.manual_seed(1)
    for progress in train_stage(plan, size.device):
        if progress.step == size.warmup:
            began = now(size.device)
        elif progress.step == total:
            return now(size.device) - began
    raise RuntimeError("the loop ended before its last step")


def our_batches(task: Task) -> Iterator[np.ndarray]:
    """As the stage deals them: balanced ones for the detector, grouped by length for the classifier."""
    rng = np.random.default_rng(1)
    if task.stage == "detector":
        return iter(BalancedBatches(task.proxy, task.settings.batch_size, rng))
    return iter(LengthGroupedBatches([len(tokens) for tokens in task.tokens], task.settings.batch_size, rng))


# -- the comparison ------------------------------------------------------------------------------------------------


def now(device: torch.device) -> float:
    """The clock, after all that was asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def tasks(corpus: Corpus, recipe: Recipe, batch: int | None, precision: str) -> dict[str, Task]:
    """Both stages on a fifth less than all rows, as a fold has them."""
    split, task = corpus.train, recipe.task
    tokenizer = CharacterTokenizer.from_texts(split.texts)
    tokens = tokenizer.encode(split.texts, recipe.encoder.max_length_tokens)
    rows = np.random.default_rng(0).permutation(len(split.texts))[: len(split.texts) * 4 // 5]
    target = split.labels[task.target]
    proxy = proxy_class(split.labels, target=task.target, priority=task.proxy_types)
    found = {}
    for stage in STAGES:
        chosen = rows if stage == "detector" else rows[target[rows] == 1]
        settings: Stage | None = recipe.detector if stage == "detector" else recipe.classifier
        if settings is None:
            raise RuntimeError("the recipe of ST3 has a classifier")
        changes = {"precision": precision} | ({} if batch is None else {"batch_size": batch})
        labels = target[chosen] if stage == "detector" else split.label_matrix(task.labels)[chosen]
        found[stage] = Task(
            stage,
            recipe,
            settings.model_copy(update=changes),
            tokenizer,
            [split.texts[row] for row in chosen],
            [tokens[row] for row in chosen],
            torch.from_numpy(np.ascontiguousarray(labels)).long(),
            proxy[chosen],
        )
    return found


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
    print(f"{task.stage}, batch {task.settings.batch_size}, {task.settings.precision}, {len(task.tokens)} rows:")
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
    """Compare both stages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="sample", help="`sample` or a POLAR folder (zho is read)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60, help="timed steps a round")
    parser.add_argument("--warmup", type=int, default=5, help="steps before the clock starts")
    parser.add_argument("--stage", choices=[*STAGES, "both"], default="both")
    parser.add_argument("--gpu", action="store_true", help="ERNIE-xbase's size with random weights, batch 24 and 8")
    parser.add_argument("--device", help="cuda or cpu  [default: cuda with --gpu, else cpu]")
    parser.add_argument("--layers", type=int, help="[default: 1; with --gpu 20]")
    parser.add_argument("--hidden", type=int, help="[default: 64; with --gpu 1024]")
    parser.add_argument("--batch", type=int, help="of both stages  [default: the recipe's]")
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
    source = parse_data_source(
        arguments.data, language=None if arguments.data == "sample" else "zho", dev=None, columns={}
    )
    loaded = load_recipe("st3", RecipeOptions(encoder=None if arguments.gpu else "tiny"))
    corpus = source.load(loaded.recipe)
    precision = arguments.precision or ("bf16" if arguments.gpu else "fp32")
    print(f"{size.layers} x {size.hidden}, {corpus.name}, torch {torch.__version__}, one thread of the CPU", flush=True)
    ratios = []
    for stage, task in tasks(corpus, loaded.recipe, arguments.batch, precision).items():
        if arguments.stage in (stage, "both"):
            ratios.append(compare(task, size, arguments.rounds))
    worst = min(used for used, _ in ratios), min(tuned for _, tuned in ratios)
    print(f"worst stage: {worst[0]:.2f}x `trainer` (target {TARGET_TRAINER}), {worst[1]:.2f}x `tuned` ({TARGET_TUNED})")
    return int(device.type == "cpu" and not arguments.gpu and (worst[0] < TARGET_TRAINER or worst[1] < TARGET_TUNED))


if __name__ == "__main__":
    sys.exit(main())
