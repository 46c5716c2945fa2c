"""What all settings of a recipe are made of: frozen models, and numbers with their ranges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Rate = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]
RateOrZero = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Dropout = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Focus = Annotated[float, Field(ge=0, le=20, allow_inf_nan=False)]  # γ of a focal weight
Weight = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]  # of one loss or one model among several
Temperature = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Names = Annotated[tuple[Name, ...], Field(strict=False)]  # strict=False: YAML and JSON know lists alone
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Settings(BaseModel):
    """Base of all settings: immutable, unknown keys refused, no silent conversion between types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    # The field that stands for the whole section where a file gives one word: `start: detector`.
    word: ClassVar[str | None] = None
    # Field → (another field, its values under which the first does anything).
    only_with: ClassVar[Mapping[str, tuple[str, tuple[object, ...]]]] = {}


@dataclass(frozen=True)
class Known:
    """Note of a field of text that holds one of some names, for JSON Schema and documentation; a rule checks it."""

    names: Callable[[], Iterable[str]]

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "enum": list(self.names())}
