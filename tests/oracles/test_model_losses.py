"""Losses against plain Python loops in 64 bits: values and numerical gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tune_polar.model.losses import AsymmetricLoss, BinaryCrossEntropy, CrossEntropy, SoftTriple

Matrix = list[list[float]]


def log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x)) if x > 0 else x - math.log1p(math.exp(x))


def asymmetric_by_loop(
    logits: Matrix, targets: Matrix, negative: Sequence[float], positive: Sequence[float], clip: float
) -> float:
    total = 0.0
    for row, gold in zip(logits, targets, strict=True):
        for label, logit in enumerate(row):
            p = math.exp(log_sigmoid(logit))
            if gold[label] == 1:
                total -= (1 - p) ** positive[label] * log_sigmoid(logit)
            else:
                p_m = max(p - clip, 0.0)
                log_rest = log_sigmoid(-logit) if clip == 0 else math.log(1 - p_m)
                total -= p_m ** negative[label] * log_rest
    return total


def soft_triple_by_loop(
    embeddings: Matrix, classes: list[int], centers: Matrix, settings: dict[str, float], per_class: int
) -> float:
    """``centers[i]`` is a column of the loss's matrix; per_class of them in a row belong to one class."""

    def cosine(a: list[float], b: list[float]) -> float:
        dot = sum(x * y for x, y in zip(a, b, strict=True))
        return dot / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(y * y for y in b))

    total = 0.0
    for x, gold in zip(embeddings, classes, strict=True):
        similarities = []
        for start in range(0, len(centers), per_class):
            cosines = [cosine(x, center) for center in centers[start : start + per_class]]
            weights = [math.exp(c / settings["gamma"]) for c in cosines]
            similarities.append(sum(w * c for w, c in zip(weights, cosines, strict=True)) / sum(weights))
        similarities[gold] -= settings["margin"]
        scaled = [settings["la"] * s for s in similarities]
        total += math.log(sum(math.exp(s) for s in scaled)) - scaled[gold]
    return total / len(embeddings)


def numerical_gradient(function: Callable[[Matrix], float], point: Matrix, step: float = 1e-6) -> Tensor:
    gradient = torch.zeros(len(point), len(point[0]), dtype=torch.float64)
    for i, row in enumerate(point):
        for j, value in enumerate(row):
            row[j] = value + step
            above = function(point)
            row[j] = value - step
            below = function(point)
            row[j] = value
            gradient[i, j] = (above - below) / (2 * step)
    return gradient


TARGETS = {
    "mixed": torch.tensor([[1, 0, 0], [0, 1, 1], [0, 0, 0], [1, 1, 0]]),
    "all positive": torch.ones(4, 3),
    "none positive": torch.zeros(4, 3),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("clip", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("gammas", [([4, 3.5, 2], [1, 1, 1]), ([0, 0.5, 1], [0, 0.5, 2])])
@pytest.mark.parametrize("targets", TARGETS.values(), ids=list(TARGETS))
def test_asymmetric_loss(
    targets: Tensor, gammas: tuple[list[float], list[float]], clip: float, dtype: torch.dtype
) -> None:
    negative, positive = gammas
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(2)).mul(2).to(dtype).requires_grad_()
    value = AsymmetricLoss(negative, positive, clip)(logits, targets)
    value.backward()
    point, gold = logits.detach().double().tolist(), targets.double().tolist()

    def by_loop(at: Matrix) -> float:
        return asymmetric_by_loop(at, gold, negative, positive, clip)

    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(by_loop(point), rel=1e-5, abs=1e-6)
    assert logits.grad is not None
    tolerance = 1e-5 if dtype == torch.float32 else 1e-2  # a gradient has its input's digits
    expected = numerical_gradient(by_loop, point)
    torch.testing.assert_close(logits.grad.double(), expected, rtol=tolerance, atol=tolerance)


def test_asymmetric_mean_is_the_sum_over_entries() -> None:
    logits, targets = torch.randn(4, 3), TARGETS["mixed"]
    total = AsymmetricLoss([4, 3, 2])(logits, targets)
    mean = AsymmetricLoss([4, 3, 2], reduction="mean")(logits, targets)
    torch.testing.assert_close(mean * 12, total)


@pytest.mark.parametrize("target", [0.0, 1.0])
@pytest.mark.parametrize("logit", [-500.0, -50.0, -17.0, 17.0, 50.0, 500.0])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 4.0])
@pytest.mark.parametrize("clip", [0.0, 0.05])
def test_asymmetric_loss_stays_finite_at_extreme_logits(target: float, logit: float, gamma: float, clip: float) -> None:
    logits = torch.tensor([[logit]], requires_grad=True)
    value = AsymmetricLoss([gamma], gamma, clip)(logits, torch.tensor([[target]]))
    value.backward()
    assert logits.grad is not None
    assert math.isfinite(value.item())
    assert math.isfinite(logits.grad.item())
    if abs(logit) <= 50:
        expected = asymmetric_by_loop([[logit]], [[target]], [gamma], [gamma], clip)
        assert value.item() == pytest.approx(expected, rel=1e-5, abs=1e-12)


