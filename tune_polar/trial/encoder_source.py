"""Tokenised rows of a corpus, and fresh copies of the encoder that reads them."""

from __future__ import annotations

from collections.abc import Container, Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tune_polar.data.batching import TokenRows
from tune_polar.data.table import Corpus
from tune_polar.errors import ModelError
from tune_polar.model.adapters import add_adapter
from tune_polar.model.changing_weights import load_weights
from tune_polar.model.encoder import TextEncoder
from tune_polar.model.encoder_location import encoder_folder
from tune_polar.model.pooler_weights import pretrained_pooler
from tune_polar.model.shared_copy import shared_copy
from tune_polar.model.tiny import TokenVectors, tiny_encoder
from tune_polar.model.tokens import CharacterTokenizer, Tokenizer
from tune_polar.recipe.sections import TINY, Encoder, Stage
from tune_polar.store.training_facts import Array
from tune_polar.trial.encoder_parts import EncoderParts

ENCODER = "encoder."  # begins the names of its weights among those of a stage


class EncoderSource:
    """Made once a worker for each encoder, and read by every stage that has it."""

    def __init__(self, settings: Encoder, corpus: Corpus, parts: EncoderParts | None = None) -> None:
        """``parts``: what it shares with other sources of this corpus; None: it is alone.

        Raises:
            ModelError: the encoder cannot be loaded.
        """
        parts = parts or EncoderParts()
        self._settings = settings
        self._pretrained: TextEncoder | None = None
        self._characters: CharacterTokenizer | None = None
        self.tokenizer: Tokenizer
        if settings.name == TINY:
            # Only which characters exist comes from all training rows; their vectors come from the fold's own rows.
            self.tokenizer = self._characters = CharacterTokenizer.from_texts(corpus.train.texts)
        else:
            self._pretrained, self.tokenizer = parts.weights(settings)
        self._texts = parts.texts(settings, self.tokenizer, corpus)

    @property
    def tokens(self) -> Mapping[str, TokenRows]:
        """By split, (rows of it)."""
        return self._texts.tokens

    @property
    def train_tokens(self) -> TokenRows:
        """Of the rows that are split into folds."""
        return self.tokens["train"]

    def pair_tokens(self, column: str) -> TokenRows:
        """Of the rows of train, and behind them of their texts in ``column``, tokenised once.

        Raises:
            DataError: train has no such column of texts.
        """
        return self._texts.pair_tokens(column)

    @property
    def is_pretrained(self) -> bool:
        """Whether its weights come from files; those of the embedded encoder are drawn, and counted from texts."""
        return self._pretrained is not None

    @cached_property
    def pooler(self) -> tuple[Tensor, Tensor] | None:
        """Weight and bias of the pooler the encoder was pretrained with; None: it has none."""
        if self._pretrained is None:
            return None
        return pretrained_pooler(encoder_folder(self._settings.name, self._settings.revision))

    def start(self, training_rows: NDArray[np.int64], seed: int, settings: Stage) -> TextEncoder:
        """The encoder as it is before any stage has trained it, its lowest layers frozen as ``settings`` say.

        A tiny encoder starts from character vectors of the fold's ``training_rows``, so that no validation text
        reaches it.
        """
        vectors = None
        if self._characters is not None:
            vectors = self._texts.character_vectors(self._characters, self._settings.tiny.hidden, training_rows)
        return self._encoder(seed, settings, vectors)

    def untrained(self) -> TextEncoder:
        """The encoder as it was pretrained, to be read from and never trained: no copy is made of it.

        Raises:
            ModelError: it is the embedded one, which was pretrained on nothing.
        """
        if self._pretrained is None:
            raise ModelError("an encoder that is read from as it is must be pretrained, got tiny", "Name another.")
        return self._pretrained

    def started(self, seed: int, settings: Stage, weights: Mapping[str, Array], frozen_before: int) -> TextEncoder:
        """The encoder with another stage's weights, its lowest layers frozen as ``settings`` say.

        Args:
            seed: of the stage.
            settings: of the stage.
            weights: that the other stage has left; those of its encoder are copied in one by one.
            frozen_before: layers that the other stage had frozen, which may be as they were pretrained.

        Raises:
            ModelError: they do not fit.
        """
        names = {name.removeprefix(ENCODER) for name in weights if name.startswith(ENCODER)}
        encoder = self._encoder(seed, settings, None, changed=names)
        may_lack = encoder.below(frozen_before) | encoder.base_names() if self.is_pretrained else ()
        load_weights(encoder, weights, ENCODER, may_lack=may_lack)
        return encoder

    def _encoder(
        self, seed: int, settings: Stage, vectors: TokenVectors | None, changed: Container[str] = ()
    ) -> TextEncoder:
        """``changed``: names of parameters that will be overwritten, frozen or not."""
        layers, adapter = settings.encoder.frozen_layers, settings.encoder.adapter
        if self._pretrained is not None:
            still = self._pretrained.below(layers)
            if adapter is not None:
                still = frozenset(name for name, _ in self._pretrained.named_parameters())
            encoder = shared_copy(self._pretrained, frozenset(name for name in still if name not in changed))
        elif self._characters is None:
            raise RuntimeError("an encoder source holds either characters or a pretrained encoder")
        else:
            backbone = tiny_encoder(
                self._characters,
                vectors,
                hidden=self._settings.tiny.hidden,
                layers=self._settings.tiny.layers,
                seed=seed,
                max_length_tokens=self._settings.max_length_tokens,
            )
            encoder = TextEncoder(backbone, pooling=self._settings.pooling)
        # Another stage's dropout is no weight: that of a stage is its own setting, or as the encoder was pretrained.
        if settings.encoder_dropout is not None:
            encoder.set_dropout(settings.encoder_dropout)
        if adapter is None:
            encoder.freeze(layers)
        else:
            about = adapter.model_dump()
            add_adapter(encoder, adapter.name, frozen_layers=layers, seed=seed, settings=about)
        return encoder
