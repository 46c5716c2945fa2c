"""Ablations that say what their recipe says, or another of them: trained once, they would tell nothing apart."""

from __future__ import annotations

from collections.abc import Iterable

from tune_polar.recipe.configuration import configuration_id
from tune_polar.recipe.recipe import Recipe


def repeated(recipe: Recipe, ablations: Iterable[tuple[str, Recipe]]) -> dict[str, str]:
    """Each ablation that repeats what came before it, and in words what that is.

    Args:
        recipe: that they change.
        ablations: name and recipe of each, in their order.

    Example:
        >>> repeated(recipe, [("a", other), ("b", other)])
        {'b': 'the ablation a'}
    """
    said, found = {configuration_id(recipe): "the recipe"}, {}
    for name, ablation in ablations:
        before = said.setdefault(configuration_id(ablation), f"the ablation {name}")
        if before != f"the ablation {name}":
            found[name] = before
    return found


def repeats_words(found: dict[str, str]) -> list[str]:
    """A line for each of those that ``repeated`` gives.

    Example:
        >>> repeats_words({"b": "the ablation a"})
        ['the ablation b is left out: it says what the ablation a says']
    """
    return [f"the ablation {name} is left out: it says what {other} says" for name, other in found.items()]
