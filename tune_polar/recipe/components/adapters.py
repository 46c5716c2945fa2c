"""Small trained parts in place of an encoder's own weights."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tune_polar.recipe.registry import Component, Registry
from tune_polar.recipe.settings import Dropout


class Adapter(Component):
    """Base."""


ADAPTERS: Registry[Adapter] = Registry("adapter")


@ADAPTERS.register("lora")
class Lora(Adapter):
    """LoRA: a product of two narrow matrices beside each frozen one."""

    built = False

    rank: Annotated[int, Field(ge=1, le=1024)] = Field(default=16, description="Width of the narrow matrices")
    alpha: Annotated[float, Field(gt=0, le=4096, allow_inf_nan=False)] = Field(
        default=32.0, description="Their product counts alpha/rank"
    )
    dropout: Dropout = Field(default=0.05, description="Dropout before the narrow matrices")
    targets: Literal["all_linear", "attention"] = Field(default="all_linear", description="Which matrices have one")
