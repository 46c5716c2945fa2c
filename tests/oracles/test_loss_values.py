"""Every loss there is, as a recipe builds it, against plain Python loops in 64 bits: values and numerical gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tune_polar.model.losses import LOSSES, Loss, LossBatch, LossContext, LossSum, build_loss
from tune_polar.model.losses.soft_triple import SoftTriple
from tune_polar.model.seeding import seeded_start

Matrix = list[list[float]]
LABELS = ("a", "b", "c")
LOGITS = LossContext("multilabel", LABELS, "logits", width=3, classes=2)
CLASSES = LossContext("multiclass", ("topic",), "logits", width=3, classes=3)
ONE_LOGIT = LossContext("binary", ("hate",), "logits", width=1, classes=2)
VALUES = LossContext("regression", ("score",), "values", width=1, classes=0)
DTYPES = [torch.float32, torch.bfloat16, torch.float16]


def tolerance(dtype: torch.dtype) -> float:
    """A gradient has its input's digits."""
    return 1e-4 if dtype == torch.float32 else 2e-2


def batch(outputs: Tensor, targets: Tensor) -> LossBatch:
    return LossBatch(outputs, torch.zeros(len(outputs), 2), targets)


def log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x)) if x > 0 else x - math.log1p(math.exp(x))


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


def check(loss: Loss, outputs: Tensor, targets: Tensor, by_loop: Callable[[Matrix], float]) -> None:
    """Value and gradient at ``outputs`` are those of the loop."""
    outputs = outputs.clone().requires_grad_()
    value = loss(batch(outputs, targets))
    value.backward()
    point = outputs.detach().double().tolist()
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(by_loop(point), rel=1e-5, abs=1e-6)
    assert outputs.grad is not None
    expected, near = numerical_gradient(by_loop, point), tolerance(outputs.dtype)
    torch.testing.assert_close(outputs.grad.double(), expected, rtol=near, atol=near)


def random(rows: int, columns: int, dtype: torch.dtype, seed: int = 2) -> Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)).mul(2).to(dtype)


# -- labels --------------------------------------------------------------------------------------------------------

TARGETS = {
    "mixed": torch.tensor([[1, 0, 0], [0, 1, 1], [0, 0, 0], [1, 1, 0]]),
    "all positive": torch.ones(4, 3, dtype=torch.long),
    "none positive": torch.zeros(4, 3, dtype=torch.long),
}


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


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("clip", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("gammas", [([4, 3.5, 2], [1, 1, 1]), ([0, 0.5, 1], [0, 0.5, 2])])
@pytest.mark.parametrize("targets", TARGETS.values(), ids=list(TARGETS))
def test_asymmetric(targets: Tensor, gammas: tuple[list[float], list[float]], clip: float, dtype: torch.dtype) -> None:
    negative, positive = (dict(zip(LABELS, each, strict=True)) for each in gammas)
    loss = build_loss("asymmetric", LOGITS, gamma_negative=negative, gamma_positive=positive, clip=clip)
    gold = targets.double().tolist()
    check(loss, random(4, 3, dtype), targets, lambda at: asymmetric_by_loop(at, gold, *gammas, clip))


def test_exponents_are_the_labels_own_however_they_are_listed() -> None:
    gammas = {"c": 0.0, "a": 4.0, "b": 2.0}
    logits, targets = random(4, 3, torch.float32), TARGETS["mixed"]
    value = build_loss("asymmetric", LOGITS, gamma_negative=gammas)(batch(logits, targets))
    expected = asymmetric_by_loop(logits.tolist(), targets.tolist(), [4, 2, 0], [1, 1, 1], 0.05)
    assert value.item() == pytest.approx(expected, rel=1e-5)
    one_for_all = build_loss("asymmetric", LOGITS, gamma_negative=3.0)(batch(logits, targets))
    expected = asymmetric_by_loop(logits.tolist(), targets.tolist(), [3, 3, 3], [1, 1, 1], 0.05)
    assert one_for_all.item() == pytest.approx(expected, rel=1e-5)


def test_asymmetric_of_one_logit() -> None:
    logits, targets = random(4, 1, torch.float32), torch.tensor([0, 1, 1, 0])
    value = build_loss("asymmetric", ONE_LOGIT)(batch(logits, targets))
    expected = asymmetric_by_loop(logits.tolist(), targets.unsqueeze(1).tolist(), [4], [1], 0.05)
    assert value.item() == pytest.approx(expected, rel=1e-5)


def test_asymmetric_mean_is_the_sum_over_entries() -> None:
    logits, targets = random(4, 3, torch.float32), TARGETS["mixed"]
    sums, means = build_loss("asymmetric", LOGITS), build_loss("asymmetric", LOGITS, reduction="mean")
    assert (sums.reduction, means.reduction) == ("sum", "mean")
    torch.testing.assert_close(means(batch(logits, targets)) * 12, sums(batch(logits, targets)))


@pytest.mark.parametrize("target", [0, 1])
@pytest.mark.parametrize("logit", [-500.0, -50.0, -17.0, 17.0, 50.0, 500.0])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 4.0])
@pytest.mark.parametrize("clip", [0.0, 0.05])
def test_asymmetric_stays_finite_at_extreme_logits(target: int, logit: float, gamma: float, clip: float) -> None:
    logits = torch.tensor([[logit]], requires_grad=True)
    loss = build_loss("asymmetric", ONE_LOGIT, gamma_negative=gamma, gamma_positive=gamma, clip=clip)
    value = loss(batch(logits, torch.tensor([target])))
    value.backward()
    assert logits.grad is not None
    assert math.isfinite(value.item())
    assert math.isfinite(logits.grad.item())
    if abs(logit) <= 50:
        expected = asymmetric_by_loop([[logit]], [[target]], [gamma], [gamma], clip)
        assert value.item() == pytest.approx(expected, rel=1e-5, abs=1e-12)


