"""Losses over pairs of rows against plain Python loops in 64 bits: values and numerical gradients."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.oracles.test_loss_values import Matrix, numerical_gradient
from tune_polar.model.losses import Loss, LossBatch, LossContext, build_loss

BINARY = LossContext("binary", ("hate",), "logits", width=1, classes=2)
VECTORS = LossContext("multiclass", ("topic",), "embeddings", width=3, classes=3)
ROWS, SIZE = 6, 3
CLASSES = {
    "mixed": [0, 1, 0, 1, 1, 0],
    "one of another": [0, 0, 0, 1, 0, 0],
    "three": [0, 1, 2, 0, 1, 2],
    "one class": [1, 1, 1, 1, 1, 1],
}
CLUSTERS = [0, 2, 0, 3, 2, 1]


def drawn(seed: int, equal: bool = False) -> Tensor:
    """Rows, and below them their positives, (2 · rows, size)."""
    found = torch.randn(2 * ROWS, SIZE, generator=torch.Generator().manual_seed(seed))
    if equal:  # equal texts, and texts that are their own positives
        found[1], found[2], found[ROWS], found[ROWS + 3] = found[0], found[0], found[0], found[3]
    return found


def batch(points: Tensor, classes: list[int], context: LossContext) -> LossBatch:
    vectors, positives = points[:ROWS], points[ROWS:]
    other = torch.full((ROWS, 1), 7.0)
    outputs, embeddings = (vectors, other) if context is VECTORS else (other, vectors)
    clusters = torch.tensor(CLUSTERS)
    return LossBatch(outputs, embeddings, torch.tensor(classes), positives=positives, clusters=clusters)


def check(loss: Loss, points: Tensor, classes: list[int], by_loop: Callable[[Matrix], float], context: LossContext):
    points = points.clone().requires_grad_()
    value = loss(batch(points, classes, context))
    value.backward()
    assert value.dtype == torch.float32
    at = points.detach().double().tolist()
    assert value.item() == pytest.approx(by_loop(at), rel=1e-4, abs=1e-6)
    assert points.grad is not None
    torch.testing.assert_close(points.grad.double(), numerical_gradient(by_loop, at), rtol=1e-3, atol=1e-4)


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


def distance(a: list[float], b: list[float], kind: str) -> float:
    between = max(0.0, 1 - cosine(a, b))
    return between if kind == "cosine" else math.sqrt(2 * between)


# -- triplets ------------------------------------------------------------------------------------------------------


def triplet_by_loop(
    at: Matrix, classes: list[int], margin: float, kind: str, negative: str, reduction: str, beta: float
) -> float:
    def nearest(i: int, above: float | None) -> float | None:
        found = [distance(at[i], at[j], kind) for j in range(ROWS) if classes[j] != classes[i]]
        if above is not None:
            found = [each for each in found if above < each < above + margin]
        return min(found, default=None)

    to_positive = [distance(at[i], at[ROWS + i], kind) for i in range(ROWS)]
    kept = [nearest(i, None if negative == "hard" else to_positive[i]) for i in range(ROWS)]
    if negative == "semi_hard_or_hardest" and not any(each is not None for each in kept):
        kept = [nearest(i, None) for i in range(ROWS)]
    losses = [max(0.0, to_positive[i] - each + margin) for i, each in enumerate(kept) if each is not None]
    if not losses:
        return 0.0
    if reduction == "sum":
        return sum(losses)
    if reduction == "mean":
        return sum(losses) / len(losses)
    return math.log(sum(math.exp(beta * each) for each in losses) / len(losses)) / beta


@pytest.mark.parametrize("reduction", ["mean", "sum", "softmax"])
@pytest.mark.parametrize("negative", ["hard", "semi_hard", "semi_hard_or_hardest"])
@pytest.mark.parametrize("kind", ["cosine", "euclidean"])
@pytest.mark.parametrize("classes", CLASSES.values(), ids=list(CLASSES))
@pytest.mark.parametrize(("seed", "margin"), [(1, 0.3), (2, 1.2), (3, 0.05)])
def test_triplet(seed: int, margin: float, classes: list[int], kind: str, negative: str, reduction: str) -> None:
    context = VECTORS if max(classes) == 2 else BINARY
    settings = {"margin": margin, "distance": kind, "negative": negative, "reduction": reduction, "beta": 5.0}
    loss = build_loss("triplet", context, **settings)
    about = (classes, margin, kind, negative, reduction, 5.0)
    check(loss, drawn(seed), classes, lambda at: triplet_by_loop(at, *about), context)


@pytest.mark.parametrize("negative", ["hard", "semi_hard", "semi_hard_or_hardest"])
def test_triplet_of_equal_texts(negative: str) -> None:
    """Ties, a positive at distance 0, a negative at distance 0: the value is the loop's, and nothing is NaN."""
    classes, points = [0, 1, 0, 1, 1, 0], drawn(4, equal=True).requires_grad_()
    value = build_loss("triplet", BINARY, negative=negative, margin=0.4)(batch(points, classes, BINARY))
    value.backward()
    expected = triplet_by_loop(points.detach().double().tolist(), classes, 0.4, "cosine", negative, "mean", 1.0)
    assert value.item() == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert points.grad is not None
    assert torch.isfinite(points.grad).all()


