from __future__ import annotations

from typing import Any

import pytest
import torch

from tune_polar.errors import ModelError
from tune_polar.model.losses import AsymmetricLoss, BinaryCrossEntropy, CrossEntropy, SoftTriple


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gamma_negative": []}, "one gamma a label, got 0 negative and 0 positive"),
        ({"gamma_negative": [1, 2], "gamma_positive": [1.0]}, "got 2 negative and 1 positive"),
        ({"gamma_negative": [1, -2]}, r"gammas must be at least 0, got gamma_negative=\[1.0, -2.0\]"),
        ({"gamma_negative": [1], "gamma_positive": -1}, "gammas must be at least 0"),
        ({"gamma_negative": [1], "clip": 1.0}, "clip must be at least 0 and below 1, got 1.0"),
        ({"gamma_negative": [1], "clip": -0.1}, "clip must be at least 0 and below 1, got -0.1"),
        ({"gamma_negative": [1], "reduction": "none"}, 'must be "sum" or "mean", got \'none\''),
    ],
)
def test_asymmetric_settings_out_of_range_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        AsymmetricLoss(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": 1}, "classes must be at least 2 and centers a class 1, got 1 and 10"),
        ({"centers_per_class": 0}, "got 2 and 0"),
        ({"la": 0.0}, "la and gamma must be positive"),
        ({"gamma": -0.1}, "la and gamma must be positive"),
        ({"margin": -0.1}, "margin at least 0, got la=20.0, gamma=0.1, margin=-0.1"),
    ],
)
def test_soft_triple_settings_out_of_range_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        SoftTriple(**({"classes": 2, "embedding_size": 4} | arguments))


def test_shapes_that_would_broadcast_are_refused() -> None:
    with pytest.raises(ModelError, match=r"one shape, got \(3, 2\) and \(2,\)"):
        AsymmetricLoss([1, 1])(torch.zeros(3, 2), torch.zeros(2))
    with pytest.raises(ModelError, match=r"one shape, got \(3, 2\) and \(3, 1\)"):
        BinaryCrossEntropy()(torch.zeros(3, 2), torch.zeros(3, 1))
    with pytest.raises(ModelError, match="one gamma_negative a label, got 3 for 2 labels"):
        AsymmetricLoss([1, 1, 1])(torch.zeros(3, 2), torch.zeros(3, 2))


@pytest.mark.parametrize("loss", [CrossEntropy, BinaryCrossEntropy])
def test_unknown_reductions_are_refused(loss: Any) -> None:
    with pytest.raises(ModelError, match='must be "sum" or "mean", got \'max\''):
        loss(reduction="max")


def test_asymmetric_loss_has_no_state_to_save() -> None:
    assert AsymmetricLoss([4, 3]).state_dict() == {}


def test_soft_triple_centers_stay_32_bit_leaves_after_bfloat16_batches() -> None:
    loss = SoftTriple(2, 4)
    centers = loss.centers
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(torch.randn(6, 4).bfloat16(), torch.tensor([0, 1, 0, 1, 1, 0]))
    value.backward()
    assert value.dtype == torch.float32
    assert loss.centers is centers
    assert centers.dtype == torch.float32
    assert centers.shape == (4, 20)
    assert centers.grad is not None
    assert [name for name, _ in loss.named_parameters()] == ["_loss.fc"]
