"""What lies beside a stage's weights, so that new rows can be predicted where its data are gone.

``neighbours/vectors`` (rows, size) float32 and ``neighbours/classes`` (rows,) int32 are the training rows that a stage
compares others with; ``tokenizer/characters`` (characters,) int32 are the code points that the embedded encoder knows,
in the order of their tokens. No text is among them.
"""

from __future__ import annotations

import numpy as np

from tune_polar.errors import ModelError
from tune_polar.model.tokens import CharacterTokenizer, Tokenizer
from tune_polar.store.training_facts import Array

INDEX_VECTORS, INDEX_CLASSES = "neighbours/vectors", "neighbours/classes"
CHARACTERS = "tokenizer/characters"


def characters_of(tokenizer: Tokenizer) -> dict[str, Array]:
    """Those of the embedded encoder; a pretrained one has a tokenizer of its own, and nothing here."""
    if not isinstance(tokenizer, CharacterTokenizer):
        return {}
    return {CHARACTERS: np.array([ord(character) for character in tokenizer.characters], dtype=np.int32)}


def tokenizer_of(characters: Array) -> CharacterTokenizer:
    """The tokenizer whose ``characters_of`` these are.

    Raises:
        ModelError: they are no characters, or one is there twice.
    """
    if characters.ndim != 1 or characters.dtype.kind not in "iu" or len(np.unique(characters)) < len(characters):
        raise _damaged(f"each once, got shape {characters.shape} of {characters.dtype}")
    try:
        letters = "".join(map(chr, characters.tolist()))
        letters.encode()  # half a surrogate pair is in no text
        return CharacterTokenizer(tuple(letters))
    except (ValueError, OverflowError) as error:
        raise _damaged(f"code points, got one that is none ({error})") from None


def _damaged(rule: str) -> ModelError:
    return ModelError(f"a vocabulary must hold characters, {rule}", "The weights are damaged: have them made anew.")
