"""Heads by name: their shapes, their start, and a pretrained pooler."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import BertModel

from tune_polar.errors import ModelError
from tune_polar.model.dropout import CheapDropout
from tune_polar.model.heads import HEADS, build_head
from tune_polar.model.pooler_weights import pretrained_pooler
from tune_polar.model.seeding import seeded_start

WIDTHS = {"projection": 5, "mlp": 3, "linear": 3, "pooler": 3}


@pytest.mark.parametrize("name", list(HEADS))
def test_a_head_maps_the_encoders_width_to_its_own(name: str) -> None:
    head = build_head(name, 8, 3, **({"size": 5} if name == "projection" else {}))
    found = head(torch.randn(7, 8))
    assert found.shape == (7, head.width) == (7, WIDTHS[name])
    if head.gives_embeddings:
        torch.testing.assert_close(found.norm(dim=1), torch.ones(7))
    assert head.gives_embeddings == (name == "projection")


def test_the_start_is_that_of_the_layers_drawn_in_order() -> None:
    with seeded_start(5):
        ours = build_head("projection", 8, 1, size=4, hidden=6)
    with seeded_start(5):
        layers = [nn.Linear(8, 6), nn.Linear(6, 4)]
    found = [part for part in ours.modules() if isinstance(part, nn.Linear)]
    assert all(torch.equal(one.weight, other.weight) for one, other in zip(found, layers, strict=True))


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("projection", [nn.Linear, nn.GELU, nn.LayerNorm, nn.Linear]),
        ("mlp", [nn.Linear, nn.LayerNorm, nn.GELU, CheapDropout, nn.Linear]),
        ("linear", [CheapDropout, nn.Linear]),
        ("pooler", [nn.Tanh, CheapDropout, nn.Linear]),
    ],
)
def test_heads_have_the_published_parts(name: str, parts: list[type[nn.Module]]) -> None:
    layers = build_head(name, 8, 3).get_submodule("layers")
    assert [type(part) for part in layers.children()] == parts


def test_projection_stays_on_the_sphere_under_autocast() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = build_head("projection", 6, 1, size=4)(torch.randn(5, 6) * 100)
    assert output.dtype == torch.float32
    torch.testing.assert_close(output.norm(dim=1), torch.ones(5))


@pytest.mark.parametrize("name", ["mlp", "linear", "pooler"])
def test_dropout_is_the_heads_own(name: str) -> None:
    head = build_head(name, 8, 3, dropout=0.25)
    assert [part.p for part in head.modules() if isinstance(part, CheapDropout)] == [0.25]


def test_hidden_width_is_the_encoders_unless_said() -> None:
    assert build_head("mlp", 8, 3).state_dict()["layers.0.weight"].shape == (8, 8)
    assert build_head("mlp", 8, 3, hidden=5).state_dict()["layers.0.weight"].shape == (5, 8)


def test_an_unknown_head_is_refused() -> None:
    with pytest.raises(ModelError, match=r"the head must be one of .*mlp.*, got 'conv'"):
        build_head("conv", 8, 3)


@pytest.fixture
def with_pooler(copy: Path) -> Path:
    """The small BERT with a pooler among its weights."""
    weights = load_file(copy / "model.safetensors")
    generator = torch.Generator().manual_seed(8)
    weights["bert.pooler.dense.weight"] = torch.randn(16, 16, generator=generator)
    weights["bert.pooler.dense.bias"] = torch.randn(16, generator=generator)
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    return copy


@pytest.mark.parametrize("is_pickle", [False, True])
def test_the_pooler_is_the_librarys(with_pooler: Path, is_pickle: bool) -> None:
    reference = BertModel.from_pretrained(with_pooler).eval()
    if is_pickle:
        torch.save(load_file(with_pooler / "model.safetensors"), with_pooler / "pytorch_model.bin")
        (with_pooler / "model.safetensors").unlink()
    found = pretrained_pooler(with_pooler)
    assert found is not None
    head = build_head("pooler", 16, 2).eval()
    head.take_pooler(*found)
    ids = torch.tensor([[2, 5, 6, 3]])
    with torch.no_grad():
        output = reference(input_ids=ids)
        expected = head.layers[2](output.pooler_output)  # type: ignore[union-attr, index, operator]
        torch.testing.assert_close(head(output.last_hidden_state[:, 0]), expected)


def test_an_encoder_without_a_pooler_has_none(bert_folder: Path) -> None:
    assert pretrained_pooler(bert_folder) is None


def test_a_pooler_of_another_width_or_for_another_head_is_refused() -> None:
    with pytest.raises(ModelError, match=r"of the encoder's width, got \(4, 4\) for \(8, 8\)"):
        build_head("pooler", 8, 2).take_pooler(torch.zeros(4, 4), torch.zeros(4))
    with pytest.raises(ModelError, match="MlpHead must have a pooler to begin from one"):
        build_head("mlp", 8, 2).take_pooler(torch.zeros(8, 8), torch.zeros(8))


def test_a_damaged_file_of_weights_is_refused(with_pooler: Path) -> None:
    path = with_pooler / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ModelError, match="a file of weights must be whole"):
        pretrained_pooler(with_pooler)
