"""Losses of a value: the mean squared error, and Huber's, which is squared near the target and linear far from it."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import huber_loss, mse_loss

from tune_polar.errors import ModelError
from tune_polar.model.losses.base import LOSSES, Loss, LossBatch, LossContext


class ValueLoss(Loss):
    """Base of the losses of one value a row."""

    tasks = frozenset(("regression",))
    reads = frozenset(("values",))

    def __init__(self, context: LossContext) -> None:
        """``context``: one value a row.

        Raises:
            ModelError: it is another number.
        """
        super().__init__()
        if context.width != 1:
            raise ModelError(
                f"there must be one value a row, the head gives {context.width}", "Use a head of one output."
            )


@LOSSES.register("mse")
class MeanSquaredError(ValueLoss):
    """(ŷ − y)², mean over rows."""

    def forward(self, batch: LossBatch) -> Tensor:
        """See ``Loss.forward``."""
        return mse_loss(*in_32_bits(batch))


@LOSSES.register("huber")
class HuberLoss(ValueLoss):
    """½ δ² where |ŷ − y| = δ is at most ``delta``, else ``delta`` · (δ − ½ ``delta``); mean over rows."""

    def __init__(self, context: LossContext, *, delta: float = 1.0) -> None:
        """``delta``: where squares end, in units of the target.

        Raises:
            ModelError: ``delta`` is not positive, or there is not one value a row.
        """
        super().__init__(context)
        if delta <= 0.0:
            raise ModelError(f"delta must be positive, got {delta}", "Use 1 for targets of about 1 to 5.")
        self.delta = delta

    def forward(self, batch: LossBatch) -> Tensor:
        """See ``Loss.forward``."""
        return huber_loss(*in_32_bits(batch), delta=self.delta)


def in_32_bits(batch: LossBatch) -> tuple[Tensor, Tensor]:
    """Values and targets, both (rows,)."""
    return batch.outputs[:, 0].float(), batch.targets.float()
