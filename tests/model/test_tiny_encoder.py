from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import ErnieModel

from tune_polar.errors import ModelError
from tune_polar.model.seeding import seeded_start
from tune_polar.model.tiny import TOKEN_VECTOR_STD, tiny_encoder, token_vectors
from tune_polar.model.tokens import SPECIAL_TOKENS, UNKNOWN_ID, CharacterTokenizer

GENERATOR = np.random.default_rng(5)
TEXTS = ["".join(GENERATOR.choice(list("abcdefghij人男女天地"), size=12)) for _ in range(60)]
TOKENIZER = CharacterTokenizer.from_texts([*TEXTS, "zz"])


def build(texts: list[str] = TEXTS, seed: int = 1, hidden: int = 32, layers: int = 1) -> ErnieModel:
    vectors = token_vectors(TOKENIZER, texts, hidden, 20)
    return tiny_encoder(TOKENIZER, vectors, hidden=hidden, layers=layers, seed=seed, max_length_tokens=20)


def test_shape_of_the_model() -> None:
    model = build(hidden=64, layers=2)
    config = model.config
    assert (config.num_hidden_layers, config.num_attention_heads, config.intermediate_size) == (2, 4, 256)
    assert config.max_position_embeddings == 22
    assert config.attention_probs_dropout_prob == 0.0
    assert not config.use_task_id
    assert config._attn_implementation == "sdpa"
    assert model.pooler is None
    assert build().config.num_attention_heads == 2


def test_same_seed_same_bits_and_the_global_generator_stays() -> None:
    before = torch.get_rng_state()
    first, second, other = build(), build(), build(seed=2)
    assert torch.equal(before, torch.get_rng_state())
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name
    query = "encoder.layer.0.attention.self.query.weight"
    assert not torch.equal(first.state_dict()[query], other.state_dict()[query])


def test_rows_of_seen_characters_alone_start_from_cooccurrence() -> None:
    specials = len(SPECIAL_TOKENS)
    with_texts = build().embeddings.word_embeddings.weight.detach()
    without = build(texts=[]).embeddings.word_embeddings.weight.detach()
    unseen = specials + TOKENIZER.characters.index("z")
    kept = [*range(specials), unseen]
    changed = [row for row in range(len(with_texts)) if row not in kept]
    assert torch.equal(with_texts[kept], without[kept])
    assert (with_texts[changed] != without[changed]).any(dim=1).all()
    assert float(with_texts[changed].std(correction=0)) == pytest.approx(TOKEN_VECTOR_STD, rel=1e-5)
    assert (without[UNKNOWN_ID] != 0).any()
    assert (with_texts[0] == 0).all()  # padding


def test_validation_texts_cannot_reach_the_start() -> None:
    training, validation = TEXTS[:40], TEXTS[40:]
    alone = build(texts=training).embeddings.word_embeddings.weight
    leaky = build(texts=training + validation).embeddings.word_embeddings.weight
    assert torch.equal(alone, build(texts=training).embeddings.word_embeddings.weight)
    assert not torch.equal(alone, leaky)


def test_texts_without_pairs_keep_the_random_start() -> None:
    lonely = build(texts=["a", "b", ""]).state_dict()
    empty = build(texts=[]).state_dict()
    assert all(torch.equal(lonely[name], empty[name]) for name in empty)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hidden": 40}, "positive multiple of 32, got 40"),
        ({"hidden": 0}, "positive multiple of 32, got 0"),
        ({"layers": 0}, "at least 1 layer, got 0"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1, got 1.0"),
    ],
)
def test_bad_sizes_are_refused(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        tiny_encoder(TOKENIZER, seed=1, max_length_tokens=20, **arguments)  # type: ignore[arg-type]


def test_seeded_start_gives_the_generator_back_after_an_error() -> None:
    def fail() -> None:
        with seeded_start(7):
            torch.rand(3)
            raise RuntimeError("in the block")

    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="in the block"):
        fail()
    assert torch.equal(before, torch.get_rng_state())
