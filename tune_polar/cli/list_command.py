"""`tune-polar list`: shipped recipes and search spaces, and every key of a recipe."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tune_polar.api.consoles import result_console
from tune_polar.api.own_encoder import names_encoder
from tune_polar.api.search_request import space_of
from tune_polar.assets import shipped, shipped_names
from tune_polar.cli import options
from tune_polar.cli.output import say, say_json
from tune_polar.recipe.fill import as_written, value_at
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.message_words import shown
from tune_polar.recipe.recipe_file import LoadedRecipe, RecipeOptions, load_recipe
from tune_polar.recipe.sections import TINY
from tune_polar.recipe.settings_table import SettingRow, rows_of


def list_shipped(
    recipe: Annotated[str | None, typer.Argument(help="A recipe, to show its keys and ablations.")] = None,
    encoder: Annotated[
        str | None, typer.Option("--encoder", help="Show the values for this encoder.  [default: the recipe's own]")
    ] = None,
    meanings: Annotated[bool, typer.Option("--meanings", help="Also say what each key means.")] = False,
    paths: Annotated[bool, typer.Option("--paths", help="Also say where the files lie.")] = False,
    json: options.Json = False,
) -> None:
    """List what is shipped, or every key of one recipe with its value and what the search space varies.

    Examples:

      tune-polar list

      tune-polar list st3

      tune-polar list classifier --meanings
    """
    if recipe is None:
        _list_files(paths, json)
        return
    loaded = load_recipe(recipe, RecipeOptions(encoder=encoder))
    rows = list(rows_of(loaded.recipe))
    if json:
        values = {row.key: as_written(value_at(loaded.recipe, row.key)) for row in rows}
        say_json(values)
        return
    _print_keys(result_console(), loaded, rows, meanings)
    if encoder is None and not names_encoder(recipe) and loaded.recipe.encoder.name != TINY:
        say(
            f"\nValues for {loaded.recipe.encoder.name}. A search without --encoder uses the embedded "
            f"one: `tune-polar list {quote(recipe)} --encoder {TINY}` shows its values."
        )


def _list_files(paths: bool, as_json: bool) -> None:
    recipes = {name: load_recipe(name).recipe.description for name in shipped_names("trials")}
    spaces = shipped_names("search_spaces")
    if as_json:
        say_json({"recipes": recipes, "search_spaces": spaces})
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
        console.print(f"recipes lie in {shipped('trials')}", soft_wrap=True)
        console.print(f"search spaces lie in {shipped('search_spaces')}", soft_wrap=True)


def _print_keys(console: Console, loaded: LoadedRecipe, rows: list[SettingRow], meanings: bool) -> None:
    recipe, space = loaded.recipe, space_of(loaded, None)
    said = f"{recipe.recipe}: {recipe.description}" if recipe.description else recipe.recipe
    console.print(f"{said} (profile {loaded.profile})\n", soft_wrap=True)
    table = Table(box=None, header_style="bold")
    for name in ("key", "value", "searched", *(("meaning",) if meanings else ())):
        table.add_column(name, overflow="fold")
    for row in rows:
        cells = (row.key, _told(value_at(recipe, row.key)), _searched(space, row.key), row.meaning)
        table.add_row(*cells[: len(table.columns)])
    console.print(table)
    console.print(f"\nsearch space: {space.name}")
    if loaded.ablations:
        titles = [f"  {name}: {title}" for name, (title, _) in loaded.ablations.items()]
        console.print("\nablations:\n" + "\n".join(titles))


def _searched(space: LoadedSpace, key: str) -> str:
    return "yes" if space.searches(key) else ""


def _told(value: object) -> str:
    return "—" if value is None else ", ".join(_words(value))


def _words(value: object) -> Iterator[str]:
    """A value as a person would write it, a list or section without its brackets."""
    if isinstance(value, dict):
        yield from (f"{key}: {each}" for key, each in value.items()) if value else ("none",)
    elif isinstance(value, list | tuple):
        yield from map(str, value) if value else ("none",)
    else:
        yield value if isinstance(value, str) else shown(value)