def test_no_row_has_a_semi_hard_negative() -> None:
    """The loss is 0 and counted; with the fallback it is that of the nearest negatives."""
    classes, points = [0, 1, 0, 1, 0, 1], drawn(5)
    points[ROWS:] = -points[:ROWS]  # nothing is farther than a row's own positive
    semi, either, hard = (
        build_loss("triplet", BINARY, negative=name) for name in ("semi_hard", "semi_hard_or_hardest", "hard")
    )
    read = batch(points, classes, BINARY)
    assert semi(read).item() == 0.0
    assert semi.kept()["idle_batches"].tolist() == [1, 1]
    assert either(read).item() == hard(read).item() > 0
    assert either.kept()["idle_batches"].tolist() == [0, 1]


@pytest.mark.parametrize("positive", ["text", "class"])
def test_random_negatives_are_of_another_class(positive: str) -> None:
    """Each draw is one of the losses that a loop over all triplets lists, and each of them is drawn in the end."""
    classes, points = [0, 0, 1], drawn(6)[:3]
    texts = drawn(7)[:3]
    loss = build_loss("triplet", BINARY, negative="random", positive=positive, margin=2.0, reduction="sum")
    at, others = points.double().tolist(), texts.double().tolist()
    sums = set()
    for n0 in (2,):
        for n2 in (0, 1):
            total = 0.0
            for row, near, far in ((0, 1, n0), (1, 0, n0), (2, None, n2)):
                if positive == "class" and near is None:
                    continue
                to = others[row] if positive == "text" else at[near]
                total += max(0.0, distance(at[row], to, "cosine") - distance(at[row], at[far], "cosine") + 2.0)
            sums.add(round(total, 4))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        zeros = torch.zeros(3, 1)
        read = LossBatch(zeros, points, torch.tensor(classes), positives=texts)
        found = {round(loss(read).item(), 4) for _ in range(30)}
    assert found == sums


# -- contrastive ---------------------------------------------------------------------------------------------------


def contrastive_by_loop(at: Matrix, is_positive: Callable[[int, int], bool], temperature: float) -> float:
    terms = []
    for i in range(len(at)):
        positives = [j for j in range(len(at)) if j != i and is_positive(i, j)]
        if positives:
            below = sum(math.exp(cosine(at[i], at[k]) / temperature) for k in range(len(at)) if k != i)
            logs = [math.log(math.exp(cosine(at[i], at[j]) / temperature) / below) for j in positives]
            terms.append(-sum(logs) / len(logs))
    return sum(terms) / len(terms) if terms else 0.0


def rule(name: str, classes: list[int]) -> Callable[[int, int], bool]:
    if name == "imp_con":
        return lambda i, j: i % ROWS == j % ROWS
    if name == "sup_con":
        return lambda i, j: classes[i % ROWS] == classes[j % ROWS]
    return lambda i, j: CLUSTERS[i % ROWS] == CLUSTERS[j % ROWS] and (i < ROWS) != (j < ROWS)


@pytest.mark.parametrize("temperature", [0.07, 0.3, 5.0])
@pytest.mark.parametrize("classes", CLASSES.values(), ids=list(CLASSES))
@pytest.mark.parametrize("equal", [False, True])
@pytest.mark.parametrize("name", ["imp_con", "sup_con", "shared_con"])
def test_contrastive(name: str, equal: bool, classes: list[int], temperature: float) -> None:
    context = VECTORS if max(classes) == 2 else BINARY
    loss, is_positive = build_loss(name, context, temperature=temperature), rule(name, classes)
    points = drawn(8, equal)
    check(loss, points, classes, lambda at: contrastive_by_loop(at, is_positive, temperature), context)


def test_supervised_contrast_of_rows_alone() -> None:
    """Without texts positives are other rows of the class; a row that has none is no anchor."""
    classes, points = [0, 1, 0, 1, 1, 2], drawn(9)[:ROWS].requires_grad_()
    value = build_loss("sup_con", BINARY)(LossBatch(torch.zeros(ROWS, 1), points, torch.tensor(classes)))
    expected = contrastive_by_loop(points.double().tolist(), lambda i, j: classes[i] == classes[j], 0.3)
    assert value.item() == pytest.approx(expected, rel=1e-5)


