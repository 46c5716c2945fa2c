"""What stands on the encoder, by name: a row's vector becomes logits, values or an embedding."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from tune_polar.errors import ModelError
from tune_polar.model.components import Components
from tune_polar.model.dropout import CheapDropout


class Head(nn.Module):
    """A head with its settings.

    Its ``__init__`` takes the encoder's width, the task's number of outputs and the settings by name. Weights are drawn
    from torch's global generator (see ``seeded_start``).
    """

    gives_embeddings: ClassVar[bool] = False  # of length 1, instead of the task's outputs
    takes_pooler: ClassVar[bool] = False  # it can begin from the layer that BERT was pretrained with on top
    width: int  # of what it gives
    layers: nn.Sequential

    def forward(self, pooled: Tensor) -> Tensor:
        """Map (batch, input) to (batch, outputs)."""
        found: Tensor = self.layers(pooled)
        return found

    def take_pooler(self, weight: Tensor, bias: Tensor) -> None:  # noqa: ARG002 - most heads have none
        """Begin from a pretrained pooler's (hidden, hidden) and (hidden,).

        Raises:
            ModelError: this head has no such layer.
        """
        raise ModelError(f"{type(self).__name__} must have a pooler to begin from one", "Use the head `pooler`.")


HEADS = Components[Head]("head")


@HEADS.register("projection")
class ProjectionHead(Head):
    """Linear → GELU → LayerNorm → Linear, then length 1: embeddings for metric learning."""

    gives_embeddings = True

    def __init__(self, input_size: int, _outputs: int, /, *, size: int = 256, hidden: int | None = None) -> None:
        """``size`` of the embeddings, whatever the task is; ``hidden`` None: the encoder's width."""
        super().__init__()
        inner = hidden or input_size
        self.width = size
        self.layers = nn.Sequential(
            nn.Linear(input_size, inner),
            nn.GELU(),
            nn.LayerNorm(inner),
            nn.Linear(inner, size),
        )

    def forward(self, pooled: Tensor) -> Tensor:
        """Map (batch, input) to (batch, size) of Euclidean length 1, in at least 32 bits."""
        projected: Tensor = self.layers(pooled)
        return normalize(projected.float(), dim=-1)


@HEADS.register("mlp")
class MlpHead(Head):
    """Linear → LayerNorm → GELU → Dropout → Linear."""

    def __init__(self, input_size: int, outputs: int, /, *, hidden: int | None = None, dropout: float = 0.1) -> None:
        """``hidden`` None: the encoder's width."""
        super().__init__()
        inner = hidden or input_size
        self.width = outputs
        self.layers = nn.Sequential(
            nn.Linear(input_size, inner),
            nn.LayerNorm(inner),
            nn.GELU(),
            CheapDropout(dropout),
            nn.Linear(inner, outputs),
        )


@HEADS.register("linear")
class LinearHead(Head):
    """Dropout → Linear."""

    def __init__(self, input_size: int, outputs: int, /, *, dropout: float = 0.0) -> None:
        """``dropout`` of the encoder's vector."""
        super().__init__()
        self.width = outputs
        self.layers = nn.Sequential(CheapDropout(dropout), nn.Linear(input_size, outputs))


@HEADS.register("pooler")
class PoolerHead(Head):
    """Linear → tanh → Dropout → Linear: BERT's pooler, as it was pretrained where the encoder has one, and a layer."""

    takes_pooler = True

    def __init__(self, input_size: int, outputs: int, /, *, dropout: float = 0.1) -> None:
        """``dropout`` between the two layers."""
        super().__init__()
        self.width = outputs
        self.pooler = nn.Linear(input_size, input_size)
        self.layers = nn.Sequential(nn.Tanh(), CheapDropout(dropout), nn.Linear(input_size, outputs))

    def take_pooler(self, weight: Tensor, bias: Tensor) -> None:
        """See ``Head.take_pooler``.

        Raises:
            ModelError: it is of another width.
        """
        if weight.shape != self.pooler.weight.shape or bias.shape != self.pooler.bias.shape:
            raise ModelError(
                f"a pooler must be of the encoder's width, got {tuple(weight.shape)} for "
                f"{tuple(self.pooler.weight.shape)}",
                "Use the head `linear`; this encoder's pooler is of another kind.",
            )
        with torch.no_grad():
            self.pooler.weight.copy_(weight)
            self.pooler.bias.copy_(bias)

    def forward(self, pooled: Tensor) -> Tensor:
        """Map (batch, input) to (batch, outputs)."""
        found: Tensor = self.layers(self.pooler(pooled))
        return found


def build_head(name: str, hidden: int, outputs: int, /, **settings: object) -> Head:
    """The head called ``name``.

    Args:
        name: one of ``HEADS``.
        hidden: the encoder's width.
        outputs: one of a binary task or a value, else one a class or label.
        settings: its own, as its class lists them; those left out have their defaults.

    Raises:
        ModelError: there is no such head.

    Example:
        >>> build_head("mlp", 768, 6, dropout=0.1)
    """
    head: Head = HEADS[name](hidden, outputs, **settings)
    return head
