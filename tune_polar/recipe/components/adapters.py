"""Small trained parts in place of an encoder's own weights."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, PlainValidator

from tune_polar.recipe.registry import Component, Registry
from tune_polar.recipe.settings import Dropout, Names

ALL_LINEAR: Final = "all_linear"
ATTENTION: Final = "attention"


class Adapter(Component):
    """Base."""

    @property
    def width(self) -> int:
        """Of the trained matrices' narrow side."""
        raise NotImplementedError

    @property
    def only_attention(self) -> bool:
        """Whether attention's matrices alone have one."""
        raise NotImplementedError


ADAPTERS: Registry[Adapter] = Registry("adapter")


def _targets(value: object) -> str | tuple[str, ...]:
    # One fault instead of one for each of the two types
    if value in (ALL_LINEAR, ATTENTION):
        return str(value)
    names = value if isinstance(value, list | tuple) else ()
    if not names or not all(isinstance(name, str) and 0 < len(name) <= 200 for name in names):
        raise ValueError(f"must be {ALL_LINEAR}, {ATTENTION} or a list of the matrices' names")
    return tuple(names)


@ADAPTERS.register("lora")
class Lora(Adapter):
    """LoRA: a product of two narrow matrices beside each frozen one."""

    only_with: ClassVar = {"scaling": ("alpha", (None,))}

    rank: Annotated[int, Field(ge=1, le=1024)] = Field(default=16, description="Width of the narrow matrices")
    alpha: Annotated[float, Field(gt=0, le=4096, allow_inf_nan=False)] | None = Field(
        default=None, description="α: their product counts alpha/rank; null: `scaling`, whatever the rank"
    )
    scaling: Annotated[float, Field(gt=0, le=4096, allow_inf_nan=False)] = Field(
        default=2.0, description="How much their product counts, α/r; read only where `alpha` is null"
    )
    dropout: Dropout = Field(default=0.05, description="Dropout before the narrow matrices")
    targets: Annotated[
        Literal["all_linear", "attention"] | tuple[str, ...],
        PlainValidator(_targets, json_schema_input_type=Literal["all_linear", "attention"] | Names),
    ] = Field(
        default=ALL_LINEAR,
        description="Which matrices of a layer have one: all, those of attention, or those whose names in the encoder "
        "end so (`[q_proj, v_proj]`)",
    )

    @property
    def width(self) -> int:
        """The rank."""
        return self.rank

    @property
    def only_attention(self) -> bool:
        """Whether ``targets`` says so."""
        return self.targets == ATTENTION
