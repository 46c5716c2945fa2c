"""A configuration: a recipe with every value filled in, identified by the hash of what it says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pydantic import StrictInt, StrictStr, TypeAdapter

from tune_polar.assets import shipped_names
from tune_polar.spec.recipe import Recipe

# Words about a recipe, not settings of it: they change nothing a trial does.
_NOT_SETTINGS = {"recipe", "description"}
# What the recipe that a search began with is called: only a shipped one holds published values.
PUBLISHED, AS_GIVEN = "published", "as given"
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: object) -> str:
    """One spelling for equal values: sorted keys, no spaces, floats by shortest repr."""
    return _CANONICAL.encode(value)


def digest(value: object, length: int = 64) -> str:
    """SHA-256 of the canonical JSON of ``value``, its first ``length`` hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:length]


def reference_origin(recipe: Recipe) -> str:
    """What to call ``recipe`` where it is the one to compare with: a recipe of the user's own is not published."""
    return PUBLISHED if recipe.recipe in shipped_names("trials") else AS_GIVEN


@dataclass(frozen=True)
class Configuration:
    """One recipe to be trained on every fold."""

    recipe: Recipe
    number: int  # order in which the search proposed it; the published one is 0
    origin: str  # "published" or "as given" (the recipe itself), "sampled", "no_fgm"
    point: Mapping[str, object] = field(default_factory=dict)  # space key → value, what the sampler proposed

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
            "settings": self.recipe.model_dump(mode="json"),
        }

    @staticmethod
    def from_text(text: str | bytes) -> Configuration:
        """The configuration that ``to_json`` gave, from JSON as text.

        Raises:
            ValueError: it is something else.
        """
        recorded = _RECORDED.validate_json(text)
        return Configuration(recorded.settings, recorded.number, recorded.origin, recorded.point)


@dataclass(frozen=True)
class _Recorded:
    """What a record of a configuration holds beside its id, which follows from the settings."""

    settings: Recipe
    number: StrictInt
    origin: StrictStr
    point: dict[str, object]


_RECORDED = TypeAdapter(_Recorded)


def configuration_id(recipe: Recipe) -> str:
    """Hash of all settings of ``recipe``."""
    return digest(recipe.model_dump(mode="json", exclude=_NOT_SETTINGS), 12)
