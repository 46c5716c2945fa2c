"""The embedded encoder: a small ERNIE that trains from scratch in seconds, with nothing to download."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import ErnieConfig, ErnieModel

from tune_polar.errors import ModelError
from tune_polar.model.cooccurrence import cooccurrence_counts, positive_pmi, spectral_vectors
from tune_polar.model.seeding import seeded_start
from tune_polar.model.tokens import SPECIAL_TOKENS, CharacterTokenizer

WINDOW_TOKENS = 4
TOKEN_VECTOR_STD = 0.05
HIDDEN_PER_HEAD = 16


def tiny_encoder(
    tokenizer: CharacterTokenizer,
    vectors: TokenVectors | None = None,
    *,
    hidden: int = 32,
    layers: int = 1,
    dropout: float = 0.1,
    seed: int,
    max_length_tokens: int,
) -> ErnieModel:
    """Build a small encoder.

    Args:
        tokenizer: the vocabulary.
        vectors: where tokens start, of the fold's training rows; None: every weight is drawn at random.
        hidden: width; a multiple of 32.
        layers: depth, at least 1.
        dropout: share of hidden units dropped while training; attention weights are never dropped.
        seed: decides every weight that ``vectors`` do not.
        max_length_tokens: longest row, special tokens included.

    Returns:
        An ``ErnieModel`` without pooler on the CPU, the same bits for the same arguments.

    Raises:
        ModelError: a size is out of its range.
    """
    _check_sizes(hidden, layers, dropout)
    config = ErnieConfig(
        vocab_size=tokenizer.vocabulary_size,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=min(4, hidden // HIDDEN_PER_HEAD),
        intermediate_size=4 * hidden,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=0.0,
        max_position_embeddings=max_length_tokens + 2,
        type_vocab_size=1,
        use_task_id=False,
        pad_token_id=tokenizer.pad_id,
    )
    with seeded_start(seed):
        backbone = ErnieModel(config, add_pooling_layer=False)
    if vectors is not None:
        with torch.no_grad():
            backbone.embeddings.word_embeddings.weight[vectors.tokens] = vectors.values
    return backbone


def _check_sizes(hidden: int, layers: int, dropout: float) -> None:
    if hidden < 32 or hidden % 32 != 0:
        raise ModelError(
            f"the width of the tiny encoder must be a positive multiple of 32, got {hidden}",
            "Use 32 or 64; more buys nothing when training from scratch.",
        )
    if layers < 1:
        raise ModelError(f"the tiny encoder must have at least 1 layer, got {layers}", "Use 1 or 2 layers.")
    if not 0.0 <= dropout < 1.0:
        raise ModelError(f"dropout must be at least 0 and below 1, got {dropout}", "Use 0.1.")


@dataclass(frozen=True, eq=False)
class TokenVectors:
    """Where some tokens' vectors start: what the co-occurrences in texts say of them, whatever the seed."""

    tokens: Tensor  # long, (seen,)
    values: Tensor  # float32, (seen, hidden)


def token_vectors(
    tokenizer: CharacterTokenizer, texts: Sequence[str], hidden: int, max_length_tokens: int
) -> TokenVectors:
    """Vectors of deviation ``TOKEN_VECTOR_STD`` for the characters in ``texts``; none where no two stand together.

    ``texts``: the fold's training rows and no others, or validation texts leak into the start.
    """
    specials = len(SPECIAL_TOKENS)
    encoded = tokenizer.encode(texts, max_length_tokens)
    counts = cooccurrence_counts([ids[1:-1] for ids in encoded], tokenizer.vocabulary_size, WINDOW_TOKENS)
    # [UNK] lumps unrelated characters together: its neighbours say nothing
    characters = counts[specials:, specials:]
    seen = np.flatnonzero(np.asarray(characters.sum(axis=1)).ravel())
    none = TokenVectors(torch.zeros(0, dtype=torch.long), torch.zeros(0, hidden))
    if len(seen) == 0:
        return none
    vectors = spectral_vectors(positive_pmi(characters[seen][:, seen]), hidden)  # (seen, hidden)
    spread = vectors.std()
    if spread == 0.0:
        return none
    return TokenVectors(
        torch.from_numpy(seen + specials), torch.from_numpy(vectors * (TOKEN_VECTOR_STD / spread)).float()
    )
