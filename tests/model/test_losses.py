"""Losses by name: what they refuse, what they keep, and which of their weights have a rate of their own."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tune_polar.errors import ModelError
from tune_polar.model.losses import LOSSES, Loss, LossBatch, LossContext, LossSum, build_loss

LABELS = LossContext("multilabel", ("a", "b"), "logits", width=2, classes=2)
EMBEDDINGS = LossContext("binary", ("hate",), "embeddings", width=4, classes=2)
VALUE = LossContext("regression", ("score",), "values", width=1, classes=0)
CONTEXTS = {"asymmetric": LABELS, "soft_triple": EMBEDDINGS, "huber": VALUE, "mse": VALUE}


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("asymmetric", {"gamma_negative": {}}, r"one exponent for each of the labels \['a', 'b'\], got \[\]"),
        ("asymmetric", {"gamma_negative": {"a": 1}}, r"gamma_negative must have one exponent .* got \['a'\]"),
        ("asymmetric", {"gamma_positive": {"a": 1, "b": 1, "c": 1}}, "gamma_positive must have one exponent"),
        ("asymmetric", {"gamma_negative": {"a": 1, "b": -2}}, r"must be at least 0, got {'a': 1, 'b': -2}"),
        ("asymmetric", {"gamma_positive": -1.0}, "gamma_positive must be at least 0"),
        ("asymmetric", {"clip": 1.0}, "clip must be at least 0 and below 1, got 1.0"),
        ("asymmetric", {"clip": -0.1}, "clip must be at least 0 and below 1, got -0.1"),
        ("asymmetric", {"reduction": "none"}, 'must be "sum" or "mean", got \'none\''),
        ("soft_triple", {"centers": 0}, "centers a class must be at least 1, got 0"),
        ("soft_triple", {"la": 0.0}, "la and gamma must be positive"),
        ("soft_triple", {"gamma": -0.1}, "la and gamma must be positive"),
        ("soft_triple", {"margin": -0.1}, r"margin and centers_lr at least 0, got .* margin=-0.1"),
        ("soft_triple", {"centers_lr": -0.1}, "centers_lr=-0.1"),
        ("huber", {"delta": 0.0}, "delta must be positive, got 0.0"),
    ],
)
def test_settings_out_of_range_are_refused(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        build_loss(name, CONTEXTS[name], **settings)


@pytest.mark.parametrize(
    ("name", "context", "message"),
    [
        ("hinge", LABELS, r"the loss must be one of .*asymmetric.*, got 'hinge'"),
        ("asymmetric", VALUE, "loss asymmetric must train a task of kind binary or multilabel, got regression"),
        ("mse", LABELS, "loss mse must train a task of kind regression, got multilabel"),
        (
            "soft_triple",
            LossContext("binary", ("hate",), "logits", 1, 2),
            "loss soft_triple must stand on embeddings, the head gives logits",
        ),
        (
            "asymmetric",
            LossContext("multilabel", ("a", "b"), "embeddings", 4, 2),
            "loss asymmetric must stand on logits, the head gives embeddings",
        ),
        ("mse", LossContext("regression", ("score",), "values", 3, 0), "one value a row, the head gives 3"),
    ],
)
def test_losses_that_do_not_fit_are_refused(name: str, context: LossContext, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        build_loss(name, context)


def test_shapes_that_would_broadcast_are_refused() -> None:
    for name in ("asymmetric", "cross_entropy"):
        loss = build_loss(name, LABELS)
        with pytest.raises(ModelError, match=r"one shape, got \(3, 2\) and \(3, 1\)"):
            loss(LossBatch(torch.zeros(3, 2), torch.zeros(3, 4), torch.zeros(3, 1)))


def test_a_loss_is_registered_once() -> None:
    with pytest.raises(ValueError, match="loss 'mse' must be registered once"):
        LOSSES.register("mse")(LOSSES["mse"])
    assert "mse" in LOSSES


def test_asymmetric_has_no_state_to_save() -> None:
    assert build_loss("asymmetric", LABELS).state_dict() == {}


def test_centers_stay_32_bit_leaves_after_bfloat16_batches() -> None:
    loss = build_loss("soft_triple", EMBEDDINGS)
    (centers,) = loss.own_rates()[0][0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(LossBatch(torch.randn(6, 4).bfloat16(), torch.zeros(6, 4), torch.tensor([0, 1, 0, 1, 1, 0])))
    value.backward()
    assert value.dtype == torch.float32
    assert loss.own_rates()[0][0][0] is centers
    assert centers.dtype == torch.float32
    assert centers.shape == (4, 20)
    assert centers.grad is not None
    assert [name for name, _ in loss.named_parameters()] == ["_loss.fc"]


def test_what_a_sum_keeps_and_trains_is_that_of_its_losses() -> None:
    soft, plain = (build_loss(name, EMBEDDINGS) for name in ("soft_triple", "cross_entropy"))
    total = LossSum({"soft_triple": (0.5, soft), "cross_entropy": (0.5, plain)})
    assert list(total.parts) == ["cross_entropy", "soft_triple"]
    assert total.own_rates() == soft.own_rates()
    assert [rate for _, rate in total.own_rates()] == [1e-2]
    assert total.kept()["centers"].shape == (20, 4)
    assert {name.partition(".")[0] for name in total.state_dict()} == {"cross_entropy", "soft_triple"}
    assert not total.couples_rows


class Coupled(Loss):
    """A loss of all rows together that keeps something."""

    couples_rows = True

    def forward(self, batch: LossBatch) -> torch.Tensor:
        return batch.outputs.std()

    def kept(self) -> dict[str, torch.Tensor]:
        return {"centers": torch.ones(2)}


def test_a_sum_couples_rows_where_one_of_its_losses_does() -> None:
    total = LossSum({"coupled": (1.0, Coupled()), "soft_triple": (1.0, build_loss("soft_triple", EMBEDDINGS))})
    assert total.couples_rows
    assert list(total.kept()) == ["coupled/centers", "soft_triple/centers"], "both call it the same"


@pytest.mark.parametrize("weights", [{}, {"a": 0.0}, {"a": 1.0, "b": -0.5}])
def test_weights_that_train_nothing_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ModelError, match="losses must have weights of at least 0, one of them above"):
        LossSum({name: (weight, Coupled()) for name, weight in weights.items()})
