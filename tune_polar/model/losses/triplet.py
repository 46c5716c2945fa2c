"""The triplet loss with its rules for negatives (Schroff et al. 2015, https://arxiv.org/abs/1503.03832; ImpSH)."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from pytorch_metric_learning.distances import BaseDistance, CosineSimilarity, LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.miners import BatchEasyHardMiner
from pytorch_metric_learning.reducers import BaseReducer, MeanReducer, SumReducer
from torch import Tensor

from tune_polar.errors import ModelError
from tune_polar.model.losses.base import LOSSES, LossBatch, LossContext
from tune_polar.model.losses.pairwise import PairwiseLoss, needed

Negative = Literal["random", "hard", "semi_hard", "semi_hard_or_hardest"]


class SoftmaxReducer(BaseReducer):  # type: ignore[misc]  # the library has no types
    """(1/β) · log mean exp(β ℓ): the mean where β is near 0, the largest where it is large."""

    def __init__(self, beta: float) -> None:
        """``beta``: β, above 0."""
        super().__init__()
        self.beta = beta

    def triplet_reduction(self, losses: Tensor, *_: Any) -> Tensor:
        """Of the losses of all triplets, (triplets,)."""
        return (torch.logsumexp(self.beta * losses, dim=0) - math.log(len(losses))) / self.beta


@LOSSES.register("triplet")
class TripletLoss(PairwiseLoss):
    """max(0, d(row, positive) − d(row, negative) + margin) of each row that has a negative.

    Negatives are other rows, never positive texts. By d = d(row, negative) of rows of another class:

    - ``hard``: the least d.
    - ``semi_hard``: the least d above d(row, positive), if it is below d(row, positive) + margin; else the row drops
      out.
    - ``semi_hard_or_hardest``: that; where no row of the batch has one, ``hard`` for all.
    - ``random``: any.
    """

    def __init__(
        self,
        context: LossContext,
        *,
        margin: float = 0.3,
        distance: Literal["cosine", "euclidean"] = "cosine",
        positive: Literal["text", "class"] = "text",
        negative: Negative = "semi_hard",
        reduction: Literal["mean", "sum", "softmax"] = "mean",
        beta: float = 5.0,
    ) -> None:
        """Choose the rules.

        Args:
            context: whether the head gives vectors.
            margin: by which a negative has to be farther.
            distance: 1 − cos, or Euclidean between vectors of length 1.
            positive: the row's own positive text, or a row of its class, drawn from torch's generator.
            negative: the rule.
            reduction: over the rows that have a negative.
            beta: β of the softmax reduction.

        Raises:
            ModelError: the margin is negative, or β is not positive.
        """
        super().__init__(context)
        if margin < 0.0 or beta <= 0.0:
            raise ModelError(
                f"margin must be at least 0 and beta positive, got margin={margin}, beta={beta}",
                "Published values are margins of 0.2 to 0.45 and β of 5 and 15.",
            )
        self.margin, self._positive, self._negative = margin, positive, negative
        measured: BaseDistance = CosineSimilarity() if distance == "cosine" else LpDistance()
        reducers = {"mean": MeanReducer, "sum": SumReducer, "softmax": lambda: SoftmaxReducer(beta)}
        self._loss = TripletMarginLoss(margin=margin, distance=measured, reducer=reducers[reduction]())
        self._nearest = BatchEasyHardMiner(neg_strategy="hard", distance=measured)
        self._beyond = BatchEasyHardMiner(neg_strategy="semihard", distance=measured)
        self._distance = measured

    def compared(self, vectors: Tensor, positives: Tensor | None, batch: LossBatch) -> tuple[Tensor, Tensor]:
        """See ``PairwiseLoss.compared``."""
        same = batch.targets[:, None] == batch.targets  # (rows, rows)
        others = vectors if self._positive == "class" else needed(positives)
        anchors, positive = self._positives(same)
        with torch.no_grad():
            anchors, positive, negative = self._mined(vectors, others, anchors, positive, same)
        if self._positive == "text":
            positive = positive + len(vectors)
            vectors = torch.cat([vectors, others])
        rows = vectors[: len(same)]
        value: Tensor = self._loss(rows, indices_tuple=(anchors, positive, negative), ref_emb=vectors)
        return value, torch.tensor(len(anchors) > 0, device=vectors.device)

    def _positives(self, same: Tensor) -> tuple[Tensor, Tensor]:
        """Rows that have a positive, and which."""
        rows = torch.arange(len(same), device=same.device)
        if self._positive == "text":
            return rows, rows
        return _drawn(same & ~torch.eye(len(same), dtype=torch.bool, device=same.device))

    def _mined(
        self, vectors: Tensor, others: Tensor, anchors: Tensor, positive: Tensor, same: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Rows with both, their positives and their negatives."""
        if self._negative == "random":
            drawn, negative = _drawn(~same[anchors])
            return anchors[drawn], positive[drawn], negative
        between = self._distance(vectors, vectors)[anchors]  # (anchors, rows)
        to_positive = self._distance(vectors, others)[anchors, positive]
        pairs = torch.where(~same[anchors])
        if self._negative != "hard":
            (found, negative), there = self._beyond.get_negatives(between, *pairs, to_positive)
            near = there & (self._distance.margin(to_positive, found) + self.margin > 0)
            if near.any() or self._negative == "semi_hard":
                return anchors[near], positive[near], negative[near]
        (_, negative), there = self._nearest.get_negatives(between, *pairs)
        return anchors[there], positive[there], negative[there]


def _drawn(allowed: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of ``allowed`` (rows, columns) in which something is, and one column of each, by chance."""
    rows = torch.where(allowed.any(dim=1))[0]
    if len(rows) == 0:
        return rows, rows
    return rows, torch.multinomial(allowed[rows].float(), 1)[:, 0]
