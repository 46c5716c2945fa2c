"""A trained stage without its data: what it says of new texts, the same numbers as when it was trained."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from tune_polar.data.batching import TokenRows
from tune_polar.errors import ModelError
from tune_polar.model.adapters import add_adapter
from tune_polar.model.changing_weights import load_weights
from tune_polar.model.encoder import TextEncoder, load_encoder
from tune_polar.model.heads import build_head
from tune_polar.model.shared_copy import shared_copy
from tune_polar.model.tiny import tiny_encoder
from tune_polar.model.tokens import CharacterTokenizer, Tokenizer
from tune_polar.store.training_facts import Array
from tune_polar.trial.encoder_source import ENCODER
from tune_polar.trial.memory_plan import EVALUATION_ROWS
from tune_polar.trial.nearest_neighbours import neighbour_labels
from tune_polar.trial.precision import Precision
from tune_polar.trial.predictor import Predictor
from tune_polar.trial.saved_with_weights import CHARACTERS, INDEX_CLASSES, INDEX_VECTORS, tokenizer_of
from tune_polar.trial.stage_model import PredictingModel
from tune_polar.trial.stage_shape import StageShape
from tune_polar.trial.training_loop import StageId

T = TypeVar("T")
REMEDY = "Have it trained again: `tune-polar fit STORE` with the damaged file removed; or export the model anew."


@dataclass
class BatchSize:
    """Rows of one batch without gradients: halved where the device has no memory for more."""

    evaluation_rows: int = EVALUATION_ROWS


class Encoders:
    """Pretrained encoders, each read once: stages of several folds have copies of it."""

    def __init__(self) -> None:
        self._loaded: dict[tuple[object, ...], tuple[TextEncoder, Tokenizer]] = {}

    def load(
        self,
        name: str | Path,
        revision: str | None,
        pooling: Any,
        *,
        is_frozen: bool = False,
        quantize: str | None = None,
    ) -> tuple[TextEncoder, Tokenizer]:
        """A copy of the encoder to be filled with weights, and the tokenizer, which all copies share.

        ``is_frozen``: all weights stay as they are, for an adapter beside them; such copies share them too.
        ``quantize``: see ``load_encoder``.

        Raises:
            ModelError: there is no such encoder.
        """
        key = str(name), revision, pooling, is_frozen, quantize
        if key not in self._loaded:
            self._loaded[key] = load_encoder(
                str(name), pooling=pooling, revision=revision, as_stored=is_frozen, quantize=quantize
            )
        encoder, tokenizer = self._loaded[key]
        names = {own for own, _ in encoder.named_parameters()} if is_frozen else ()
        return shared_copy(encoder, names), tokenizer


def embedded_encoder(shape: StageShape, tokenizer: CharacterTokenizer) -> TextEncoder:
    """The embedded encoder of a stage, to be filled with weights."""
    if shape.tiny is None:
        raise ValueError("the stage has another encoder")
    hidden, layers = shape.tiny
    backbone = tiny_encoder(tokenizer, hidden=hidden, layers=layers, seed=0, max_length_tokens=shape.max_length_tokens)
    return TextEncoder(backbone, pooling=shape.pooling)


def tokenizer_beside(arrays: Mapping[str, Array]) -> CharacterTokenizer:
    """The tokenizer of the embedded encoder whose characters lie beside weights.

    Raises:
        ModelError: there are none, or they are damaged.
    """
    if CHARACTERS not in arrays:
        raise ModelError("weights of the embedded encoder must come with its characters, got none", REMEDY)
    return tokenizer_of(arrays[CHARACTERS])


class TrainedStage:
    """A stage's model on a device."""

    def __init__(
        self,
        name: str,
        shape: StageShape,
        encoder: TextEncoder,
        tokenizer: Tokenizer,
        arrays: Mapping[str, Array],
        device: torch.device,
        may_lack: Iterable[str] = (),
        is_base: bool = False,
    ) -> None:
        """Put weights into ``encoder`` and a head.

        Args:
            name: of the stage, for errors.
            shape: of the stage.
            encoder: with pretrained weights, or with any where ``arrays`` hold them all.
            tokenizer: of the encoder.
            arrays: ``head.…``, ``encoder.…`` as far as it was trained, and what lies beside weights.
            device: that it computes on.
            may_lack: names of the encoder's weights that stay as they are where ``arrays`` have none.
            is_base: all that the shape's adapter stands beside may be lacking.

        Raises:
            ModelError: the weights do not fit.
        """
        self.shape, self.tokenizer = shape, tokenizer
        head = build_head(shape.head, encoder.hidden_size, _outputs(shape), **shape.head_settings)
        try:
            if shape.adapter is not None:
                settings = shape.adapter_settings
                add_adapter(encoder, shape.adapter, frozen_layers=shape.frozen_layers, seed=0, settings=settings)
                may_lack = encoder.base_names() if is_base else ()
            load_weights(head, arrays, "head.")
            load_weights(encoder, arrays, ENCODER, may_lack=may_lack)
        except ModelError as error:
            raise ModelError(f"weights of {name}: {error.problem}", REMEDY) from None
        self.model = PredictingModel(encoder, head).eval().requires_grad_(False)
        if not all(bool(torch.isfinite(each).all()) for each in self.model.parameters()):
            raise ModelError(f"weights of {name} must be finite, got NaN or infinity", REMEDY)
        self._index = _index(name, shape, arrays, head.width) if shape.predicts == "neighbours" else None
        self._name = name
        self.to(device)

    @property
    def beside(self) -> dict[str, Array]:
        """Vectors and classes of the training rows that it compares others with, by name; else nothing."""
        if self._index is None:
            return {}
        vectors, classes = self._index
        return {INDEX_VECTORS: vectors.cpu().numpy(), INDEX_CLASSES: classes.astype(np.int32)}

    @property
    def weight_bytes(self) -> int:
        """That the model takes on a device."""
        index = 0 if self._index is None else self._index[0].nbytes
        return index + sum(each.nbytes for each in self.model.parameters())

    def to(self, device: torch.device) -> None:
        """Move it, with the vectors that it compares others with."""
        self.model.to(device)
        if self._index is not None:
            vectors, classes = self._index
            self._index = vectors.to(device), classes
        self.device = device

    def tokens(self, texts: Sequence[str]) -> TokenRows:
        """As the encoder reads them."""
        return TokenRows(self.tokenizer.encode(texts, self.shape.max_length_tokens))

    def table(self, tokens: TokenRows, batch: BatchSize) -> Array:
        """What it predicts for each row: neighbours' classes, probabilities or values, as its record has them.

        Where a batch does not fit into the device's memory it is made smaller, also for all later ones.

        Raises:
            TrainingDivergedError: a prediction is not finite.
            torch.OutOfMemoryError: not even one row fits.
        """
        while True:
            try:
                return self._table(tokens, batch)
            except torch.OutOfMemoryError:
                if batch.evaluation_rows == 1:
                    raise
                batch.evaluation_rows //= 2
            torch.cuda.empty_cache()

    def _table(self, tokens: TokenRows, batch: BatchSize) -> Array:
        shape, rows = self.shape, np.arange(len(tokens))
        predictor = Predictor(
            StageId(self._name, 0, 0),
            self.model,
            Precision.of(shape.precision, self.device),
            self.tokenizer.pad_id,
            batch,
            shape.gold == "class",
        )
        if self._index is None:
            return _result(predictor.scores(shape.predicts, tokens, rows))
        vectors, classes = self._index
        asked: Tensor = _result(predictor.vectors(tokens, rows))
        return neighbour_labels(asked, vectors, classes, shape.class_count)


def _outputs(shape: StageShape) -> int:
    return len(shape.columns)


def _index(name: str, shape: StageShape, arrays: Mapping[str, Array], size: int) -> tuple[Tensor, Array]:
    """Vectors of the training rows, (rows, size), and their classes, (rows,)."""
    vectors, classes = arrays.get(INDEX_VECTORS), arrays.get(INDEX_CLASSES)
    if vectors is None or classes is None:
        raise ModelError(f"weights of {name} must come with the vectors of its training rows, got none", REMEDY)
    fits = vectors.ndim == 2 and vectors.dtype == np.float32 and classes.shape == (len(vectors),) and len(vectors) > 0
    fits = fits and vectors.shape[1] == size and bool(np.isfinite(vectors).all())
    if not fits or classes.dtype.kind not in "iu" or classes.min() < 0 or classes.max() >= shape.class_count:
        raise ModelError(
            f"weights of {name} must come with a vector of {size} finite numbers and a class below "
            f"{shape.class_count} of each training row, got shapes {vectors.shape} and {classes.shape}",
            REMEDY,
        )
    return torch.from_numpy(np.array(vectors)), classes.astype(np.int64)


def _result(steps: Generator[None, None, T]) -> T:
    """What a generator returns, run to its end."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result
