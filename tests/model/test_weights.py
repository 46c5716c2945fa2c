from __future__ import annotations

import pytest
import torch
from torch import nn

from tune_polar.errors import ModelError
from tune_polar.model.checkpoint import load_weights, weights_to_bytes
from tune_polar.model.heads import ProjectionHead


def test_weights_come_back_bit_for_bit_and_bytes_repeat() -> None:
    first, second = ProjectionHead(4, 1, hidden=6, size=3), ProjectionHead(4, 1, hidden=6, size=3)
    data = weights_to_bytes(first)
    load_weights(second, data)
    assert all(torch.equal(tensor, second.state_dict()[name]) for name, tensor in first.state_dict().items())
    assert weights_to_bytes(second) == data


def test_views_and_buffers_are_stored() -> None:
    module = nn.BatchNorm1d(3)
    module.weight = nn.Parameter(torch.arange(6.0).reshape(2, 3).t()[:, 1])  # not contiguous
    other = nn.BatchNorm1d(3)
    load_weights(other, weights_to_bytes(module))
    assert other.weight.tolist() == [3.0, 4.0, 5.0]
    assert int(other.get_buffer("num_batches_tracked")) == 0


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            ProjectionHead(4, 1, hidden=6, size=2),
            r"got 2 faults: layers.3.weight has shape \(2, 6\) instead of \(3, 6\)",
        ),
        (nn.Linear(4, 6), r"got 8 faults: layers.0.weight is missing; .*; and 3 more"),
        (nn.Sequential(), "layers.0.weight is missing"),
    ],
)
def test_weights_of_another_model_are_refused_and_change_nothing(other: nn.Module, message: str) -> None:
    head = ProjectionHead(4, 1, hidden=6, size=3)
    before = weights_to_bytes(head)
    with pytest.raises(ModelError, match=message):
        load_weights(head, weights_to_bytes(other))
    assert weights_to_bytes(head) == before


@pytest.mark.parametrize("data", [b"", b"not safetensors", weights_to_bytes(nn.Linear(2, 2))[:-3]])
def test_damaged_weights_are_refused(data: bytes) -> None:
    with pytest.raises(ModelError, match="must be whole safetensors data"):
        load_weights(nn.Linear(2, 2), data)


def test_a_part_is_loaded_under_the_rest_of_its_names() -> None:
    whole = nn.ModuleDict({"encoder": nn.Linear(3, 2), "head": nn.Linear(2, 2)})
    other = nn.Linear(3, 2)
    load_weights(other, weights_to_bytes(whole), "encoder.")
    assert torch.equal(other.weight, whole["encoder"].weight)
    with pytest.raises(ModelError, match="weight is missing; bias is missing"):
        load_weights(other, weights_to_bytes(whole), "losses.")
