"""EPM and the contrast of languages against plain loops in 64 bits, and where the readings of equation 9 pull."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from tests.oracles.test_loss_values import Matrix, numerical_gradient, random
from tune_polar.errors import ModelError, SpecError
from tune_polar.model.losses import LossBatch, LossContext, build_loss
from tune_polar.recipe.recipe_file import load_recipe

VALUES = LossContext("regression", ("score",), "values", width=1, classes=0)
FORMS = ("as_printed", "negated_kl", "flipped_sign")


def grouped(vectors: Tensor, groups: Sequence[int]) -> LossBatch:
    return LossBatch(torch.zeros(len(vectors), 1), vectors, torch.zeros(len(vectors)), groups=torch.tensor(groups))


# -- EPM -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_epm_and_its_gradient_are_the_formulas(dtype):
    outputs = random(9, 1, dtype).requires_grad_()
    targets = torch.linspace(1, 5, 9)
    loss = build_loss("epm", VALUES)(LossBatch(outputs, torch.zeros(9, 2), targets))
    loss.backward()
    errors = [value - gold for (value,), gold in zip(outputs.double().tolist(), targets.tolist(), strict=True)]
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(sum(d * d * math.exp(abs(d)) for d in errors) / 9, rel=1e-5)
    expected = [math.exp(abs(d)) * (2 * d + math.copysign(d * d, d)) / 9 for d in errors]
    assert outputs.grad is not None
    near = 1e-5 if dtype == torch.float32 else 1e-2
    torch.testing.assert_close(outputs.grad[:, 0].double(), torch.tensor(expected).double(), rtol=near, atol=1e-6)


def test_epm_pulls_164_times_as_hard_as_squared_error_at_an_error_of_4():
    pulls = []
    for name in ("epm", "mse"):
        outputs = torch.tensor([[5.0]], requires_grad=True)
        build_loss(name, VALUES)(LossBatch(outputs, torch.zeros(1, 2), torch.ones(1))).backward()
        assert outputs.grad is not None
        pulls.append(outputs.grad.item())
    assert pulls[0] / pulls[1] == pytest.approx(math.exp(4) * 3, rel=1e-6)  # 163.8


def test_epm_of_a_right_value_is_0_and_teaches_nothing():
    outputs = torch.tensor([[2.0], [3.0]], requires_grad=True)
    loss = build_loss("epm", VALUES)(LossBatch(outputs, torch.zeros(2, 2), torch.tensor([2.0, 3.0])))
    loss.backward()
    assert outputs.grad is not None
    assert (loss.item(), outputs.grad.abs().max().item()) == (0.0, 0.0)


def test_a_recipe_whose_numbers_are_too_far_for_epm_is_refused():
    recipe = {
        "recipe": "far",
        "data": {"numbers": {"price": [0, 1000]}},
        "stages": {"model": {"task": {"type": "regression", "target": "price"}, "losses": "epm"}},
    }
    with pytest.raises(SpecError, match=r"within 20 of 0, and data.numbers.price is \[0.0, 1000.0\]: use mse or huber"):
        load_recipe(recipe)


# -- contrast of languages -----------------------------------------------------------------------------------------


def contrast_by_loop(groups: Sequence[int], form: str, temperature: float):
    def value(vectors: Matrix) -> float:
        distributions = []
        for vector in vectors:
            weights = [math.exp(each - max(vector)) for each in vector]
            distributions.append([weight / sum(weights) for weight in weights])
        same, apart = 0.0, 0.0
        for i, p in enumerate(distributions):
            for j, q in enumerate(distributions):
                if groups[i] < 0 or groups[j] < 0:
                    continue
                kl = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
                term = math.exp((-kl if form == "negated_kl" else kl) / temperature)
                if groups[i] == groups[j]:
                    same += term
                else:
                    apart += term
        ratio = math.log(same / apart) if apart else 0.0
        return ratio / 2 if form == "flipped_sign" else -ratio / 2

    return value


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("temperature", [0.2, 1.0])
@pytest.mark.parametrize("groups", [(0, 0, 1, 1, 2), (0, 1, 2, 3, 4), (0, 0, -1, 1, -1), (0, 1, 1, 1, 1)])
def test_contrast_is_the_loop(form, temperature, groups):
    vectors = random(5, 4, torch.float32).div(2).requires_grad_()
    loss = build_loss("language_contrast", VALUES, temperature=temperature, form=form)
    value = loss(grouped(vectors, groups))
    value.backward()
    by_loop, point = contrast_by_loop(groups, form, temperature), vectors.detach().double().tolist()
    assert value.item() == pytest.approx(by_loop(point), rel=1e-4, abs=1e-5)
    assert vectors.grad is not None
    torch.testing.assert_close(vectors.grad.double(), numerical_gradient(by_loop, point), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("groups", [(0, 0, 0), (-1, -1, -1), (-1, 0, -1), (2, 2, -1)])
def test_a_batch_of_one_language_costs_and_teaches_nothing(form, groups):
    vectors = random(3, 4, torch.float32).requires_grad_()
    value = build_loss("language_contrast", VALUES, form=form)(grouped(vectors, groups))
    value.backward()
    assert vectors.grad is not None
    assert (value.item(), vectors.grad.abs().max().item()) == (0.0, 0.0)


@pytest.mark.parametrize("form", FORMS)
def test_equal_rows_give_the_number_of_pairs_and_no_gradient(form):
    vectors = torch.ones(4, 3, requires_grad=True)
    value = build_loss("language_contrast", VALUES, form=form)(grouped(vectors, (0, 0, 1, 2)))
    value.backward()
    of_pairs = math.log(6 / 10) / 2  # 6 pairs of one language, 10 of two
    assert value.item() == pytest.approx(of_pairs if form == "flipped_sign" else -of_pairs, rel=1e-6)
    assert vectors.grad is not None
    assert vectors.grad.abs().max().item() < 1e-6


@pytest.mark.parametrize("form", FORMS)
def test_contrast_stays_finite_where_vectors_are_far_apart(form):
    vectors = random(6, 8, torch.float32).mul(100).requires_grad_()
    value = build_loss("language_contrast", VALUES, form=form, temperature=0.05)(grouped(vectors, (0, 0, 1, 1, 2, 2)))
    value.backward()
    assert vectors.grad is not None
    assert torch.isfinite(value)
    assert torch.isfinite(vectors.grad).all()


def divergence(vectors: Tensor, groups: Tensor) -> float:
    """Mean over pairs of two languages."""
    log_p = vectors.log_softmax(dim=-1)
    kl = (log_p.exp() * log_p).sum(-1, keepdim=True) - log_p.exp() @ log_p.T
    return kl[groups[:, None] != groups[None, :]].mean().item()


@pytest.mark.parametrize(("form", "apart"), [("as_printed", False), ("negated_kl", True), ("flipped_sign", True)])
def test_one_step_drives_languages_apart_in_the_sound_forms_and_together_as_printed(form, apart):
    groups = torch.arange(24) % 3
    vectors = random(24, 64, torch.float32).div(2).requires_grad_()
    before = divergence(vectors.detach(), groups)
    build_loss("language_contrast", VALUES, form=form)(grouped(vectors, groups.tolist())).backward()
    assert vectors.grad is not None
    after = divergence((vectors - 0.1 * vectors.grad).detach(), groups)
    assert (after > before) == apart


def test_contrast_is_in_32_bits_whatever_the_forward_pass_is_in():
    vectors = random(6, 16, torch.float32)
    loss = build_loss("language_contrast", VALUES)
    plain = loss(grouped(vectors, (0, 0, 1, 1, 2, 2)))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = loss(grouped(vectors, (0, 0, 1, 1, 2, 2)))
    assert torch.equal(plain, cast)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"temperature": 0.0}, "temperature must be positive, got 0.0"), ({"form": "kl"}, "form must be one of .*'kl'")],
)
def test_contrast_refuses_bad_settings(settings, message):
    with pytest.raises(ModelError, match=message):
        build_loss("language_contrast", VALUES, **settings)


def test_contrast_without_groups_is_refused():
    with pytest.raises(ModelError, match="must be given groups"):
        build_loss("language_contrast", VALUES)(LossBatch(torch.zeros(2, 1), torch.zeros(2, 3), torch.zeros(2)))
