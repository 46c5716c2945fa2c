"""A configuration: a recipe with every value filled in, identified by the hash of what it says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tune_polar.errors import SpecError
from tune_polar.recipe.recipe import NOT_SETTINGS, Recipe
from tune_polar.recipe.recorded import first_fault, recipe_from_json, recipe_to_json
from tune_polar.recipe.space import Scalar

# What the recipe that a search began with is called; recipe/reference.py says which it is.
PUBLISHED, AS_GIVEN = "published", "as given"
SAMPLED, TRIED = "sampled", "tried first"  # the sampler's; a person's or an earlier search's
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: object) -> str:
    """One spelling for equal values: sorted keys, no spaces, floats by shortest repr."""
    return _CANONICAL.encode(value)


def digest(value: object, length: int = 64) -> str:
    """SHA-256 of the canonical JSON of ``value``, its first ``length`` hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:length]


@dataclass(frozen=True)
class Configuration:
    """One recipe to be trained on every cell."""

    recipe: Recipe
    number: int  # order in which the search proposed it; the published one is 0
    origin: str  # "published" or "as given" (the recipe itself), "sampled", "tried first", "no_fgm"
    point: Mapping[str, Scalar] = field(default_factory=dict)  # dotted key → value, what the sampler proposed

    @property
    def is_reference(self) -> bool:
        """Whether it is the recipe itself, with which the others are compared."""
        return self.origin in (PUBLISHED, AS_GIVEN)

    @cached_property
    def id(self) -> str:
        """Twelve hexadecimal digits: equal for equal settings."""
        return configuration_id(self.recipe)

    def to_json(self) -> dict[str, object]:
        """Plain data; ``from_text`` gives an equal configuration."""
        return {
            "id": self.id,
            "number": self.number,
            "origin": self.origin,
            "point": dict(self.point),
            "settings": recipe_to_json(self.recipe),
        }

    @staticmethod
    def from_text(text: str | bytes) -> Configuration:
        """The configuration that ``to_json`` gave, from JSON as text.

        Raises:
            SpecError: it is something else.
        """
        try:
            recorded = _Recorded.model_validate_json(text)
        except ValidationError as error:
            rule = f"a recorded configuration must hold number, origin, point and settings: {first_fault(error)}"
            raise SpecError(rule, "Restore the record, or search anew.") from None
        recipe = recipe_from_json(recorded.settings)
        return Configuration(recipe, recorded.number, recorded.origin, recorded.point)


class _Recorded(BaseModel):
    """What a record of a configuration holds beside its id, which follows from the settings."""

    model_config = ConfigDict(frozen=True, strict=True)
    number: int
    origin: str
    point: dict[str, Scalar] = Field(default_factory=dict)
    settings: dict[str, object]


def configuration_id(recipe: Recipe) -> str:
    """Hash of all that ``recipe`` says but its words, its seeds and how it is reported."""
    return digest(recipe.model_dump(mode="json", exclude=set(NOT_SETTINGS)), 12)
