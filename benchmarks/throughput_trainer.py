"""The Hugging Face Trainer with FGM: as the authors used it, and tuned by its own options."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator

import numpy as np
import torch
from throughput_task import Size, Task, batches_of, now
from torch import Tensor, nn
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from tune_polar.model.dropout import CheapDropout
from tune_polar.model.losses import LossBatch
from tune_polar.model.parameter_groups import parameter_groups
from tune_polar.model.schedule import learning_rate_schedule
from tune_polar.trial.stage_model import Passed, StageModel


class Wrapped(nn.Module):
    """A stage's model with the loss in ``forward``, as the Trainer wants it."""

    def __init__(self, stage: StageModel) -> None:
        super().__init__()
        self.stage = stage

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Token ids and mask (rows, tokens), labels of the stage."""
        passed = plain_pass(self.stage, input_ids, attention_mask)
        return {"loss": self.stage.losses(LossBatch(passed.outputs, passed.embeddings, labels))}


def plain_pass(model: StageModel, ids: Tensor, mask: Tensor) -> Passed:
    """What the model gives by the library's own forward pass over padded rows."""
    encoder = model.encoder
    tasks = {"task_type_ids": torch.zeros_like(ids)} if encoder.backbone.config.use_task_id else {}
    hidden = encoder.backbone(input_ids=ids, attention_mask=mask, **tasks).last_hidden_state
    if encoder.pooling == "cls":
        pooled = hidden[:, 0]
    else:
        kept = mask.unsqueeze(-1).float()
        pooled = (hidden.float() * kept).sum(dim=1) / kept.sum(dim=1)
    return Passed(model.head(pooled), pooled)


class AsTheyCome(torch.utils.data.Dataset[dict[str, Tensor]]):
    """Rows tokenised when they are drawn, padded to the longest a text may be."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def __len__(self) -> int:
        return len(self._task.texts)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        length = self._task.settings.encoder.max_length_tokens
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


class FgmTrainer(Trainer):  # type: ignore[misc] # transformers is not followed
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
        loss: Tensor = super().training_step(model, inputs, num_items_in_batch)
        words = self.accelerator.unwrap_model(model).stage.encoder.word_embeddings.weight
        kept = words.data.clone()
        norm = torch.norm(words.grad)
        if norm != 0 and not torch.isnan(norm):
            words.data.add_(self.epsilon * words.grad / norm)
        super().training_step(model, inputs, num_items_in_batch)
        words.data = kept
        return loss


class Clock(TrainerCallback):  # type: ignore[misc]
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


def with_library_dropout(model: nn.Module) -> None:
    """Put plain ``nn.Dropout`` where ours draws its numbers more cheaply: a user of the Trainer has no other."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, CheapDropout):
                setattr(parent, name, nn.Dropout(child.p))


def trainer_seconds(task: Task, size: Size, tuned: bool) -> float:
    """Seconds of the timed steps."""
    model, total = task.model(size), size.steps + size.warmup
    settings = task.settings.optimizer
    with_library_dropout(model)
    options = {
        "train_sampling_strategy": "group_by_length",
        "logging_nan_inf_filter": False,
        "dataloader_pin_memory": size.device.type == "cuda",
    }
    clock = Clock(size)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=task.settings.batches.size,
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
            **(options if tuned else {"dataloader_pin_memory": False}),
        )
        optimizer = torch.optim.AdamW(groups_of(task, model), fused=True if tuned else None)
        trainer = FgmTrainer(
            model=Wrapped(model),
            args=arguments,
            train_dataset=Tokenised(task) if tuned else AsTheyCome(task),
            data_collator=pad_to_longest if tuned else None,
            optimizers=(
                optimizer,
                learning_rate_schedule(settings.schedule, optimizer, total, settings.warmup_share),
            ),
            callbacks=[clock],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.epsilon = settings.fgm_epsilon
        if task.codes is not None:
            trainer.balanced = lambda: batches_of(task)
        trainer.train()
    return clock.ended - clock.began


def groups_of(task: Task, model: StageModel) -> list[dict[str, object]]:
    """The parameter groups that ``train_stage`` makes."""
    settings = task.settings.optimizer
    return parameter_groups(
        model.encoder,
        [model.head, model.losses],
        lr=settings.lr,
        head_lr=settings.head_lr,
        xi=settings.xi,
        weight_decay=settings.weight_decay,
        own_rates=model.losses.own_rates(),
    )
