"""What manifests and records keep of recipes, spaces and configurations, each read by one function with checked types.

JSON knows no order of keys: stages and decisions get theirs from what they read, and a space's parameters are a list.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tune_polar.errors import SpecError
from tune_polar.recipe.broken_rules import broken_rules, no_suggestion
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.message_words import dotted
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.space import CategoricalParameter, Parameter

_REMEDY = "Search anew with this version: what an earlier one stored is not read."
_PARAMETER: TypeAdapter[Parameter] = TypeAdapter(Parameter)


class _Space(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    name: str
    parameters: Annotated[tuple[dict[str, Any], ...], Field(strict=False)]


def first_fault(error: ValidationError) -> str:
    """The first thing that is wrong with a record: ``key: rule, got value``."""
    broken = broken_rules(error, no_suggestion)[0]
    return f"{dotted(broken.key)}: {broken.rule}" if broken.key else broken.rule


def recipe_to_json(recipe: Recipe) -> dict[str, object]:
    """Plain data; ``recipe_from_json`` gives an equal recipe."""
    return recipe.model_dump(mode="json")


def recipe_from_json(data: object) -> Recipe:
    """The recipe that ``recipe_to_json`` gave, its keys in any order.

    Raises:
        SpecError: it is something else.
    """
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise SpecError(f"a recorded recipe must be one of this version's: {first_fault(error)}", _REMEDY) from None


def space_from_json(data: object, recipe: Recipe) -> LoadedSpace:
    """The space that ``LoadedSpace.to_json`` gave, over the recipe that it varies.

    Raises:
        SpecError: it is something else.
    """
    try:
        space = _Space.model_validate(data)
        parameters = {}
        for each in space.parameters:
            about = dict(each)
            key = about.pop("key", None)
            if not isinstance(key, str) or key in parameters:
                raise SpecError(f"a recorded parameter must have a key of its own, got {key!r}", _REMEDY)
            parameters[key] = _PARAMETER.validate_python(about)
        loaded = LoadedSpace(space.name, parameters, recipe)
        for entry in loaded.entries:  # a key that the recipe does not have is told now, and so is a choice
            parameter = parameters[entry.key]
            if isinstance(parameter, CategoricalParameter) and not entry.needs:
                for choice in parameter.choices:
                    loaded.fill({entry.key: choice})
    except ValidationError as error:
        rule = f"a recorded search space must be one of this version's: {first_fault(error)}"
        raise SpecError(rule, _REMEDY) from None
    return loaded