# -- properties ----------------------------------------------------------------------------------------------------

LOSSES = {
    "triplet": {},
    "hard": {"negative": "hard", "reduction": "softmax"},
    "imp_con": {},
    "sup_con": {},
    "shared_con": {},
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_order_of_a_batch_changes_nothing(name: str) -> None:
    loss = build_loss("triplet" if name == "hard" else name, BINARY, **LOSSES[name])
    whole = batch(drawn(10), CLASSES["mixed"], BINARY)
    order = torch.randperm(ROWS, generator=torch.Generator().manual_seed(3))
    assert whole.positives is not None
    assert whole.clusters is not None
    turned = LossBatch(
        whole.outputs,
        whole.embeddings[order],
        whole.targets[order],
        positives=whole.positives[order],
        clusters=whole.clusters[order],
    )
    assert loss(turned).item() == pytest.approx(loss(whole).item(), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_lengths_of_vectors_change_nothing(name: str) -> None:
    loss = build_loss("triplet" if name == "hard" else name, BINARY, **LOSSES[name])
    points = drawn(11)
    longer = points * torch.linspace(0.5, 9, len(points))[:, None]
    one, other = (loss(batch(each, CLASSES["mixed"], BINARY)).item() for each in (points, longer))
    assert one == pytest.approx(other, rel=1e-5)


def one_class(points: Tensor, rows: int, classes: list[int] | None = None, texts: bool = True) -> LossBatch:
    """A batch of ``rows`` rows of one class, or of ``classes``, with or without their texts."""
    targets = torch.tensor(classes or [0] * rows)
    positives = points[ROWS : ROWS + rows] if texts else None
    return LossBatch(torch.zeros(rows, 1), points[:rows], targets, positives=positives)


def counts_nothing(loss: Loss, points: Tensor, read: LossBatch) -> None:
    value = loss(read)
    value.backward()
    assert value.item() == 0.0
    assert points.grad is not None
    assert not points.grad.any()
    assert loss.kept()["idle_batches"].tolist() == [1, 1]
    loss.eval()
    loss(read)
    assert loss.kept()["idle_batches"].tolist() == [1, 1]


@pytest.mark.parametrize("rows", [1, 4])
def test_triplets_of_one_class_count_nothing_and_are_counted(rows: int) -> None:
    points = drawn(12).requires_grad_()
    counts_nothing(build_loss("triplet", BINARY), points, one_class(points, rows))


@pytest.mark.parametrize("classes", [[0], [0, 1]])
def test_supervised_contrast_without_a_positive_counts_nothing_and_is_counted(classes: list[int]) -> None:
    points = drawn(12).requires_grad_()
    counts_nothing(build_loss("sup_con", BINARY), points, one_class(points, len(classes), classes, texts=False))


@pytest.mark.parametrize("texts", [True, False])
def test_supervised_contrast_of_one_class_is_the_papers_and_not_counted(texts: bool) -> None:
    """−mean 1/|P_i| Σ log(e^s_ij / Σ_{k≠i} e^s_ik) has no term of negatives alone: without them it is not 0."""
    loss, points = build_loss("sup_con", BINARY), drawn(12).requires_grad_()
    value = loss(one_class(points, 4, texts=texts))
    value.backward()
    seen = torch.cat([points[:4], points[ROWS : ROWS + 4]]) if texts else points[:4]
    others = ~torch.eye(len(seen), dtype=torch.bool)
    s = torch.cosine_similarity(seen[:, None], seen[None], dim=-1).double() / 0.3
    logs = torch.stack([torch.log_softmax(row[own], 0).mean() for row, own in zip(s, others, strict=True)])
    assert value.item() == pytest.approx(-logs.mean().item(), rel=1e-5)
    assert value.item() > math.log(len(seen) - 1)
    assert points.grad is not None
    assert points.grad.any()
    assert loss.kept()["idle_batches"].tolist() == [0, 1]


@pytest.mark.parametrize("name", ["triplet", "imp_con", "shared_con"])
def test_positives_are_asked_for(name: str) -> None:
    read = LossBatch(torch.zeros(2, 1), torch.randn(2, 3), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="positive texts, got none"):
        build_loss(name, BINARY)(read)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["triplet", "imp_con", "sup_con", "shared_con"])
def test_vectors_of_16_bits(name: str, dtype: torch.dtype) -> None:
    points = drawn(13)
    loss = build_loss(name, BINARY)
    half = batch(points.to(dtype), CLASSES["mixed"], BINARY)
    value = loss(half)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(loss(batch(points.to(dtype).float(), CLASSES["mixed"], BINARY)).item())
