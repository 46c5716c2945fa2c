"""SoftTriple: several learned centers a class (Qian et al. 2019, https://arxiv.org/abs/1909.05235)."""

from __future__ import annotations

import torch
from pytorch_metric_learning.losses import SoftTripleLoss
from torch import Tensor, nn

from tune_polar.errors import ModelError
from tune_polar.model.losses.base import LOSSES, Loss, LossBatch, LossContext


@LOSSES.register("soft_triple")
class SoftTriple(Loss):
    """−log softmax over classes of λ (S − margin at the true class), where S relaxes the nearest center.

    S(x, c) = Σ_k softmax_k(cos(x, w_ck) / γ) · cos(x, w_ck) over the centers w_ck of class c; mean over rows.
    """

    tasks = frozenset(("binary", "multiclass"))
    reads = frozenset(("embeddings",))

    def __init__(
        self,
        context: LossContext,
        *,
        centers: int = 10,
        centers_lr: float = 1e-2,
        la: float = 20.0,
        gamma: float = 0.1,
        margin: float = 0.01,
    ) -> None:
        """Draw the centers.

        Args:
            context: classes and width of the embeddings.
            centers: of each class.
            centers_lr: their learning rate; 0: they keep their random start.
            la: λ.
            gamma: γ.
            margin: by which the true class has to lead.

        Raises:
            ModelError: a size is below 1, ``la`` or ``gamma`` is not positive, or another number is negative.
        """
        super().__init__()
        _check_settings(centers, centers_lr, la, gamma, margin)
        self._centers_lr = centers_lr
        self._loss = SoftTripleLoss(
            num_classes=context.classes,
            embedding_size=context.width,
            centers_per_class=centers,
            la=la,
            gamma=gamma,  # the library keeps 1 / gamma in its attribute of this name
            margin=margin,
        )

    @property
    def centers(self) -> nn.Parameter:
        """Shape (embedding, classes · centers a class); those of one class stand side by side."""
        centers: nn.Parameter = self._loss.fc
        return centers

    def own_rates(self) -> list[tuple[list[nn.Parameter], float]]:
        """The centers'."""
        return [([self.centers], self._centers_lr)]

    def kept(self) -> dict[str, Tensor]:
        """``centers``, (classes · centers a class, embedding): one row a center, as a reader of the record expects."""
        return {"centers": self.centers.detach().T}

    def forward(self, batch: LossBatch) -> Tensor:
        """See ``Loss.forward``."""
        outputs = batch.outputs
        # In 32 bits and outside autocast: the library casts its centers to the batch's type, for good.
        with torch.autocast(outputs.device.type, enabled=False):
            loss: Tensor = self._loss(outputs.float(), batch.targets.long())
        return loss


def _check_settings(centers: int, centers_lr: float, la: float, gamma: float, margin: float) -> None:
    if centers < 1:
        raise ModelError(f"centers a class must be at least 1, got {centers}", "The published value is 10.")
    if la <= 0.0 or gamma <= 0.0 or margin < 0.0 or centers_lr < 0.0:
        raise ModelError(
            "la and gamma must be positive, margin and centers_lr at least 0, "
            f"got la={la}, gamma={gamma}, margin={margin}, centers_lr={centers_lr}",
            "The published values are la 20, gamma 0.1, margin 0.01, centers_lr 0.01.",
        )
