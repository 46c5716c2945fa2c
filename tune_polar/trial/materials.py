"""What fold trials of one search share in a worker: texts, plans, tokenised rows and the pretrained encoder."""

from __future__ import annotations

import copy
import gc
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from tune_polar.data.batching import TokenRows
from tune_polar.data.corpus import Corpus, Split
from tune_polar.data.folds import FoldPlan
from tune_polar.model.encoder import TextEncoder, load_encoder
from tune_polar.model.tiny import TokenVectors, tiny_encoder, token_vectors
from tune_polar.model.tokens import CharacterTokenizer, Tokenizer
from tune_polar.spec.recipe import TINY, Encoder
from tune_polar.store.record import StageRecord
from tune_polar.trial.checkpoints import CheckpointCache
from tune_polar.trial.host_memory import give_back_freed
from tune_polar.trial.slot_memory import SlotMemory
from tune_polar.trial.stage_memory import StageNeeds, longest_of, longest_rows

Rows = NDArray[np.int64]


class StageCache(CheckpointCache, Protocol):
    """Where trained stages and running ones are looked up and left; a ``Store`` is one."""

    def stage(self, key: str) -> StageRecord | None:
        """A trained stage by its key, or None."""

    def weights(self, key: str) -> bytes | None:
        """A stage's weights, or None."""

    def put_stage(self, record: StageRecord, weights: bytes | None = None) -> None:
        """Leave a trained stage, which ends its checkpoint."""


@dataclass(frozen=True, eq=False)
class Materials:
    """Made once a worker and read by every fold trial in it."""

    corpus: Corpus
    detector_plan: FoldPlan
    classifier_plan: FoldPlan
    stages: StageCache
    device: torch.device
    checkpoint_seconds: float = 60.0  # between two checkpoints of a running stage; 0: none
    memory: SlotMemory = field(default_factory=SlotMemory)
    _encoders: dict[str, EncoderSource] = field(default_factory=dict)

    def encoder_source(self, settings: Encoder) -> EncoderSource:
        """Tokenised texts and starting weights for ``settings``, kept for the next fold trial."""
        key = settings.model_dump_json()
        if key not in self._encoders:
            self._encoders[key] = EncoderSource(settings, self.corpus)
        return self._encoders[key]

    def release(self) -> None:
        """Give back what the stage before has held, its model, its moments and its blocks of the device."""
        self.memory.in_force = None
        gc.collect()  # an optimizer with a schedule is a cycle: it would stay until Python next looks for one
        give_back_freed()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()  # the next stage may have other shapes; a neighbour's slot must not pay for ours

    def needs(self, settings: Encoder, rows: Rows, batch_size: int, table_entries: int = 0) -> StageNeeds:
        """What memory a stage on the training rows ``rows`` depends on."""
        source = self.encoder_source(settings)
        lengths = np.array([len(source.train_tokens[row]) for row in rows], dtype=np.int64)
        return StageNeeds(
            slot=self.memory,
            encoder=settings.name,
            longest_rows=longest_rows(rows, lengths, batch_size),
            longest_tokens=longest_of(source.train_tokens, source.dev_tokens),
            table_entries=table_entries,
        )


class EncoderSource:
    """Tokenised rows of a corpus, and fresh copies of the encoder that reads them."""

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
        self.train_tokens = self._tokens(corpus.train)
        self.dev_tokens = TokenRows([]) if corpus.dev is None else self._tokens(corpus.dev)

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

    def _tokens(self, split: Split) -> TokenRows:
        return TokenRows(self.tokenizer.encode(split.texts, self._settings.max_length_tokens))
