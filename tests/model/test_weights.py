"""Weights as arrays by name: what comes back, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tune_polar.errors import ModelError
from tune_polar.model.changing_weights import TensorArrays, load_weights
from tune_polar.model.heads import ProjectionHead


def arrays_of(module: nn.Module) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in TensorArrays(module.state_dict()).items()}


def test_weights_come_back_bit_for_bit() -> None:
    first, second = ProjectionHead(4, 1, hidden=6, size=3), ProjectionHead(4, 1, hidden=6, size=3)
    load_weights(second, arrays_of(first))
    assert all(torch.equal(tensor, second.state_dict()[name]) for name, tensor in first.state_dict().items())


def test_views_and_buffers_are_stored() -> None:
    module = nn.BatchNorm1d(3)
    module.weight = nn.Parameter(torch.arange(6.0).reshape(2, 3).t()[:, 1])  # not contiguous
    other = nn.BatchNorm1d(3)
    load_weights(other, arrays_of(module))
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
        (ProjectionHead(4, 1, hidden=6, size=3).double(), "layers.0.weight is float64 instead of float32"),
    ],
)
def test_weights_of_another_model_are_refused_and_change_nothing(other: nn.Module, message: str) -> None:
    head = ProjectionHead(4, 1, hidden=6, size=3)
    before = arrays_of(head)
    with pytest.raises(ModelError, match=message):
        load_weights(head, arrays_of(other))
    after = arrays_of(head)
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_a_part_is_loaded_under_the_rest_of_its_names() -> None:
    whole = nn.ModuleDict({"encoder": nn.Linear(3, 2), "head": nn.Linear(2, 2)})
    other = nn.Linear(3, 2)
    load_weights(other, arrays_of(whole), "encoder.")
    assert torch.equal(other.weight, whole["encoder"].weight)
    with pytest.raises(ModelError, match="weight is missing; bias is missing"):
        load_weights(other, arrays_of(whole), "losses.")


def test_only_what_may_be_missing_stays_as_it_is() -> None:
    linear = nn.Linear(3, 2)
    bias = linear.bias.detach().clone()
    load_weights(linear, {"weight": np.zeros((2, 3), np.float32)}, may_lack=["bias"])
    assert linear.weight.abs().sum() == 0
    assert torch.equal(linear.bias, bias)
    with pytest.raises(ModelError, match="bias is missing"):
        load_weights(linear, {"weight": np.zeros((2, 3), np.float32)})


def test_what_is_kept_beside_weights_is_no_weight() -> None:
    linear = nn.Linear(3, 2)
    further = TensorArrays(linear.state_dict(), {"neighbours/vectors": np.ones((4, 3), np.float32)})
    assert sorted(further) == ["bias", "neighbours/vectors", "weight"]
    load_weights(nn.Linear(3, 2), further)
    assert further.kind("weight") == (np.dtype("float32"), (2, 3))
