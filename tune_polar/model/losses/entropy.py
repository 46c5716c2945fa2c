"""Cross-entropies, computed in 32 bits whatever the logits come in."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from tune_polar.model.losses.reduction import Reduction, check_label_shape, check_reduction


class CrossEntropy(nn.Module):
    """−log softmax(logits)[target]: one class a row."""

    def __init__(self, reduction: Reduction = "mean") -> None:
        super().__init__()
        check_reduction(reduction)
        self.reduction: Reduction = reduction

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss, shape (), of logits (batch, classes) and class numbers (batch,)."""
        return cross_entropy(logits.float(), targets, reduction=self.reduction)


class BinaryCrossEntropy(nn.Module):
    """−y log p − (1−y) log(1−p) a label; any number of labels a row."""

    def __init__(self, reduction: Reduction = "mean") -> None:
        super().__init__()
        check_reduction(reduction)
        self.reduction: Reduction = reduction

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss, shape (), of logits (batch, labels) and targets of 0 or 1 (batch, labels).

        Raises:
            ModelError: the two shapes differ.
        """
        check_label_shape(logits, targets)
        return binary_cross_entropy_with_logits(logits.float(), targets.float(), reduction=self.reduction)
