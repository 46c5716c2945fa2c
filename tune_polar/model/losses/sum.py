"""Several weighted losses as one number, so that one backward pass serves them all."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from tune_polar.errors import ModelError
from tune_polar.model.losses.base import Loss, LossBatch


class LossSum(nn.ModuleDict):
    """Σ weight · loss, the losses in the order of their names.

    Example:
        >>> total = LossSum({"cross_entropy": (0.25, cross_entropy), "triplet": (0.75, triplet)})
    """

    def __init__(self, losses: Mapping[str, tuple[float, Loss]]) -> None:
        """``losses``: weight and loss by name.

        Raises:
            ModelError: there is none, a weight is negative, or all are 0.
        """
        weights = {name: weight for name, (weight, _) in sorted(losses.items())}
        if not any(weight > 0.0 for weight in weights.values()) or min(weights.values()) < 0.0:
            raise ModelError(
                f"losses must have weights of at least 0, one of them above, got {weights}",
                "Give at least one loss; a weight left out is 1.",
            )
        super().__init__({name: losses[name][1] for name in weights})
        self._weights = weights

    @property
    def parts(self) -> dict[str, Loss]:
        """The losses by name."""
        return {name: loss for name, loss in self.items() if isinstance(loss, Loss)}

    @property
    def couples_rows(self) -> bool:
        """Whether a row's loss depends on the batch's other rows."""
        return any(loss.couples_rows for loss in self.parts.values())

    def own_rates(self) -> list[tuple[list[nn.Parameter], float]]:
        """Weights of the losses that have a learning rate of their own."""
        return [own for loss in self.parts.values() for own in loss.own_rates()]

    def kept(self) -> dict[str, Tensor]:
        """What a record keeps of the losses; where two losses call it the same, the loss's name stands before it."""
        kept = [(of, name, value) for of, loss in self.parts.items() for name, value in loss.kept().items()]
        names = [name for _, name, _ in kept]
        return {name if names.count(name) == 1 else f"{of}/{name}": value for of, name, value in kept}

    def forward(self, batch: LossBatch, share: float = 1.0) -> Tensor:
        """The loss of a batch, shape ().

        Args:
            batch: rows of a step, all of them or a part.
            share: that part's of the step's rows. A mean over all rows is the mean of the parts' means, each weighted
                by its share; a sum is the sum of the parts' sums.
        """
        weighted = []
        for name, loss in self.parts.items():
            factor = self._weights[name] * (share if loss.reduction == "mean" else 1.0)
            if factor > 0.0:
                value = loss(batch)
                weighted.append(value if factor == 1.0 else value * factor)
        total: Tensor = sum(weighted[1:], start=weighted[0])
        return total
