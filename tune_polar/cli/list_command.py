"""`tune-polar list`: shipped recipes and search spaces, and every key of a recipe."""

from __future__ import annotations

import json as json_library
from typing import Annotated

import typer
from rich.table import Table

from tune_polar.assets import shipped, shipped_names
from tune_polar.cli import options
from tune_polar.cli.output import result_console
from tune_polar.cli.request import DEFAULT_ENCODER, names_encoder
from tune_polar.spec.draft import recipe_keys
from tune_polar.spec.recipe_file import LoadedRecipe, RecipeOptions, load_recipe
from tune_polar.spec.space_file import load_space, value_at


def list_shipped(
    recipe: Annotated[str | None, typer.Argument(help="A recipe, to show its keys and ablations.")] = None,
    encoder: Annotated[
        str | None, typer.Option("--encoder", help="Show the values for this encoder.  [default: the recipe's own]")
    ] = None,
    paths: Annotated[bool, typer.Option("--paths", help="Also say where the files lie.")] = False,
    json: options.Json = False,
) -> None:
    """List what is shipped, or every key of one recipe with its value and what the search space varies.

    Examples:

      tune-polar list

      tune-polar list st3
    """
    if recipe is not None:
        loaded = load_recipe(recipe, RecipeOptions(encoder=encoder))
        _list_keys(loaded, json)
        if not json and encoder is None and not names_encoder(recipe):
            typer.echo(
                f"\nValues for {loaded.recipe.encoder.name}. A search without --encoder uses the embedded "
                f"one: `tune-polar list {recipe} --encoder {DEFAULT_ENCODER}` shows its values."
            )
        return
    recipes = {name: load_recipe(name).recipe.description for name in shipped_names("trials")}
    spaces = shipped_names("search_spaces")
    if json:
        typer.echo(json_library.dumps({"recipes": recipes, "search_spaces": spaces}, ensure_ascii=False, indent=1))
        return
    table = Table(box=None, header_style="bold")
    table.add_column("recipe")
    table.add_column("what it is")
    for name, description in recipes.items():
        table.add_row(name, description)
    console = result_console()
    console.print(table)
    console.print(f"\nsearch spaces: {', '.join(spaces)}")
    if paths:
        console.print(f"recipes lie in {shipped('trials')}", soft_wrap=True, highlight=False)
        console.print(f"search spaces lie in {shipped('search_spaces')}", soft_wrap=True, highlight=False)


def _list_keys(loaded: LoadedRecipe, as_json: bool) -> None:
    recipe = loaded.recipe
    searched = set(load_space(loaded.base, recipe, loaded.profile).parameters)
    values = {key: value_at(recipe, key) for key in recipe_keys(recipe)}
    if as_json:
        typer.echo(json_library.dumps(values, ensure_ascii=False, indent=1))
        return
    console = result_console()
    console.print(f"{recipe.recipe}: {recipe.description} (profile {loaded.profile})\n", highlight=False)
    table = Table(box=None, header_style="bold")
    for name in ("key", "value", "searched"):
        table.add_column(name)
    for key, value in values.items():
        varies = "yes" if key in searched or any(key.startswith(f"{name}.") for name in searched) else ""
        table.add_row(key, "—" if value is None else str(value), varies)
    console.print(table)
    if loaded.ablations:
        titles = [f"  {name}: {title}" for name, (title, _) in loaded.ablations.items()]
        console.print("\nablations:\n" + "\n".join(titles), highlight=False)
