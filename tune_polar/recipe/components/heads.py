"""What stands on the encoder."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tune_polar.recipe.registry import Component, Registry
from tune_polar.recipe.settings import Count, Dropout

Gives = Literal["embeddings", "outputs"]  # vectors to look neighbours up in, or one number a column or class


class Head(Component):
    """Base: from a text's vector to what losses and decisions read."""

    gives: ClassVar[Gives] = "outputs"

    def width(self, outputs: int) -> int:
        """Numbers it gives for a row, of a task of so many outputs."""
        return outputs

    def parameter_count(self, hidden: int, outputs: int) -> int:  # noqa: ARG002 (what is not counted counts nothing)
        """Its weights, on an encoder of width ``hidden``; memory is reckoned with them."""
        return 0


HEADS: Registry[Head] = Registry("head")


@HEADS.register("linear")
class Linear(Head):
    """Dropout → Linear."""

    dropout: Dropout = Field(default=0.0, description="Dropout before the outputs")

    def parameter_count(self, hidden: int, outputs: int) -> int:
        """See ``Head.parameter_count``."""
        return _linear(hidden, outputs)


@HEADS.register("mlp")
class Mlp(Head):
    """Linear → LayerNorm → GELU → Dropout → Linear."""

    hidden: Count | None = Field(default=None, description="Width of the hidden layer; null: the encoder's")
    dropout: Dropout = Field(default=0.1, description="Dropout before the outputs")

    def parameter_count(self, hidden: int, outputs: int) -> int:
        """See ``Head.parameter_count``."""
        inner = self.hidden or hidden
        return _linear(hidden, inner) + 2 * inner + _linear(inner, outputs)


@HEADS.register("pooler")
class Pooler(Head):
    """The encoder's own pretrained pooler (Linear and tanh of the first token) → Dropout → Linear."""

    dropout: Dropout = Field(default=0.1, description="Dropout before the outputs")

    def parameter_count(self, hidden: int, outputs: int) -> int:
        """See ``Head.parameter_count``."""
        return _linear(hidden, hidden) + _linear(hidden, outputs)


@HEADS.register("projection")
class Projection(Head):
    """Linear → GELU → LayerNorm → Linear, then length 1: vectors in which neighbours are looked up."""

    gives = "embeddings"
    size: Annotated[int, Field(ge=2, le=4096)] = Field(
        default=256, description="Width of the vectors in which neighbours are looked up"
    )
    hidden: Count | None = Field(default=None, description="Width of the hidden layer; null: the encoder's")

    def width(self, outputs: int) -> int:  # noqa: ARG002 (the same for every task)
        """Its size."""
        return self.size

    def parameter_count(self, hidden: int, outputs: int) -> int:  # noqa: ARG002
        """See ``Head.parameter_count``."""
        inner = self.hidden or hidden
        return _linear(hidden, inner) + 2 * inner + _linear(inner, self.size)


def _linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs
