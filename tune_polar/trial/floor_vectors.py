"""Vectors of the recipe's own encoders as they were pretrained, mean over tokens, within bounds of work and memory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from tune_polar.data.batching import TokenRows
from tune_polar.data.table import TRAIN, Corpus, Split
from tune_polar.model.encoder_location import encoder_folder
from tune_polar.model.encoder_shape import shape_of_folder
from tune_polar.model.tokens import HubTokenizer
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import Encoder, Stage
from tune_polar.trial.encoder_source import EncoderSource
from tune_polar.trial.floor_features import VectorFeatures
from tune_polar.trial.floor_models import FloorLeftOutError
from tune_polar.trial.frozen_vectors import frozen_vectors
from tune_polar.trial.host_memory import give_back_freed
from tune_polar.trial.stage_rows import Rows
from tune_polar.trial.visible_gpus import is_simulated

# Additions and multiplications that all texts may take together: a minute on a few cores, seconds on a GPU.
MOST_WORK: Mapping[str, float] = {"cpu": 2e13, "cuda": 1e15}


def floor_device(on_gpu: bool) -> torch.device:
    """Where a floor reads texts: on a GPU of this machine where the search had some, whose workers have left them."""
    return torch.device("cuda" if on_gpu and not is_simulated() and torch.cuda.is_available() else "cpu")


class FrozenEncoders:
    """The ``encode`` of a floor, on one device.

    Example:
        >>> make_floor("encoder", recipe, corpus, plans, encode=FrozenEncoders(torch.device("cpu")))
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def __call__(
        self, recipe: Recipe, train: Split, order: Rows, check: Callable[[], None]
    ) -> tuple[Rows, Callable[[str], VectorFeatures]]:
        """As ``Encoding`` has it.

        Raises:
            FloorLeftOutError: an encoder does not fit into memory.
            ModelError: an encoder cannot be loaded.
        """
        encoders = {name: _frozen(stage) for name, stage in recipe.stages.items()}
        by_key = {_key(stage): stage for stage in encoders.values()}
        taken = order
        for stage in by_key.values():
            taken = taken[: self._most_rows(stage.encoder, train, taken)]
            check()
        rows = np.sort(taken)
        if not len(rows):
            return rows, lambda _: VectorFeatures("", np.zeros((0, 1), dtype=np.float32))
        part = Corpus("floor", {TRAIN: train.take(rows)})
        found = {key: self._features(stage, part, check) for key, stage in by_key.items()}
        if self._device.type == "cuda":
            torch.cuda.empty_cache()  # the process may be a notebook's, which goes on
        return rows, lambda name: found[_key(encoders[name])]

    def _most_rows(self, encoder: Encoder, train: Split, order: Rows) -> int:
        """How many rows, in their order, may be read."""
        folder = encoder_folder(encoder.name, encoder.revision)
        shape, free = shape_of_folder(folder), _free_bytes()
        needed = 2 * shape.parameters * (4 if encoder.adapter is None else shape.stored_bytes)  # files, and the model
        if free is not None and needed > free:
            raise FloorLeftOutError(
                f"the encoder {encoder.name} takes {needed / 2**30:.1f} GB of memory beside the search, and "
                f"{free / 2**30:.1f} GB are free",
                "On a machine with more memory it is computed.",
            )
        texts = [train.texts[row] for row in order.tolist()]
        lengths = TokenRows(HubTokenizer(folder).encode(texts, encoder.max_length_tokens)).lengths
        work = 2.0 * shape.linear_parameters * np.cumsum(lengths)
        return int(np.count_nonzero(work <= MOST_WORK[self._device.type]))

    def _features(self, stage: Stage, part: Corpus, check: Callable[[], None]) -> VectorFeatures:
        source = EncoderSource(stage.encoder, part)
        encoder, tokens = source.untrained().to(self._device), source.train_tokens
        rows = np.arange(len(tokens))
        try:
            vectors = frozen_vectors(encoder, tokens, rows, source.tokenizer.pad_id, self._device, check=check)
            return VectorFeatures(_key(stage), vectors)
        finally:
            give_back_freed()


def _frozen(stage: Stage) -> Stage:
    """The stage with its encoder as it was pretrained; a base of adapters stays in the precision of its files."""
    plain = stage.encoder.model_copy(update={"pooling": "mean", "frozen_layers": 0})
    return stage.model_copy(update={"encoder": plain, "encoder_dropout": None})


def _key(stage: Stage) -> str:
    return stage.encoder.model_dump_json()


def _free_bytes() -> int | None:
    """Of this machine's memory; None where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return None
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    found = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
    return None if found is None else 1024 * int(found)
