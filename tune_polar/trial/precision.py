"""In how many bits a stage's forward passes run: what its recipe says, or what its device does best."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.amp.grad_scaler import GradScaler
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from tune_polar.trial.gpus import Bits, Setting, auto_bits

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def bits_on(setting: Setting, device: torch.device) -> Bits:
    """The bits of forward passes on ``device``; ``auto``: 32 on a CPU, and what ``auto_bits`` says on a GPU."""
    if setting != "auto":
        return setting
    if device.type != "cuda":
        return "fp32"
    return auto_bits(None if torch.version.hip else torch.cuda.get_device_capability(device))


@dataclass(frozen=True, eq=False)
class Precision:
    """Mixed precision of one stage: forward passes in few bits, weights and gradients in 32."""

    bits: Bits
    device: torch.device
    scaler: GradScaler = field(init=False)

    def __post_init__(self) -> None:
        # fp16 has no room for small gradients: the loss is scaled up before the backward pass, gradients down after it.
        object.__setattr__(self, "scaler", GradScaler(self.device.type, enabled=self.bits == "fp16"))

    @staticmethod
    def of(setting: Setting, device: torch.device) -> Precision:
        """What ``setting`` comes to on ``device``."""
        return Precision(bits_on(setting, device), device)

    @property
    def is_half(self) -> bool:
        """Whether forward passes run in 16 bits."""
        return self.bits != "fp32"

    def autocast(self) -> torch.autocast:
        """Where forward passes run, in training and for predictions alike."""
        return torch.autocast(self.device.type, dtype=_DTYPES[self.bits], enabled=self.is_half)

    def scaled(self, loss: Tensor) -> Tensor:
        """What the backward pass begins from."""
        scaled: Tensor = self.scaler.scale(loss)
        return scaled

    def step(self, optimizer: Optimizer, schedule: LRScheduler, max_grad_norm: float | None = None) -> None:
        """One optimizer step, left out where a scaled gradient overflowed; the schedule counts it in any case.

        ``max_grad_norm``: gradients longer than this together are cut to it, after they are scaled down.
        """
        if max_grad_norm is not None:
            self.scaler.unscale_(optimizer)
            clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], max_grad_norm)
        self.scaler.step(optimizer)
        self.scaler.update()
        with warnings.catch_warnings():
            if self.scaler.is_enabled():  # a first step that was left out is no mistake in the order of calls
                warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step", UserWarning)
            schedule.step()
