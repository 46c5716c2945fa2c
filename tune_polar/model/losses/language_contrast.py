"""Contrast of texts by their group (Zhegu, equation 9, https://aclanthology.org/2023.semeval-1.43)."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from tune_polar.errors import ModelError
from tune_polar.model.losses.base import LOSSES, Loss, LossBatch, LossContext

Form = Literal["negated_kl", "flipped_sign", "as_printed"]


@LOSSES.register("language_contrast")
class LanguageContrast(Loss):
    """Draws the vectors of one group together and those of two apart, by Kullback-Leibler divergence.

    p_i = softmax(v_i) over a vector's entries (the paper names no distribution),
    KL_ij = Σ_d p_id (log p_id − log p_jd), S(x) and D(x) the logarithms of Σ e^x over the pairs of one group and of
    two; i = j counts as of one, as printed.

    ==============  ===========================================================================================
    as_printed      −½ (S(KL/τ) − D(KL/τ)): rewards divergence within a group, against the paper's own aim
    negated_kl      −½ (S(−KL/τ) − D(−KL/τ)): a contrastive loss, KL a distance
    flipped_sign    ½ (S(KL/τ) − D(KL/τ))
    ==============  ===========================================================================================

    0 where a batch has fewer than two groups; rows of no group take no part. None of the forms has a least value.
    """

    reads = frozenset(("logits", "values"))  # beside outputs: vectors alone would learn nothing of the labels
    couples_rows = True

    def __init__(self, context: LossContext, *, temperature: float = 0.2, form: Form = "negated_kl") -> None:  # noqa: ARG002
        """``temperature``: τ.

        Raises:
            ModelError: ``temperature`` is not positive, or there is no such form.
        """
        super().__init__()
        if temperature <= 0.0:
            raise ModelError(f"temperature must be positive, got {temperature}", "Use 0.2.")
        if form not in get_args(Form):
            raise ModelError(f"form must be one of {', '.join(get_args(Form))}, got {form!r}", "Choose one of these.")
        self.temperature = temperature
        self.form = form

    def forward(self, batch: LossBatch) -> Tensor:
        """See ``Loss.forward``.

        Raises:
            ModelError: the batch has no groups.
        """
        if batch.groups is None:
            raise ModelError("language_contrast must be given groups, got none", "Name a column in data.groups.")
        # 16 bits would lose the small divergences that the exponent is made of
        with torch.autocast(batch.embeddings.device.type, enabled=False):
            return self._contrast(batch.embeddings.float(), batch.groups)

    def _contrast(self, vectors: Tensor, groups: Tensor) -> Tensor:
        log_p = log_softmax(vectors, dim=-1)  # (rows, hidden)
        p = log_p.exp()
        divergence = (p * log_p).sum(dim=-1, keepdim=True) - p @ log_p.T  # KL_ij, (rows, rows)
        sign = -1.0 if self.form == "negated_kl" else 1.0
        exponents = sign * divergence / self.temperature
        known = groups >= 0
        both = known[:, None] & known[None, :]
        same = groups[:, None] == groups[None, :]
        # Of one group all pairs of two are left out: −∞ in both sums would give no number and no gradient
        apart = both & ~same
        if not bool(apart.any()):
            return vectors.sum() * 0.0
        within, between = (_log_sum_exp(exponents, chosen) for chosen in (both & same, apart))
        return (within - between) / 2 if self.form == "flipped_sign" else (between - within) / 2


def _log_sum_exp(exponents: Tensor, chosen: Tensor) -> Tensor:
    """ln Σ e^x over the chosen pairs, shape ()."""
    return exponents[chosen].logsumexp(dim=0)
