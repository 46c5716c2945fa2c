"""Asymmetric loss for several labels a row (Ridnik et al. 2021, https://arxiv.org/abs/2009.14119)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from tune_polar.errors import ModelError
from tune_polar.model.losses.reduction import Reduction, check_label_shape, check_reduction, reduced


class AsymmetricLoss(nn.Module):
    """Focal weights of their own for gold and other labels, and easy negatives left out.

    With p = σ(logit), y the target, m the clip ("asymmetric probability shifting"), L = −y L₊ − (1−y) L₋ of

    - L₊ = (1 − p)^γ₊ · log p
    - L₋ = p_m^γ₋ · log(1 − p_m), where p_m = max(p − m, 0)

    summed over rows and labels as the authors do. The focal weights take part in the gradient, as in the
    paper. γ₊ = γ₋ = m = 0 is binary cross-entropy.
    """

    gamma_negative: Tensor  # (labels,)
    gamma_positive: Tensor  # (labels,)

    def __init__(
        self,
        gamma_negative: Sequence[float],
        gamma_positive: float | Sequence[float] = 1.0,
        clip: float = 0.05,
        reduction: Reduction = "sum",
    ) -> None:
        """Fix the exponents; ``gamma_negative`` has one a label, a single ``gamma_positive`` serves all.

        Raises:
            ModelError: an exponent is negative, the two lists differ in length, or ``clip`` is not in [0, 1).
        """
        super().__init__()
        negative = [float(gamma) for gamma in gamma_negative]
        if isinstance(gamma_positive, Sequence):
            positive = [float(gamma) for gamma in gamma_positive]
        else:
            positive = [float(gamma_positive)] * len(negative)
        _check_exponents(negative, positive)
        if not 0.0 <= clip < 1.0:
            raise ModelError(f"clip must be at least 0 and below 1, got {clip}", "The published value is 0.05.")
        check_reduction(reduction)
        self.register_buffer("gamma_negative", torch.tensor(negative), persistent=False)
        self.register_buffer("gamma_positive", torch.tensor(positive), persistent=False)
        self.clip = clip
        self.reduction: Reduction = reduction

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss, shape (), of logits (batch, labels) and targets of 0 or 1 (batch, labels), in 32 bits.

        Raises:
            ModelError: the shapes differ, or there are not as many labels as exponents.
        """
        check_label_shape(logits, targets)
        if logits.shape[-1] != len(self.gamma_negative):
            raise ModelError(
                f"there must be one gamma_negative a label, got {len(self.gamma_negative)} for "
                f"{logits.shape[-1]} labels",
                "List one exponent for each label of the subtask, in the labels' order.",
            )
        logits, targets = logits.float(), targets.float()
        # Weights are exp(γ log ·): a power's gradient at base 0 is infinite for γ < 1, this one's never is.
        log_p, log_not_p = logsigmoid(logits), logsigmoid(-logits)
        positive = torch.exp(self.gamma_positive * log_not_p) * log_p  # L₊
        if self.clip == 0.0:
            negative = torch.exp(self.gamma_negative * log_p) * log_not_p  # L₋
        else:
            probability = torch.sigmoid(logits)
            hard = probability > self.clip
            # Easy negatives take a harmless value first: the gradient of log 0 would come through where().
            shifted = torch.where(hard, probability - self.clip, 0.5)  # p_m
            weighted = torch.exp(self.gamma_negative * torch.log(shifted)) * torch.log1p(-shifted)
            negative = torch.where(hard, weighted, 0.0)
        return -reduced(targets * positive + (1.0 - targets) * negative, self.reduction)


def _check_exponents(negative: list[float], positive: list[float]) -> None:
    if not negative or len(negative) != len(positive):
        raise ModelError(
            f"there must be one gamma a label, got {len(negative)} negative and {len(positive)} positive",
            "List one exponent for each label of the subtask.",
        )
    if min(negative + positive) < 0.0:
        raise ModelError(
            f"gammas must be at least 0, got gamma_negative={negative}, gamma_positive={positive}",
            "The published values lie between 1 and 4.",
        )
