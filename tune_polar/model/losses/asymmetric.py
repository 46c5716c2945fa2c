"""Asymmetric loss for several labels a row (Ridnik et al. 2021, https://arxiv.org/abs/2009.14119)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from tune_polar.errors import ModelError
from tune_polar.model.losses.base import LOSSES, Loss, LossBatch, LossContext
from tune_polar.model.losses.reduction import Reduction, check_label_shape, check_reduction, reduced

Gamma = float | Mapping[str, float]  # one for all labels, or one a label


@LOSSES.register("asymmetric")
class AsymmetricLoss(Loss):
    """Focal weights of their own for gold and other labels, and easy negatives left out.

    With p = σ(logit), y the target, m the clip ("asymmetric probability shifting"), L = −y L₊ − (1−y) L₋ of

    - L₊ = (1 − p)^γ₊ · log p
    - L₋ = p_m^γ₋ · log(1 − p_m), where p_m = max(p − m, 0)

    summed over rows and labels as the authors do. The focal weights take part in the gradient, as in the
    paper. γ₊ = γ₋ = m = 0 is binary cross-entropy.
    """

    tasks = frozenset(("binary", "multilabel"))
    reads = frozenset(("logits",))
    gamma_negative: Tensor  # (labels,)
    gamma_positive: Tensor  # (labels,)

    def __init__(
        self,
        context: LossContext,
        *,
        gamma_negative: Gamma = 4.0,
        gamma_positive: Gamma = 1.0,
        clip: float = 0.05,
        reduction: Reduction = "sum",
    ) -> None:
        """Fix the exponents.

        Args:
            context: the labels.
            gamma_negative: γ₋, of each label by its name or of all.
            gamma_positive: γ₊, likewise.
            clip: m, at least 0 and below 1.
            reduction: "sum" or "mean" over rows and labels.

        Raises:
            ModelError: an exponent is negative or not that of a label, a label has none, or a setting is out of range.
        """
        super().__init__()
        if not 0.0 <= clip < 1.0:
            raise ModelError(f"clip must be at least 0 and below 1, got {clip}", "The published value is 0.05.")
        check_reduction(reduction)
        for name, gamma in (("gamma_negative", gamma_negative), ("gamma_positive", gamma_positive)):
            exponents = torch.tensor(_of_labels(name, gamma, context.columns))
            self.register_buffer(name, exponents, persistent=False)
        self.clip = clip
        self.reduction = reduction

    def forward(self, batch: LossBatch) -> Tensor:
        """See ``Loss.forward``.

        Raises:
            ModelError: there is not a target for each logit.
        """
        targets = batch.targets.unsqueeze(1) if batch.targets.ndim == 1 else batch.targets
        check_label_shape(batch.outputs, targets)
        logits, targets = batch.outputs.float(), targets.float()
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


def _of_labels(name: str, gamma: Gamma, labels: tuple[str, ...]) -> list[float]:
    given = gamma if isinstance(gamma, Mapping) else dict.fromkeys(labels, gamma)
    if set(given) != set(labels):
        raise ModelError(
            f"{name} must have one exponent for each of the labels {list(labels)}, got {list(given)}",
            "List one exponent a label, or give a single one for all.",
        )
    exponents = [float(given[label]) for label in labels]
    if min(exponents) < 0.0:
        raise ModelError(f"{name} must be at least 0, got {dict(given)}", "The published values lie between 1 and 4.")
    return exponents
