"""A base in four bits: the library's own matrices, shared between copies, adapted, merged, and never stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bitsandbytes
import pytest
import torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit
from torch import nn

from tests.model.conftest import bert_folder as bert_folder
from tune_polar.errors import ModelError
from tune_polar.model.adapters import add_adapter, merge_adapter
from tune_polar.model.changing_weights import changing, load_weights
from tune_polar.model.encoder import TextEncoder, load_encoder
from tune_polar.model.nf4 import Nf4Linear
from tune_polar.model.parameter_size import entries_and_bytes
from tune_polar.model.shared_copy import shared_copy

SETTINGS = {"rank": 4, "alpha": 8.0, "dropout": 0.0}
IDS = torch.tensor([[2, 9, 12, 30, 3], [2, 11, 3, 0, 0]])
MASK = (IDS > 0).long()


@pytest.fixture
def quantized(bert_folder: Path) -> TextEncoder:
    return load_encoder(str(bert_folder), pooling="mean", as_stored=True, quantize="nf4")[0].eval()


def adapted(base: TextEncoder, seed: int = 1) -> TextEncoder:
    """As a stage has it: a copy that shares the base."""
    copied = shared_copy(base, {name for name, _ in base.named_parameters()})
    add_adapter(copied, "lora", frozen_layers=0, seed=seed, settings=SETTINGS)
    with torch.no_grad():
        for name, parameter in copied.named_parameters():
            if "lora_B" in name:
                parameter.normal_(generator=torch.Generator().manual_seed(seed))
    return copied.eval()


def rounded(bert_folder: Path) -> TextEncoder:
    """A plain encoder of the values that four bits can say."""
    plain, _ = load_encoder(str(bert_folder), pooling="mean")
    for layer in plain.layers:
        for part in layer.modules():
            if isinstance(part, nn.Linear):
                packed, state = quantize_4bit(part.weight.data, quant_type="nf4", compress_statistics=True)
                part.weight.data = dequantize_4bit(packed, state)
    return plain.eval()


def test_it_computes_with_what_four_bits_can_say(bert_folder: Path, quantized: TextEncoder) -> None:
    plain = rounded(bert_folder)
    matrices = [part for part in quantized.modules() if isinstance(part, nn.Linear)]
    assert all(isinstance(part, Nf4Linear | bitsandbytes.nn.Linear4bit) for part in matrices)
    assert len(matrices) == 6 * len(plain.layers)
    torch.testing.assert_close(quantized(IDS, MASK), plain(IDS, MASK), atol=1e-5, rtol=1e-5)
    exact, _ = load_encoder(str(bert_folder), pooling="mean")
    assert (exact.eval()(IDS, MASK) - plain(IDS, MASK)).abs().max() > 1e-3, "four bits do round"


def test_gradients_of_an_adapter_are_those_beside_the_rounded_matrices(
    bert_folder: Path, quantized: TextEncoder
) -> None:
    found = []
    for base in (quantized, rounded(bert_folder)):
        encoder = adapted(base)
        encoder(IDS, MASK).square().sum().backward()
        found.append({name: each.grad for name, each in encoder.named_parameters() if each.requires_grad})
    assert found[0].keys() == found[1].keys()
    assert len(found[0]) == 2 * 6 * len(quantized.layers)
    for name, gradient in found[0].items():
        torch.testing.assert_close(gradient, found[1][name], atol=1e-4, rtol=1e-4)


def test_copies_share_the_packed_entries_and_have_scales_of_their_own(quantized: TextEncoder) -> None:
    before = quantized(IDS, MASK)
    one, other = adapted(quantized, 1), adapted(quantized, 2)

    def packed(encoder: TextEncoder) -> list[Nf4Linear]:
        return [part for part in encoder.modules() if isinstance(part, Nf4Linear)]

    for ours, theirs, base in zip(packed(one), packed(other), packed(quantized), strict=True):
        assert ours.weight.data_ptr() == theirs.weight.data_ptr() == base.weight.data_ptr()
        assert ours.quant_state is ours.weight.quant_state
        assert ours.quant_state is not base.quant_state, "what moves one to a GPU would move the other's scales"
    assert not torch.equal(one(IDS, MASK), other(IDS, MASK))
    assert torch.equal(quantized(IDS, MASK), before)


def test_only_the_adapter_is_stored_and_loaded(quantized: TextEncoder) -> None:
    one, other = adapted(quantized, 1), adapted(quantized, 2)
    stored = changing(one)
    assert all("lora" in name for name in stored)
    arrays = {name: tensor.detach().numpy().copy() for name, tensor in stored.items()}
    load_weights(other, arrays, may_lack=other.base_names())
    assert torch.equal(one(IDS, MASK), other(IDS, MASK))


@pytest.mark.parametrize("targets", ["all_linear", "attention"])
def test_merged_it_is_a_plain_encoder_with_the_same_vectors(quantized: TextEncoder, targets: str) -> None:
    encoder = shared_copy(quantized, {name for name, _ in quantized.named_parameters()})
    add_adapter(encoder, "lora", frozen_layers=0, seed=1, settings={**SETTINGS, "targets": targets})
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if "lora_B" in name:
                parameter.normal_(generator=torch.Generator().manual_seed(5))
    before = encoder.eval()(IDS, MASK)
    merge_adapter(encoder)
    assert all(type(part) is nn.Linear for part in encoder.modules() if isinstance(part, nn.Linear))
    torch.testing.assert_close(encoder(IDS, MASK), before, atol=1e-4, rtol=1e-4)
    assert {each.dtype for each in encoder.state_dict().values() if each.is_floating_point()} == {torch.float32}


def test_its_size_is_counted(bert_folder: Path) -> None:
    plain = nn.Linear(512, 256)
    packed = Nf4Linear(plain, torch.device("cpu"))
    entries, taken = entries_and_bytes(packed.weight)
    assert entries == 512 * 256
    assert taken == 512 * 256 // 2 + 512 * 256 // 64 + 4 * 512 * 256 // (64 * 256)
    assert entries_and_bytes(plain.weight) == (512 * 256, 4 * 512 * 256)


def test_without_bitsandbytes_it_is_refused_with_the_remedy(bert_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: Callable[[str], object] = lambda name: None  # noqa: E731
    monkeypatch.setattr("importlib.util.find_spec", found)
    with pytest.raises(ModelError, match="nf4 must have bitsandbytes") as caught:
        load_encoder(str(bert_folder), pooling="mean", quantize="nf4")
    assert "tune-polar[nf4]" in caught.value.remedy
