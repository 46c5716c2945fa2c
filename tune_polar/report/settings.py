"""Settings side by side: where two recipes differ, and which values a search looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tune_polar.report.numbers import setting
from tune_polar.spec.recipe import Recipe

# Words about a recipe, not settings of it.
_NOT_SETTINGS = ("recipe", "description")


@dataclass(frozen=True)
class SettingDifference:
    """One key whose value differs."""

    key: str  # "classifier.gamma_negative.stereotype"
    published: str
    winner: str
    searched: str  # "0.0003 to 0.01, log scale"; "" where the search did not vary it


def flat(recipe: Recipe) -> dict[str, object]:
    """Dotted key → value, in the recipe's order; sections that are absent are None."""
    found: dict[str, object] = {}

    def walk(prefix: str, value: object) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                walk(f"{prefix}.{key}" if prefix else str(key), inner)
        else:
            found[prefix] = value

    walk("", {key: value for key, value in recipe.model_dump(mode="json").items() if key not in _NOT_SETTINGS})
    return found


def differences(
    published: Recipe, winner: Recipe, parameters: Mapping[str, Mapping[str, Any]]
) -> tuple[SettingDifference, ...]:
    """Keys on which the two differ, in the recipe's order.

    Args:
        published: the recipe the search started from.
        winner: with its decision settings filled in.
        parameters: the space's, as a manifest keeps them; empty where nothing was searched.
    """
    before, after = flat(published), flat(winner)
    keys = [*before, *(key for key in after if key not in before)]
    return tuple(
        SettingDifference(key, _shown(before, key), _shown(after, key), searched_range(key, parameters))
        for key in keys
        if before.get(key) != after.get(key)
    )


def searched_range(key: str, parameters: Mapping[str, Mapping[str, Any]]) -> str:
    """The values that a search looked at for ``key``, in words."""
    parameter = parameters.get(key)
    if parameter is None:  # an element of a vector: its parameter carries the name of all of them
        vectors = [about for name, about in parameters.items() if "element" in about and key.startswith(f"{name}.")]
        parameter = vectors[0]["element"] if vectors else None
    if parameter is None:
        return ""
    if "choices" in parameter:
        return ", ".join(setting(choice) for choice in parameter["choices"])
    scale = ", log scale" if parameter.get("log") else ""
    return f"{setting(parameter['low'])} to {setting(parameter['high'])}{scale}"


def _shown(values: Mapping[str, object], key: str) -> str:
    return setting(values[key]) if key in values else "absent"
