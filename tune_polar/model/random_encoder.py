"""A pretrained encoder's size without its weights: random ones, to try a machine before anything is downloaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoModel, BertTokenizer

from tune_polar.model.pretrained import quiet_transformers
from tune_polar.model.seeding import seeded_start
from tune_polar.model.tokens import SPECIAL_TOKENS, CharacterTokenizer


def write_random_encoder(folder: Path, config: Mapping[str, Any], texts: Iterable[str], seed: int = 0) -> None:
    """Write an encoder of ``config``'s sizes with random weights, and a tokenizer of one token a character.

    Args:
        folder: where; it must exist.
        config: as in a ``config.json``, with its ``model_type``.
        texts: whose characters become tokens, as many as ``config``'s vocabulary holds.
        seed: of the weights.

    Example:
        >>> write_random_encoder(folder, PUBLISHED_CONFIGS["nghuyong/ernie-3.0-xbase-zh"], ["some text"])
    """
    settings = dict(config)
    about = AutoConfig.for_model(settings.pop("model_type"), **settings)
    with seeded_start(seed), quiet_transformers():
        AutoModel.from_config(about).save_pretrained(folder)
    found = CharacterTokenizer.from_texts(texts, min_count=1).characters
    characters = [character for character in found if not character.isspace()]
    # Inside a word as well: rows of words would else be shorter than with any tokenizer that was trained on them.
    inside = (f"##{character}" for character in characters)
    names = (*SPECIAL_TOKENS, *characters, *inside)[: about.vocab_size]
    BertTokenizer(vocab={name: number for number, name in enumerate(names)}).save_pretrained(folder)
