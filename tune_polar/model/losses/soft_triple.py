"""SoftTriple: several learned centers a class (Qian et al. 2019, https://arxiv.org/abs/1909.05235)."""

from __future__ import annotations

import torch
from pytorch_metric_learning.losses import SoftTripleLoss
from torch import Tensor, nn

from tune_polar.errors import ModelError


class SoftTriple(nn.Module):
    """−log softmax over classes of λ (S − margin at the true class), where S relaxes the nearest center.

    S(x, c) = Σ_k softmax_k(cos(x, w_ck) / γ) · cos(x, w_ck) over the centers w_ck of class c; mean over rows.
    """

    def __init__(
        self,
        classes: int,
        embedding_size: int,
        *,
        centers_per_class: int = 10,
        la: float = 20.0,
        gamma: float = 0.1,
        margin: float = 0.01,
    ) -> None:
        """Draw the centers from torch's global generator (see ``seeded_start``).

        Raises:
            ModelError: a size is below 1, ``la`` or ``gamma`` is not positive, or ``margin`` is negative.
        """
        super().__init__()
        _check_settings(classes, centers_per_class, la, gamma, margin)
        self._loss = SoftTripleLoss(
            num_classes=classes,
            embedding_size=embedding_size,
            centers_per_class=centers_per_class,
            la=la,
            gamma=gamma,  # the library keeps 1 / gamma in its attribute of this name
            margin=margin,
        )

    @property
    def centers(self) -> nn.Parameter:
        """Shape (embedding, classes · centers a class); those of one class stand side by side."""
        centers: nn.Parameter = self._loss.fc
        return centers

    def forward(self, embeddings: Tensor, classes: Tensor) -> Tensor:
        """Loss, shape (), of embeddings (batch, embedding) and class numbers (batch,)."""
        # In 32 bits and outside autocast: the library casts its centers to the batch's type, for good.
        with torch.autocast(embeddings.device.type, enabled=False):
            loss: Tensor = self._loss(embeddings.float(), classes.long())
        return loss


def _check_settings(classes: int, centers_per_class: int, la: float, gamma: float, margin: float) -> None:
    if classes < 2 or centers_per_class < 1:
        raise ModelError(
            f"classes must be at least 2 and centers a class 1, got {classes} and {centers_per_class}",
            "The published values are 2 classes with 10 centers each.",
        )
    if la <= 0.0 or gamma <= 0.0 or margin < 0.0:
        raise ModelError(
            f"la and gamma must be positive, margin at least 0, got la={la}, gamma={gamma}, margin={margin}",
            "The published values are la 20, gamma 0.1, margin 0.01.",
        )