def test_easy_negatives_at_or_under_the_clip_cost_and_teach_nothing() -> None:
    logits = torch.tensor([[-50.0, -3.0]], requires_grad=True)  # σ(−3) = 0.047 < 0.05
    value = AsymmetricLoss([0.5, 2.0])(logits, torch.zeros(1, 2))
    value.backward()
    assert value.item() == 0.0
    assert logits.grad is not None
    assert logits.grad.tolist() == [[0.0, 0.0]]


@settings(deadline=None)
@given(
    st.lists(st.floats(-50, 50, width=32), min_size=4, max_size=4),
    st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_asymmetric_loss_without_focus_and_clip_is_binary_cross_entropy(values: list[float], gold: list[bool]) -> None:
    logits, targets = torch.tensor(values).reshape(2, 2), torch.tensor(gold).reshape(2, 2)
    plain = AsymmetricLoss([0, 0], 0, clip=0)(logits, targets)
    torch.testing.assert_close(plain, BinaryCrossEntropy("sum")(logits, targets))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [{}, {"la": 5.0, "gamma": 0.5, "margin": 0.2}])
@pytest.mark.parametrize("classes", [[0, 1, 2, 0, 1], [2, 2, 2, 2, 2]], ids=["mixed", "one class"])
def test_soft_triple(classes: list[int], shape: dict[str, float], dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(4)
    loss = SoftTriple(3, 4, centers_per_class=2, **shape)  # type: ignore[arg-type]
    with torch.no_grad():
        loss.centers.copy_(torch.randn(4, 6, generator=generator))
    embeddings = torch.randn(5, 4, generator=generator).to(dtype).requires_grad_()
    value = loss(embeddings, torch.tensor(classes))
    value.backward()
    used = {"la": 20.0, "gamma": 0.1, "margin": 0.01} | shape
    point, columns = embeddings.detach().double().tolist(), loss.centers.detach().double().t().tolist()

    assert value.item() == pytest.approx(soft_triple_by_loop(point, classes, columns, used, 2), rel=1e-5)
    assert embeddings.grad is not None
    assert loss.centers.grad is not None
    expected = numerical_gradient(lambda at: soft_triple_by_loop(at, classes, columns, used, 2), point)
    tolerance = 1e-4 if dtype == torch.float32 else 2e-2
    torch.testing.assert_close(embeddings.grad.double(), expected, rtol=tolerance, atol=tolerance)
    of_centers = numerical_gradient(lambda at: soft_triple_by_loop(point, classes, at, used, 2), columns)
    torch.testing.assert_close(loss.centers.grad.double().t(), of_centers, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_cross_entropies(dtype: torch.dtype) -> None:
    logits = (torch.randn(4, 3, generator=torch.Generator().manual_seed(1)) * 3).to(dtype)
    rows, classes = logits.double().tolist(), [0, 2, 1, 1]
    single = [math.log(sum(math.exp(x) for x in row)) - row[c] for row, c in zip(rows, classes, strict=True)]
    value = CrossEntropy()(logits, torch.tensor(classes))
    assert value.item() == pytest.approx(sum(single) / 4, rel=1e-5)

    gold = TARGETS["mixed"].tolist()
    pairs = [pair for row, targets in zip(rows, gold, strict=True) for pair in zip(row, targets, strict=True)]
    several = [-log_sigmoid(logit if target else -logit) for logit, target in pairs]
    value = BinaryCrossEntropy()(logits, TARGETS["mixed"])
    assert value.item() == pytest.approx(sum(several) / 12, rel=1e-5)