def test_easy_negatives_at_or_under_the_clip_cost_and_teach_nothing() -> None:
    two = LossContext("multilabel", ("a", "b"), "logits", width=2, classes=2)
    logits = torch.tensor([[-50.0, -3.0]], requires_grad=True)  # σ(−3) = 0.047 < 0.05
    value = build_loss("asymmetric", two, gamma_negative={"a": 0.5, "b": 2.0})(batch(logits, torch.zeros(1, 2)))
    value.backward()
    assert value.item() == 0.0
    assert logits.grad is not None
    assert logits.grad.tolist() == [[0.0, 0.0]]


@settings(deadline=None)
@given(
    st.lists(st.floats(-50, 50, width=32), min_size=6, max_size=6),
    st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_asymmetric_without_focus_and_clip_is_cross_entropy(values: list[float], gold: list[bool]) -> None:
    rows = batch(torch.tensor(values).reshape(2, 3), torch.tensor(gold).long().reshape(2, 3))
    plain = build_loss("asymmetric", LOGITS, gamma_negative=0.0, gamma_positive=0.0, clip=0.0, reduction="mean")
    torch.testing.assert_close(plain(rows), build_loss("cross_entropy", LOGITS)(rows))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("targets", TARGETS.values(), ids=list(TARGETS))
def test_cross_entropy_of_labels(targets: Tensor, dtype: torch.dtype) -> None:
    gold = targets.tolist()

    def by_loop(at: Matrix) -> float:
        pairs = [p for row, truth in zip(at, gold, strict=True) for p in zip(row, truth, strict=True)]
        return sum(-log_sigmoid(logit if is_gold else -logit) for logit, is_gold in pairs) / len(pairs)

    check(build_loss("cross_entropy", LOGITS), random(4, 3, dtype), targets, by_loop)


# -- classes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("targets", [[0, 2, 1, 1], [2, 2, 2, 2]], ids=["mixed", "one class"])
def test_cross_entropy_of_classes(targets: list[int], dtype: torch.dtype) -> None:
    def by_loop(at: Matrix) -> float:
        rows = zip(at, targets, strict=True)
        return sum(math.log(sum(math.exp(x) for x in row)) - row[gold] for row, gold in rows) / len(targets)

    check(build_loss("cross_entropy", CLASSES), random(4, 3, dtype), torch.tensor(targets), by_loop)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("targets", [[0, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
def test_cross_entropy_of_one_logit(targets: list[int], dtype: torch.dtype) -> None:
    def by_loop(at: Matrix) -> float:
        rows = zip(at, targets, strict=True)
        return sum(-log_sigmoid(row[0] if gold else -row[0]) for row, gold in rows) / len(targets)

    check(build_loss("cross_entropy", ONE_LOGIT), random(4, 1, dtype), torch.tensor(targets), by_loop)


@pytest.mark.parametrize(
    ("context", "targets"),
    [
        (LossContext("binary", ("hate",), "embeddings", width=5, classes=2), torch.tensor([0, 1, 1, 0])),
        (LossContext("multiclass", ("topic",), "embeddings", width=5, classes=3), torch.tensor([0, 2, 1, 1])),
        (LossContext("multilabel", LABELS, "embeddings", width=5, classes=2), TARGETS["mixed"]),
    ],
)
def test_cross_entropy_on_embeddings_has_a_layer_of_its_own(context: LossContext, targets: Tensor) -> None:
    with seeded_start(3):
        loss = build_loss("cross_entropy", context)
    with seeded_start(3):
        layer = nn.Linear(5, 3 if context.task_kind == "multilabel" else context.classes)
    embeddings = random(4, 5, torch.float32)
    after = LossContext(context.task_kind, context.columns, "logits", layer.out_features, context.classes)
    expected = build_loss("cross_entropy", after)(batch(layer(embeddings), targets))
    value = loss(batch(embeddings, targets))
    assert torch.equal(value, expected)
    value.backward()
    expected.backward()
    for ours, theirs in zip(loss.parameters(), layer.parameters(), strict=True):
        assert ours.grad is not None
        assert theirs.grad is not None
        assert torch.equal(ours.grad, theirs.grad)


def soft_triple_by_loop(
    embeddings: Matrix, classes: list[int], centers: Matrix, used: dict[str, float], per_class: int
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
            weights = [math.exp(c / used["gamma"]) for c in cosines]
            similarities.append(sum(w * c for w, c in zip(weights, cosines, strict=True)) / sum(weights))
        similarities[gold] -= used["margin"]
        scaled = [used["la"] * s for s in similarities]
        total += math.log(sum(math.exp(s) for s in scaled)) - scaled[gold]
    return total / len(embeddings)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [{}, {"la": 5.0, "gamma": 0.5, "margin": 0.2}])
@pytest.mark.parametrize("classes", [[0, 1, 2, 0, 1], [2, 2, 2, 2, 2]], ids=["mixed", "one class"])
def test_soft_triple(classes: list[int], shape: dict[str, float], dtype: torch.dtype) -> None:
    context = LossContext("multiclass", ("topic",), "embeddings", width=4, classes=3)
    loss = build_loss("soft_triple", context, centers=2, **shape)
    assert isinstance(loss, SoftTriple)
    with torch.no_grad():
        loss.centers.copy_(random(4, 6, torch.float32, 4))
    used = {"la": 20.0, "gamma": 0.1, "margin": 0.01} | shape
    columns = loss.centers.detach().double().t().tolist()
    embeddings = random(5, 4, dtype, 5)
    check(loss, embeddings, torch.tensor(classes), lambda at: soft_triple_by_loop(at, classes, columns, used, 2))
    point = embeddings.double().tolist()
    of_centers = numerical_gradient(lambda at: soft_triple_by_loop(point, classes, at, used, 2), columns)
    assert loss.centers.grad is not None
    torch.testing.assert_close(loss.centers.grad.double().t(), of_centers, rtol=1e-4, atol=1e-4)


# -- values --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("delta", [None, 0.5, 1.0, 3.0])
def test_losses_of_a_value(delta: float | None, dtype: torch.dtype) -> None:
    targets = torch.tensor([1.0, 4.5, 2.25, 3.0, -1.0])
    outputs = targets.unsqueeze(1).to(dtype) + random(5, 1, dtype, 6)

    def by_loop(at: Matrix) -> float:
        total = 0.0
        for (value,), gold in zip(at, targets.tolist(), strict=True):
            error = abs(value - gold)
            if delta is None:
                total += error**2
            else:
                total += error**2 / 2 if error <= delta else delta * (error - delta / 2)
        return total / len(at)

    loss = build_loss("mse", VALUES) if delta is None else build_loss("huber", VALUES, delta=delta)
    check(loss, outputs, targets, by_loop)


# -- sums and parts ------------------------------------------------------------------------------------------------


def test_one_loss_of_weight_one_is_that_loss_to_the_last_bit() -> None:
    rows = batch(random(4, 3, torch.float32).requires_grad_(), TARGETS["mixed"])
    loss = build_loss("asymmetric", LOGITS)
    (expected,) = torch.autograd.grad(loss(rows), rows.outputs)
    (found,) = torch.autograd.grad(LossSum({"asymmetric": (1.0, loss)})(rows), rows.outputs)
    assert torch.equal(loss(rows), LossSum({"asymmetric": (1.0, loss)})(rows))
    assert torch.equal(found, expected)


@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.25, 0.75), (2.0, 0.0)])
def test_a_sum_of_losses_is_weighted(weights: tuple[float, float]) -> None:
    rows = batch(random(4, 3, torch.float32).requires_grad_(), TARGETS["mixed"])
    losses = [build_loss("asymmetric", LOGITS), build_loss("cross_entropy", LOGITS)]
    total = LossSum(dict(zip(("asymmetric", "cross_entropy"), zip(weights, losses, strict=True), strict=True)))
    value = total(rows)
    (gradient,) = torch.autograd.grad(value, rows.outputs)
    parts = [torch.autograd.grad(loss(rows), rows.outputs)[0] for loss in losses]
    expected = sum(weight * loss(rows).item() for weight, loss in zip(weights, losses, strict=True))
    assert value.item() == pytest.approx(expected)
    torch.testing.assert_close(gradient, weights[0] * parts[0] + weights[1] * parts[1])


@pytest.mark.parametrize("sizes", [(4,), (2, 2), (3, 1), (1, 1, 1, 1)])
def test_parts_of_a_batch_add_up_whether_losses_sum_or_average(sizes: tuple[int, ...]) -> None:
    logits, targets = random(4, 3, torch.float32), TARGETS["mixed"]
    total = LossSum(
        {
            "asymmetric": (0.5, build_loss("asymmetric", LOGITS)),
            "cross_entropy": (2.0, build_loss("cross_entropy", LOGITS)),
        }
    )
    found, start = 0.0, 0
    for size in sizes:
        part = batch(logits[start : start + size], targets[start : start + size])
        found += total(part, size / 4).item()
        start += size
    assert found == pytest.approx(total(batch(logits, targets)).item(), rel=1e-6)


def test_every_loss_has_an_oracle_here() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*loss*.py"))
    ours = [name for name in LOSSES if LOSSES[name].__module__.startswith("tune_polar.")]
    assert len(ours) >= 5
    assert [name for name in ours if f'"{name}"' not in source] == []
