"""Contrastive losses, which differ in what counts as a positive: a row's own text, its class, or its cluster.

z are the rows' vectors and, below them, those of their positive texts, of length 1; s_ij = z_i · z_j / τ;
P_i the positives of i:

    −mean_i 1/|P_i| Σ_{j ∈ P_i} log( e^{s_ij} / Σ_{k ≠ i} e^{s_ik} )   over all i with a positive
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor
from torch.nn import functional

from tune_polar.errors import ModelError
from tune_polar.model.losses.base import LOSSES, LossBatch, LossContext
from tune_polar.model.losses.pairwise import PairwiseLoss, needed


class ContrastiveLoss(PairwiseLoss):
    """Base."""

    def __init__(self, context: LossContext, *, temperature: float = 0.3) -> None:
        """``temperature``: τ, above 0.

        Raises:
            ModelError: it is not.
        """
        super().__init__(context)
        if temperature <= 0.0:
            raise ModelError(f"temperature must be positive, got {temperature}", "Published values are 0.3 and 0.5.")
        self._temperature = temperature

    def compared(self, vectors: Tensor, positives: Tensor | None, batch: LossBatch) -> tuple[Tensor, Tensor]:
        """See ``PairwiseLoss.compared``."""
        texts = vectors if positives is None else torch.cat([vectors, needed(positives)])
        z = functional.normalize(texts, dim=1)  # (all, size)
        rows = torch.arange(len(z), device=z.device)
        itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
        positive = self.positive(batch, rows % len(vectors), rows >= len(vectors)) & ~itself  # (all, all)
        # Not −∞: of a text that is alone it would leave no gradient but NaN
        s = (z @ z.T / self._temperature).masked_fill(itself, torch.finfo(z.dtype).min)
        logs = s - torch.logsumexp(s, dim=1, keepdim=True)
        means = logs.masked_fill(~positive, 0.0).sum(dim=1) / positive.sum(dim=1).clamp(min=1)  # (all,)
        anchors = positive.any(dim=1)
        return -means.sum() / anchors.sum().clamp(min=1), anchors.any()

    @abstractmethod
    def positive(self, batch: LossBatch, row: Tensor, is_text: Tensor) -> Tensor:
        """Which pairs of ``z`` are positives, (all, all); the diagonal is not looked at.

        Args:
            batch: the rows.
            row: of the batch that each of ``z`` belongs to, (all,).
            is_text: whether it is the row's positive text, (all,).
        """


@LOSSES.register("imp_con")
class ImpConLoss(ContrastiveLoss):
    """P_i: the partner, a row's own positive text or the row of a text (Kim et al. 2022)."""

    def compared(self, vectors: Tensor, positives: Tensor | None, batch: LossBatch) -> tuple[Tensor, Tensor]:
        """See ``PairwiseLoss.compared``."""
        return super().compared(vectors, needed(positives), batch)

    def positive(self, batch: LossBatch, row: Tensor, is_text: Tensor) -> Tensor:  # noqa: ARG002 - classes play no part
        """See ``ContrastiveLoss.positive``."""
        return row[:, None] == row


@LOSSES.register("sup_con")
class SupConLossOfClasses(ContrastiveLoss):
    """P_i: all of its class (Khosla et al. 2020; Gunel et al. 2021); of rows alone where batches bring no texts."""

    def positive(self, batch: LossBatch, row: Tensor, is_text: Tensor) -> Tensor:  # noqa: ARG002
        """See ``ContrastiveLoss.positive``."""
        classes = batch.targets[row]
        return classes[:, None] == classes


@LOSSES.register("shared_con")
class SharedConLoss(ContrastiveLoss):
    """P_i: of its cluster, and in the other block: texts for a row, rows for a text (Ahn et al. 2024)."""

    def __init__(
        self,
        context: LossContext,
        *,
        temperature: float = 0.3,
        clusters: int = 25,  # noqa: ARG002 - the rows come with their clusters, and with the texts in the middle of them
        encoder: str | None = None,  # noqa: ARG002
        revision: str | None = None,  # noqa: ARG002
    ) -> None:
        """See ``ContrastiveLoss``."""
        super().__init__(context, temperature=temperature)

    def compared(self, vectors: Tensor, positives: Tensor | None, batch: LossBatch) -> tuple[Tensor, Tensor]:
        """See ``PairwiseLoss.compared``."""
        return super().compared(vectors, needed(positives), batch)

    def positive(self, batch: LossBatch, row: Tensor, is_text: Tensor) -> Tensor:
        """See ``ContrastiveLoss.positive``."""
        clusters = needed(batch.clusters)[row]
        return (clusters[:, None] == clusters) & (is_text[:, None] != is_text)
