"""Which rows make up one step."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tune_polar.recipe.registry import Component, Registry
from tune_polar.recipe.settings import Name

STRATA, CLASSES = "strata", "classes"


class Batches(Component):
    """Base: the number of rows."""

    size: Annotated[int, Field(ge=2, le=4096)] = Field(default=16, description="Rows of one step")


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


@BATCHES.register("pairs")
class Pairs(Batches):
    """Each row with its positive text (ImpSH)."""

    built = False
