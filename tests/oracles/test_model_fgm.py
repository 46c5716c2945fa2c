"""The adversarial step against its formula, and gradients that add up as two plain passes do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tune_polar.errors import ModelError
from tune_polar.model.fgm import FastGradientMethod

IDS = torch.tensor([[1, 2, 2], [4, 1, 3]])


@pytest.fixture
def embedding() -> nn.Embedding:
    weight = torch.randn(6, 3, generator=torch.Generator().manual_seed(1))
    return nn.Embedding.from_pretrained(weight, freeze=False, padding_idx=0)


def loss_of(weight: Tensor) -> Tensor:
    return (weight[IDS].sum(dim=1) ** 3).sum()


def test_step_follows_the_formula_and_comes_back_bit_for_bit(embedding: nn.Embedding) -> None:
    loss_of(embedding.weight).backward()
    clean = embedding.weight.detach().clone()
    assert embedding.weight.grad is not None
    gradient = embedding.weight.grad.clone()
    length = sum(float(x) ** 2 for x in gradient.flatten()) ** 0.5
    fgm = FastGradientMethod(embedding, epsilon=0.2)
    fgm.attack()
    moved = embedding.weight.detach() - clean
    torch.testing.assert_close(moved, 0.2 * gradient / length)
    assert float(moved.norm()) == pytest.approx(0.2, rel=1e-5)
    fgm.restore()
    assert torch.equal(embedding.weight, clean)
    assert torch.equal(embedding.weight.grad, gradient)


def test_gradients_of_both_passes_add_up(embedding: nn.Embedding) -> None:
    clean = embedding.weight.detach().clone().requires_grad_()
    (first,) = torch.autograd.grad(loss_of(clean), clean)
    moved = (clean + 0.2 * first / first.norm()).detach().requires_grad_()
    (second,) = torch.autograd.grad(loss_of(moved), moved)

    loss_of(embedding.weight).backward()
    with FastGradientMethod(embedding, 0.2):
        loss_of(embedding.weight).backward()
    assert embedding.weight.grad is not None
    torch.testing.assert_close(embedding.weight.grad, first + second)
    assert not torch.allclose(first, second)
    assert torch.equal(embedding.weight, clean)


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf"), None])
def test_unsound_gradients_move_nothing(embedding: nn.Embedding, value: float | None) -> None:
    clean = embedding.weight.detach().clone()
    if value is not None:
        embedding.weight.grad = torch.zeros_like(embedding.weight)
        embedding.weight.grad[2, 1] = value
    with FastGradientMethod(embedding, 0.2):
        assert torch.equal(embedding.weight, clean)
    assert torch.equal(embedding.weight, clean)


def test_embeddings_come_back_after_an_error(embedding: nn.Embedding) -> None:
    loss_of(embedding.weight).backward()
    clean = embedding.weight.detach().clone()

    def fail() -> None:
        with FastGradientMethod(embedding, 0.2):
            raise MemoryError("second pass")

    with pytest.raises(MemoryError, match="second pass"):
        fail()
    assert torch.equal(embedding.weight, clean)


def test_misuse_is_refused(embedding: nn.Embedding) -> None:
    with pytest.raises(ModelError, match=r"epsilon must be positive, got 0\.0"):
        FastGradientMethod(embedding, 0.0)
    fgm = FastGradientMethod(embedding, 0.1)
    with pytest.raises(ModelError, match="needs an attack before it"):
        fgm.restore()
    fgm.attack()
    with pytest.raises(ModelError, match="must be undone before the next one"):
        fgm.attack()
