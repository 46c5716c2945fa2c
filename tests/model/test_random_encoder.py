"""An encoder of given sizes with random weights: it loads as a pretrained one does, and is the same each time."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tune_polar.data.sample import sample_corpus
from tune_polar.model.encoder import load_encoder
from tune_polar.model.encoder_shape import PUBLISHED_CONFIGS, shape_of_config
from tune_polar.model.random_encoder import write_random_encoder

XBASE = PUBLISHED_CONFIGS["nghuyong/ernie-3.0-xbase-zh"]
SMALL = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64}
CONFIGS = {
    "bert": SMALL | {"model_type": "bert", "vocab_size": 3000, "max_position_embeddings": 100},
    "published": dict(XBASE) | SMALL,
}
TEXTS = (
    *sample_corpus(0, rows_train=50, rows_dev=0, rows_test=0).train.texts,
    "I can't believe #this, @user: https://t.co/abc",
    "Привет мир, как дела",
)


def written(folder: Path, config: dict[str, object], seed: int = 0) -> dict[str, torch.Tensor]:
    folder.mkdir()
    write_random_encoder(folder, config, TEXTS, seed)
    return load_encoder(str(folder), pooling="mean")[0].state_dict()


@pytest.mark.parametrize("name", CONFIGS)
def test_it_loads_whole_and_in_its_size(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = CONFIGS[name]
    tmp_path = tmp_path / "encoder"
    weights = written(tmp_path, config)
    assert capfd.readouterr() == ("", ""), "no bars on the screen"
    encoder, tokenizer = load_encoder(str(tmp_path), pooling="mean")
    assert type(encoder.backbone).__name__.lower().startswith(str(config["model_type"]))
    assert encoder.word_embeddings.num_embeddings == config["vocab_size"]
    assert sum(parameter.numel() for parameter in encoder.parameters()) == shape_of_config(config).parameters
    for row in weights["backbone.embeddings.word_embeddings.weight"][1:]:
        assert row.std() > 0, "a row that is zero was never drawn"
    encoded = tokenizer.encode(TEXTS, 96)
    assert len({token for row in encoded for token in row}) > 100
    for text, row in zip(TEXTS, encoded, strict=True):
        assert len(row) == min(96, len("".join(text.split())) + 2), "a token a character, between two special ones"
    with torch.inference_mode():
        rows = torch.tensor(encoded[0]).unsqueeze(0)
        assert torch.isfinite(encoder(rows, torch.ones_like(rows))).all()


def test_more_characters_than_the_vocabulary_holds_are_unknown(tmp_path: Path) -> None:
    weights = written(tmp_path / "encoder", CONFIGS["bert"] | {"vocab_size": 40})
    assert len(weights["backbone.embeddings.word_embeddings.weight"]) == 40
    _, tokenizer = load_encoder(str(tmp_path / "encoder"), pooling="mean")
    assert tokenizer.vocabulary_size == 40
    assert max(token for row in tokenizer.encode(TEXTS, 96) for token in row) == 39


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    config = CONFIGS["bert"]
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = written(tmp_path / "first", config)
    assert torch.equal(torch.get_rng_state(), state), "the process keeps its own random numbers"
    torch.rand(3)
    again, other = written(tmp_path / "again", config), written(tmp_path / "other", config, seed=1)
    assert all(torch.equal(weight, again[name]) for name, weight in first.items())
    name = "backbone.encoder.layer.0.attention.self.query.weight"
    assert not torch.equal(first[name], other[name])
    tokens = [(tmp_path / folder / "tokenizer.json").read_bytes() for folder in ("first", "again", "other")]
    assert tokens[0] == tokens[1] == tokens[2]
