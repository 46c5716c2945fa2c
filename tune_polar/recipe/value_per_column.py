"""A setting with one value for all columns of a stage's task, or one for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import GetCoreSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema, core_schema

from tune_polar.recipe.settings import Name, Settings


@dataclass(frozen=True)
class Each:
    """Note of an ``Annotated[Mapping[Name, X] | X, Each(X)]`` field: the names are checked against the stage's columns.

    One note instead of pydantic's union, which would report a bad value once for each of its kinds.
    """

    value: Any  # X, with its range
    optional: bool = False  # null too

    @cached_property
    def one(self) -> TypeAdapter[Any]:
        """Of a single value."""
        return TypeAdapter(self.value, config=Settings.model_config)

    @cached_property
    def mapping(self) -> TypeAdapter[Any]:
        """Of one value a column."""
        kind: Any = Mapping[Name, self.value]  # type: ignore[name-defined]
        return TypeAdapter(kind, config=Settings.model_config)

    def validated(self, value: object) -> object:
        """One value, or a mapping of them.

        Raises:
            ValidationError: it is neither.
        """
        if value is None and self.optional:
            return None
        found: object = (self.mapping if isinstance(value, Mapping) else self.one).validate_python(value)
        return found

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.validated)
