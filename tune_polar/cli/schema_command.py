"""`tune-polar schema`: JSON Schemas, so that editors complete and check recipe and search space files."""

from __future__ import annotations

from typing import Annotated

import typer

from tune_polar.cli.output import say_json
from tune_polar.recipe.schema import recipe_schema, space_schema

KINDS = {"recipe": recipe_schema, "space": space_schema}


def _kind(text: str) -> str:
    """One of ``KINDS``; typer's own message for a choice speaks of value errors."""
    if text not in KINDS:
        raise typer.BadParameter(f"must be {' or '.join(KINDS)}, got {text!r}")
    return text


def schema(
    kind: Annotated[
        str, typer.Argument(parser=_kind, metavar="KIND", help="recipe or space", autocompletion=lambda: list(KINDS))
    ],
) -> None:
    """Print the JSON Schema of a kind of file.

    Example:

      tune-polar schema recipe > recipe.schema.json
    """
    say_json(KINDS[kind]())
