"""`tune-polar ablate`: a recipe and its ablations on the same folds."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from tune_polar.api.begin import Origin, begin_ablation
from tune_polar.cli import options
from tune_polar.cli.option_groups import DataGroup, MachinesGroup, RecipeGroup, ShownGroup, with_groups
from tune_polar.cli.run_and_exit import command_line, run_and_tell
from tune_polar.recipe.floor_names import DEFAULT_FLOORS


@with_groups
def ablate(
    *,
    recipe: options.Recipe,
    data: DataGroup,
    of_recipe: RecipeGroup,
    floors: options.Floors = DEFAULT_FLOORS,
    only: Annotated[
        str | None, typer.Option("--only", metavar="NAMES", help="These ablations alone, with commas between.")
    ] = None,
    machines: MachinesGroup,
    store: options.StorePath = None,
    shown: ShownGroup,
) -> None:
    """Train a recipe and each of its ablations on the same folds and compare them fold by fold.

    One that --set, --encoder or --profile makes the same as the recipe, or as another one, is left out and named.

    Example:

      tune-polar ablate st3

      tune-polar ablate impsh --only ce,scl --seeds 4
    """
    words, asked = data.words(), of_recipe.words(recipe)
    begin = partial(begin_ablation, asked, words, machines.machines(), Origin(store, command_line()))
    run_and_tell(partial(begin, floors=floors, only=only), shown)
