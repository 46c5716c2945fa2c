"""Tokenised rows of a corpus, and fresh copies of the encoder that reads them."""

from __future__ import annotations

import copy
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tune_polar.data.batching import TokenRows
from tune_polar.data.table import Corpus
from tune_polar.model.encoder import TextEncoder, load_encoder
from tune_polar.model.pooler_weights import pretrained_pooler
from tune_polar.model.source import encoder_folder
from tune_polar.model.tiny import TokenVectors, tiny_encoder, token_vectors
from tune_polar.model.tokens import CharacterTokenizer, Tokenizer
from tune_polar.recipe.sections import TINY, Encoder


class EncoderSource:
    """Made once a worker for each encoder, and read by every stage that has it."""

    def __init__(self, settings: Encoder, corpus: Corpus) -> None:
        self._settings = settings
        self._corpus = corpus
        self._pretrained: TextEncoder | None = None
        self._characters: CharacterTokenizer | None = None
        self._vectors: dict[bytes, TokenVectors] = {}  # by training rows
        self.tokenizer: Tokenizer
        if settings.name == TINY:
            # Only which characters exist comes from all training rows; their vectors come from the fold's own rows.
            self.tokenizer = self._characters = CharacterTokenizer.from_texts(corpus.train.texts)
        else:
            self._pretrained, self.tokenizer = load_encoder(
                settings.name, pooling=settings.pooling, revision=settings.revision
            )
        # By split, (rows of it)
        self.tokens = {
            name: TokenRows(self.tokenizer.encode(split.texts, settings.max_length_tokens))
            for name, split in corpus.splits.items()
        }

    @property
    def train_tokens(self) -> TokenRows:
        """Of the rows that are split into folds."""
        return self.tokens["train"]

    @cached_property
    def pooler(self) -> tuple[Tensor, Tensor] | None:
        """Weight and bias of the pooler the encoder was pretrained with; None: it has none."""
        if self._pretrained is None:
            return None
        return pretrained_pooler(encoder_folder(self._settings.name, self._settings.revision))

    def start(self, training_rows: NDArray[np.int64], seed: int, dropout: float | None) -> TextEncoder:
        """The encoder as it is before any stage has trained it.

        A tiny encoder starts from character vectors of the fold's ``training_rows``, so that no validation text
        reaches it.
        """
        vectors = None if self._characters is None else self._token_vectors(self._characters, training_rows)
        return self._encoder(seed, dropout, vectors)

    def untrained(self, seed: int, dropout: float | None) -> TextEncoder:
        """An encoder of the right shape, into which a stage's weights are loaded."""
        return self._encoder(seed, dropout, None)

    def _encoder(self, seed: int, dropout: float | None, vectors: TokenVectors | None) -> TextEncoder:
        if self._characters is None:
            encoder = copy.deepcopy(self._pretrained)
            if encoder is None:
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
        if dropout is not None:
            encoder.set_dropout(dropout)
        return encoder

    def _token_vectors(self, characters: CharacterTokenizer, rows: NDArray[np.int64]) -> TokenVectors:
        """Counted once for each fold, and not for each configuration again."""
        key = rows.tobytes()
        if key not in self._vectors:
            texts = [self._corpus.train.texts[row] for row in rows]
            self._vectors[key] = token_vectors(
                characters, texts, self._settings.tiny.hidden, self._settings.max_length_tokens
            )
        return self._vectors[key]
