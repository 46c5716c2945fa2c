"""Bits of the forward pass: what `auto` comes to on a card, and fp16 with its scaled loss, on the CPU's own kernels."""

from __future__ import annotations

import itertools

import pytest
import torch
from test_training import CPU, Kept, Run, settings

from tune_polar.trial.gpus import Gpu, auto_bits
from tune_polar.trial.precision import Precision, bits_on
from tune_polar.trial.training_loop import train

ALWAYS = 1e-9  # seconds between checkpoints: one after each step


@pytest.mark.parametrize(
    ("capability", "bits"),
    [
        (None, "bf16"),  # AMD's
        ((12, 0), "bf16"),  # Blackwell
        ((8, 0), "bf16"),  # Ampere
        ((7, 5), "fp16"),  # Turing, which only emulates bf16
        ((7, 0), "fp16"),  # Volta
        ((6, 1), "fp32"),  # Pascal
    ],
)
def test_auto_is_what_a_card_computes_fastest_in(capability: tuple[int, int] | None, bits: str) -> None:
    assert auto_bits(capability) == Gpu("0", "card", 8.0, capability).bits == bits


def test_a_cpu_computes_in_32_bits_unless_told_otherwise() -> None:
    assert [bits_on(setting, CPU) for setting in ("auto", "fp32", "bf16", "fp16")] == ["fp32", "fp32", "bf16", "fp16"]
    assert not Precision.of("bf16", CPU).scaler.is_enabled()


@pytest.mark.parametrize("micro_rows", [None, 3])
def test_fp16_trains_close_to_fp32(micro_rows: int | None) -> None:
    seen: list[torch.dtype] = []
    losses, weights = [], []
    for precision in ("fp32", "fp16"):
        run = Run(settings(fgm_epsilon=0.3), precision=precision)
        run.model.linear.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
        training = run.training()
        object.__setattr__(training, "micro_rows", micro_rows)
        training.precision.scaler._init_scale = 256.0  # no step is left out
        result = run.run(training)
        losses.append([point.training_loss for point in result.curve])
        weights.append(run.model.linear.weight.detach())
    assert set(seen) == {torch.float32, torch.float16}
    assert all(weight.dtype == torch.float32 for weight in weights)
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
    assert not torch.equal(*weights)


def test_a_step_whose_scaled_gradient_overflows_is_left_out_and_counted() -> None:
    run = Run(settings(max_steps=2, eval_every_steps=2), precision="fp16")
    training = run.training()
    training.precision.scaler._init_scale = 2.0**40
    before = run.model.linear.weight.detach().clone()
    steps = train(training, CPU)
    assert next(steps).step == 1
    assert torch.equal(run.model.linear.weight, before), "no step of infinite gradients"
    assert training.precision.scaler.get_scale() == 2.0**39
    assert training.schedule.last_epoch == 1


def test_an_fp16_stage_goes_on_to_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tune_polar.trial.checkpoints._WRITING_SHARE", float("inf"))

    def scaled(cache: Kept) -> Run:
        return Run(settings(), precision="fp16", cache=cache, checkpoint_seconds=ALWAYS)

    def training_of(run: Run) -> object:
        training = run.training()
        training.precision.scaler._init_scale = 2.0**26  # overflows a few times: the scale itself is a state
        return training

    whole = scaled(Kept())
    whole.run(training_of(whole))  # type: ignore[arg-type]
    cache = Kept()
    stopped = scaled(cache)
    list(itertools.islice(train(training_of(stopped), CPU), 3))  # type: ignore[arg-type]
    assert cache.last is not None
    assert {"scaler/scale", "scaler/_growth_tracker"} <= cache.last.arrays.keys()
    again = scaled(cache)
    again.run(training_of(again))  # type: ignore[arg-type]
    assert again.steps[0].step == 4
    for name, weight in again.model.state_dict().items():
        assert torch.equal(weight, whole.model.state_dict()[name]), name
