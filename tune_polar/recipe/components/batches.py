"""Which rows make up one step."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tune_polar.recipe.registry import Component, Registry
from tune_polar.recipe.settings import Name

STRATA, CLASSES = "strata", "classes"
PAIRS = "pairs"


class Batches(Component):
    """Base: the number of rows."""

    size: Annotated[int, Field(ge=2, le=4096)] = Field(default=16, description="Rows of one step")

    @property
    def texts(self) -> int:
        """Texts of one step: what passes through the encoder."""
        return self.size


BATCHES: Registry[Batches] = Registry("batches")


@BATCHES.register("length_grouped")
class LengthGrouped(Batches):
    """Texts of like length together, so that little is padded."""


@BATCHES.register("shuffled")
class Shuffled(Batches):
    """Rows by chance."""


@BATCHES.register("balanced")
class Balanced(Batches):
    """As many rows of each class; of a yes/no column half of them positive, drawn from the strata in turn."""

    by: Name = Field(
        default=STRATA,
        description="`strata`: those of data.strata within a yes/no target; `classes`: the target's own; or a column "
        "of labels, classes or groups",
    )


@BATCHES.register(PAIRS)
class Pairs(Batches):
    """Rows by chance, each with its positive text (ImpSH)."""

    text: Name = Field(default="positive", description="Column of data.texts with the positive texts")

    @property
    def texts(self) -> int:
        """See ``Batches.texts``."""
        return 2 * self.size
