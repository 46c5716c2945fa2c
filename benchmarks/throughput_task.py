"""A stage's rows, the model that every loop starts from and the batches it is dealt, for `throughput.py`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from transformers import ErnieConfig, ErnieModel

from tune_polar.data.batching import BalancedBatches, LengthGroupedBatches
from tune_polar.data.corpus import Corpus
from tune_polar.data.proxy import proxy_class
from tune_polar.model.encoder import TextEncoder
from tune_polar.model.heads import ClassificationHead, ProjectionHead
from tune_polar.model.losses import AsymmetricLoss
from tune_polar.model.seeding import seeded_start
from tune_polar.model.tiny import tiny_encoder, token_vectors
from tune_polar.model.tokens import CharacterTokenizer
from tune_polar.spec.recipe import Recipe, Stage
from tune_polar.trial.detector import detector_loss
from tune_polar.trial.stage import StageModel

STAGES = ("detector", "classifier")


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


def batches_of(task: Task) -> Iterator[np.ndarray]:
    """As a search deals them: balanced ones for the detector, grouped by length for the classifier."""
    rng = np.random.default_rng(1)
    if task.stage == "detector":
        return iter(BalancedBatches(task.proxy, task.settings.batch_size, rng))
    return iter(LengthGroupedBatches([len(tokens) for tokens in task.tokens], task.settings.batch_size, rng))


def now(device: torch.device) -> float:
    """The clock, after all that was asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
