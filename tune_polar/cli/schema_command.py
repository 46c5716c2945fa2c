"""`tune-polar schema`: JSON Schemas, so that editors complete and check recipe and search space files."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from tune_polar.spec.schema import recipe_schema, space_schema


class Kind(StrEnum):
    """The two kinds of file."""

    recipe = "recipe"
    space = "space"


def schema(kind: Annotated[Kind, typer.Argument(help="recipe or space")]) -> None:
    """Print the JSON Schema of a kind of file.

    Example:

      tune-polar schema recipe > recipe.schema.json
    """
    built = recipe_schema() if kind is Kind.recipe else space_schema()
    typer.echo(json.dumps(built, ensure_ascii=False, indent=1))
