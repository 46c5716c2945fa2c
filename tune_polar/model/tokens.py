"""From texts to token ids: the character tokenizer of the embedded encoder, and any tokenizer of the hub."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from transformers import AutoTokenizer

from tune_polar.errors import ModelError

TokenIds = NDArray[np.int64]  # shape (tokens,)

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD_ID, UNKNOWN_ID, CLS_ID, SEPARATOR_ID, MASK_ID = range(len(SPECIAL_TOKENS))


class Tokenizer(Protocol):
    """What training needs to know about a tokenizer."""

    @property
    def pad_id(self) -> int:
        """Id that fills a batch up to its longest row."""
        ...

    @property
    def vocabulary_size(self) -> int:
        """Number of ids, special tokens included."""
        ...

    def encode(self, texts: Sequence[str], max_length_tokens: int) -> list[TokenIds]:
        """Ids of every text with its special tokens, cut to at most ``max_length_tokens``, unpadded."""
        ...


def _check_max_length(max_length_tokens: int) -> None:
    if max_length_tokens < 3:
        raise ModelError(
            f"the maximum length must be at least 3 tokens (start, text, end), got {max_length_tokens}",
            "Raise the maximum length; the published runs use 96.",
        )


def _normalise(text: str) -> str:
    """NFKC, lower case, every run of white space one blank."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


@dataclass(frozen=True)
class CharacterTokenizer:
    """One token a character; characters outside ``characters`` become [UNK].

    ``characters[i]`` has the id ``i + len(SPECIAL_TOKENS)``.
    """

    characters: tuple[str, ...]

    @classmethod
    def from_texts(cls, texts: Iterable[str], min_count: int = 2) -> CharacterTokenizer:
        """Take every character that ``texts`` hold at least ``min_count`` times, the most frequent first.

        Raises:
            ModelError: ``min_count`` is below 1, or no character is frequent enough.
        """
        if min_count < 1:
            raise ModelError(f"min_count must be at least 1, got {min_count}", "Give a count of 1 or more.")
        counts = Counter[str]()
        for text in texts:
            counts.update(_normalise(text))
        frequent = [(-count, character) for character, count in counts.items() if count >= min_count]
        if not frequent:
            raise ModelError(
                f"the texts must hold at least one character {min_count} times or more, got {len(counts)} "
                "distinct characters, all rarer",
                "Check that the text column is the right one, or lower min_count.",
            )
        return cls(tuple(character for _, character in sorted(frequent)))

    @property
    def pad_id(self) -> int:
        """Id of [PAD]."""
        return PAD_ID

    @property
    def vocabulary_size(self) -> int:
        """Characters and special tokens."""
        return len(SPECIAL_TOKENS) + len(self.characters)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {character: i for i, character in enumerate(self.characters, start=len(SPECIAL_TOKENS))}

    def encode(self, texts: Sequence[str], max_length_tokens: int) -> list[TokenIds]:
        """[CLS], a token a character, [SEP]; see ``Tokenizer.encode``.

        Raises:
            ModelError: ``max_length_tokens`` leaves no room for text.
        """
        _check_max_length(max_length_tokens)
        room = max_length_tokens - 2
        encoded = []
        for text in texts:
            ids = [self._ids.get(character, UNKNOWN_ID) for character in _normalise(text)[:room]]
            encoded.append(np.array([CLS_ID, *ids, SEPARATOR_ID], dtype=np.int64))
        return encoded

    def to_json(self) -> str:
        """Everything ``from_json`` needs, as one JSON object."""
        return json.dumps({"kind": "characters", "characters": "".join(self.characters)}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> CharacterTokenizer:
        """Read back what ``to_json`` wrote.

        Raises:
            ModelError: ``text`` is not such an object, or names a character twice.
        """
        remedy = "The record is damaged: delete it and train this fold again."
        try:
            stored = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"a character vocabulary must be JSON, got {text[:40]!r} ({error})", remedy) from error
        if not isinstance(stored, dict) or not isinstance(stored.get("characters"), str):
            raise ModelError(
                f'a character vocabulary must be an object with a string "characters", got {text[:40]!r}',
                remedy,
            )
        characters = tuple(stored["characters"])
        if any("\ud800" <= each <= "\udfff" for each in characters):
            raise ModelError("a vocabulary must name whole characters, got half a surrogate pair", remedy)
        if len(set(characters)) != len(characters):
            twice = sorted(c for c, count in Counter(characters).items() if count > 1)
            raise ModelError(f"a vocabulary must name each character once, got {twice} more than once", remedy)
        return cls(characters)


def _digest(*content: str) -> str:
    return hashlib.sha256("\0".join(content).encode()).hexdigest()


