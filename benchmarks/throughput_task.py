"""A stage's rows, the model that every loop starts from and the batches it is dealt, for `throughput.py`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import ErnieConfig, ErnieModel

from tune_polar.data.batches import BatchContext, make_batches
from tune_polar.data.strata import balance_codes
from tune_polar.data.table import Corpus
from tune_polar.model.encoder import TextEncoder
from tune_polar.model.heads import build_head
from tune_polar.model.losses import LossSum, build_loss
from tune_polar.model.seeding import seeded_start
from tune_polar.model.tiny import tiny_encoder, token_vectors
from tune_polar.model.tokens import CharacterTokenizer
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import Stage
from tune_polar.trial.columns_read import balanced_by
from tune_polar.trial.stage_model import StageModel
from tune_polar.trial.targets import Targets


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
    settings: Stage
    tokenizer: CharacterTokenizer
    texts: list[str]
    tokens: list[np.ndarray]
    learned: Targets  # of all rows of train
    targets: Tensor  # (rows,) classes or (rows, labels)
    codes: np.ndarray | None  # (rows,) what batches are balanced by

    def model(self, size: Size) -> StageModel:
        """The same start for all three."""
        encoder = TextEncoder(self._backbone(size), pooling=self.settings.encoder.pooling)
        settings = self.settings
        with seeded_start(1):
            head = build_head(
                settings.head.name, encoder.hidden_size, self.learned.outputs, **settings.head.model_dump()
            )
            about = self.learned.context(head.gives_embeddings, head.width)
            losses = {
                name: (loss.weight, build_loss(name, about, **loss.model_dump(exclude={"weight"})))
                for name, loss in settings.losses.items()
            }
        return StageModel(encoder, head, LossSum(losses)).to(size.device)

    def _backbone(self, size: Size) -> ErnieModel:
        length = self.settings.encoder.max_length_tokens
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


def tasks(corpus: Corpus, recipe: Recipe, batch: int | None, precision: str) -> dict[str, Task]:
    """Every stage on a fifth less than all rows, as a fold has them."""
    train, found = corpus.train, {}
    tokenizer = CharacterTokenizer.from_texts(train.texts)
    rows = np.random.default_rng(0).permutation(len(train))[: len(train) * 4 // 5]
    for name, stage in recipe.stages.items():
        tokens = tokenizer.encode(train.texts, stage.encoder.max_length_tokens)
        own = rows[train.where(stage.rows)[rows]]
        batches = stage.batches if batch is None else stage.batches.model_copy(update={"size": batch})
        by = balanced_by(stage)
        learned = Targets.of(stage.task, train)
        found[name] = Task(
            name,
            stage.model_copy(update={"precision": precision, "batches": batches}),
            tokenizer,
            [train.texts[row] for row in own],
            [tokens[row] for row in own],
            learned,
            learned.tensor(torch.device("cpu"))[torch.from_numpy(own)],
            None if by is None else balance_codes(train, by, targets=stage.columns, strata=recipe.data.strata)[own],
        )
    return found


def batches_of(task: Task) -> Iterator[np.ndarray]:
    """As a search deals them."""
    settings, by = task.settings.batches.model_dump(), balanced_by(task.settings)
    if by is not None:
        settings["by"] = by
    lengths = np.array([len(tokens) for tokens in task.tokens])
    codes = np.zeros(len(lengths), dtype=np.int64) if task.codes is None else task.codes
    context = BatchContext(lengths, lambda _: codes, np.random.default_rng(1))
    return iter(make_batches(task.settings.batches.name, context, **settings))


def now(device: torch.device) -> float:
    """The clock, after all that was asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
