"""What the variants of one search must have in common, so that their scores can be compared."""

from __future__ import annotations

from collections.abc import Iterator

from tune_polar.errors import SpecError
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import Data

_SECTIONS = ("data", "folds", "seeds")


def check_variant(origin: str, variant: Recipe, recipe: Recipe) -> None:
    """Refuse a variant of ``recipe`` that would be scored on other rows or by another measure.

    Raises:
        SpecError: it would.
    """
    changed = list(_changed(variant, recipe))
    if changed:
        raise SpecError(
            f"{origin} must leave {', '.join(changed)} as the recipe has it: scores could not be compared",
            "Make it a recipe of its own, and compare the two searches.",
        )


def _changed(variant: Recipe, recipe: Recipe) -> Iterator[str]:
    for section in _SECTIONS:
        if getattr(variant, section) != getattr(recipe, section) and not (
            section == "data" and _compared(variant.data) == _compared(recipe.data)
        ):
            yield section
    if variant.score.metric != recipe.score.metric:
        yield "score.metric"
    for name, stage in variant.stages.items():
        own = recipe.stages.get(name)
        if own is None:
            yield f"stages.{name}"
        elif stage.rows != own.rows:
            yield f"{name}.rows"
        elif stage.columns != own.columns:
            yield f"{name}.task"


def _compared(data: Data) -> Data:
    """Without what says which of the extra rows are trained on: no fold validates these."""
    if data.extra is None:
        return data
    return data.model_copy(update={"extra": data.extra.model_copy(update={"share": None, "only": None})})