class HubTokenizer:
    """The tokenizer that stands beside a pretrained encoder; two of the same content are equal."""

    def __init__(self, folder: Path, embeddings: int | None = None) -> None:
        """Load it from the encoder's ``folder``; code that lies there is never run.

        Args:
            folder: of the encoder.
            embeddings: that its matrix holds, one a row. Tokens added beyond them, as Gemma 3's of pictures beside its
                text-only model, are read as the unknown token. None: where tokens are only counted.

        Raises:
            ModelError: there is no tokenizer there, it has no vocabulary or padding token, or texts would have tokens
                without an embedding.
        """
        try:
            # Any: AutoTokenizer is untyped
            tokenizer: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        except Exception as error:
            raise ModelError(
                f"an encoder must come with its tokenizer, none loads from {str(folder)!r}: {error}",
                "Give a folder that holds tokenizer.json (or vocab.txt) beside config.json.",
            ) from error
        # Where the files are missing, transformers makes a tokenizer that knows its special tokens alone
        if len(tokenizer) <= len(set(tokenizer.all_special_ids)):
            raise ModelError(
                f"a tokenizer must have a vocabulary, that of {str(folder)!r} has only its special tokens",
                "Give a folder that holds tokenizer.json (or vocab.txt) beside config.json.",
            )
        if tokenizer.pad_token_id is None:
            raise ModelError(
                f"a tokenizer must have a padding token, that of {str(folder)!r} has none",
                'Name one of its tokens in tokenizer_config.json, such as "pad_token": the token that ends a text; or '
                "choose another model.",
            )
        self._tokenizer = tokenizer
        rust = getattr(tokenizer, "backend_tokenizer", None)  # before a first text: truncation is part of its state
        content = None if rust is None else rust.to_str()
        self._embeddings = inf if embeddings is None else embeddings
        self._unknown = self._checked_unknown(folder)  # id of what has no embedding; None: everything has one
        sides = [tokenizer.padding_side, tokenizer.truncation_side]
        self._content = id(self) if content is None else _digest(content, *sides, str(self._unknown))

    def _checked_unknown(self, folder: Path) -> int | None:
        vocabulary, added = self._tokenizer.get_vocab(), self._tokenizer.added_tokens_decoder
        largest = max(vocabulary.values())
        if largest < self._embeddings:
            return None
        # Added or not, some stand in any batch: what fills it up, begins a text or ends it
        usual = {self.pad_id, *self._tokenizer("")["input_ids"]}
        usual.update(place for place in vocabulary.values() if place not in added)
        unknown = self._tokenizer.unk_token_id
        if unknown is None or max(*usual, unknown) >= self._embeddings:
            raise ModelError(
                f"every token must have an embedding, the tokenizer of {str(folder)!r} has ids up to {largest} and its "
                f"encoder {self._embeddings} embeddings",
                "Use the tokenizer that the encoder was trained with.",
            )
        return int(unknown)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HubTokenizer) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)

    @property
    def pad_id(self) -> int:
        """Id of the padding token."""
        return int(self._tokenizer.pad_token_id)

    @property
    def vocabulary_size(self) -> int:
        """Number of ids, added tokens included."""
        return len(self._tokenizer)

    def encode(self, texts: Sequence[str], max_length_tokens: int) -> list[TokenIds]:
        """See ``Tokenizer.encode``.

        Raises:
            ModelError: ``max_length_tokens`` leaves no room for text, or the tokenizer lacks what it needs.
        """
        _check_max_length(max_length_tokens)
        if not texts:
            return []
        try:
            encoding = self._tokenizer(
                list(texts),
                truncation=True,
                max_length=max_length_tokens,
                return_attention_mask=False,
                return_token_type_ids=False,
            )
        except Exception as error:
            raise ModelError(
                f"a tokenizer must be able to encode every text, the encoder's cannot: {error}",
                "Give the tokenizer's files as they were published.",
            ) from error
        rows = [np.array(ids, dtype=np.int64) for ids in encoding["input_ids"]]
        if self._unknown is not None:  # an index beyond the matrix would end a GPU's process
            rows = [np.where(ids < self._embeddings, ids, self._unknown) for ids in rows]
        return rows

    def save(self, folder: Path) -> None:
        """Write the tokenizer's files to ``folder``, for ``HubTokenizer(folder)``.

        Raises:
            OSError: they cannot be written.
        """
        try:
            self._tokenizer.save_pretrained(folder)
        except Exception as error:  # what the system refuses has no class of its own in tokenizers
            raise error if isinstance(error, OSError) else OSError(str(error)) from error
