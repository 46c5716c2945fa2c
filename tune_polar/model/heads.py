"""What stands on the encoder: a projection to the unit sphere (detector) and a classifier of labels."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import normalize

from tune_polar.model.dropout import CheapDropout


class ProjectionHead(nn.Module):
    """Linear → GELU → LayerNorm → Linear, then length 1: the detector's embeddings."""

    def __init__(self, input_size: int, hidden_size: int, output_size: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(input_size, hidden_size),
            nn.GELU(),
            nn.LayerNorm(hidden_size),
            nn.Linear(hidden_size, output_size),
        )

    def forward(self, pooled: Tensor) -> Tensor:
        """Map (batch, input) to (batch, output) of Euclidean length 1, in at least 32 bits."""
        projected: Tensor = self.layers(pooled)
        return normalize(projected.float(), dim=-1)


class ClassificationHead(nn.Module):
    """Linear → LayerNorm → GELU → Dropout → Linear: a logit a label."""

    def __init__(self, input_size: int, hidden_size: int, labels: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(input_size, hidden_size),
            nn.LayerNorm(hidden_size),
            nn.GELU(),
            CheapDropout(dropout),
            nn.Linear(hidden_size, labels),
        )

    def forward(self, pooled: Tensor) -> Tensor:
        """Map (batch, input) to logits (batch, labels)."""
        logits: Tensor = self.layers(pooled)
        return logits
