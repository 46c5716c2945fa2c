"""What sources of unlike settings share: pretrained weights, and texts as an encoder reads them."""

from __future__ import annotations

from collections.abc import Collection, Hashable

import numpy as np
from numpy.typing import NDArray

from tune_polar.data.batching import TokenRows
from tune_polar.data.table import Corpus
from tune_polar.model.encoder import TextEncoder, load_encoder, pooled_as
from tune_polar.model.parameter_size import entries_and_bytes
from tune_polar.model.tiny import TokenVectors, token_vectors
from tune_polar.model.tokens import CharacterTokenizer, HubTokenizer, Tokenizer
from tune_polar.recipe.sections import Encoder
from tune_polar.trial.encoder_identities import texts_read, weights_read


class EncoderTexts:
    """A corpus as the tokenizer of one encoder reads it."""

    def __init__(self, tokenizer: Tokenizer, corpus: Corpus, max_length_tokens: int) -> None:
        self.tokenizer = tokenizer
        self._corpus = corpus
        self._max_length_tokens = max_length_tokens
        self._pairs: dict[str, TokenRows] = {}  # by column of texts
        self._vectors: dict[tuple[int, bytes], TokenVectors] = {}  # by their width and training rows
        # By split, (rows of it)
        self.tokens = {
            name: TokenRows(tokenizer.encode(split.texts, max_length_tokens)) for name, split in corpus.splits.items()
        }

    def pair_tokens(self, column: str) -> TokenRows:
        """Of the rows of train, and behind them of their texts in ``column``, tokenised once.

        Raises:
            DataError: train has no such column of texts.
        """
        if column not in self._pairs:
            texts = self._corpus.train.words(column)
            further = self.tokenizer.encode(texts, self._max_length_tokens)
            self._pairs[column] = TokenRows([*self.tokens["train"], *further])
        return self._pairs[column]

    def character_vectors(self, characters: CharacterTokenizer, hidden: int, rows: NDArray[np.int64]) -> TokenVectors:
        """Counted once for the training ``rows`` of each fold, and not for each configuration again.

        Args:
            characters: the tokenizer, which is the embedded encoder's.
            hidden: width of a vector.
            rows: of train.
        """
        key = hidden, rows.tobytes()
        if key not in self._vectors:
            texts = [self._corpus.train.texts[row] for row in rows]
            self._vectors[key] = token_vectors(characters, texts, hidden, self._max_length_tokens)
        return self._vectors[key]


class EncoderParts:
    """Weights and texts, each kept by exactly what decides them: another pooling makes neither anew."""

    def __init__(self) -> None:
        self._weights: dict[Hashable, tuple[TextEncoder, HubTokenizer]] = {}
        self._texts: dict[Hashable, EncoderTexts] = {}

    def weights(self, settings: Encoder) -> tuple[TextEncoder, HubTokenizer]:
        """A pretrained encoder, pooled as ``settings`` say, and its tokenizer.

        Raises:
            ModelError: it cannot be loaded, or not be pooled so.
        """
        key = weights_read(settings)
        if key in self._weights:
            encoder, tokenizer = self._weights[key]
            return pooled_as(encoder, tokenizer, settings.name, settings.pooling, settings.revision), tokenizer
        self._weights[key] = load_encoder(
            settings.name,
            pooling=settings.pooling,
            revision=settings.revision,
            as_stored=settings.adapter is not None,  # it is never trained itself
            quantize=settings.quantize,
        )
        return self._weights[key]

    def texts(self, settings: Encoder, tokenizer: Tokenizer, corpus: Corpus) -> EncoderTexts:
        """The texts of ``corpus`` as ``settings`` have them read by ``tokenizer``."""
        key = texts_read(settings)
        if key not in self._texts:
            self._texts[key] = EncoderTexts(tokenizer, corpus, settings.max_length_tokens)
        return self._texts[key]

    def keep(self, encoders: Collection[Encoder]) -> bool:
        """Let go of what none of ``encoders`` reads; whether weights were among it."""
        others = self._weights.keys() - set(map(weights_read, encoders))
        for key in others:
            del self._weights[key]
        for key in self._texts.keys() - set(map(texts_read, encoders)):
            del self._texts[key]
        return bool(others)

    def bytes_beside(self, settings: Encoder) -> int:
        """That the weights of other encoders than that of ``settings`` take."""
        own = weights_read(settings)
        others = (encoder for key, (encoder, _) in self._weights.items() if key != own)
        return sum(entries_and_bytes(each)[1] for encoder in others for each in encoder.parameters())
