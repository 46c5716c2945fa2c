"""`tune-polar search`: search a recipe's space on one machine or on many."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from tune_polar.api.begin import DEFAULT_RACING, DEFAULT_TRIALS, Origin, begin_search
from tune_polar.api.stopping_words import Extent
from tune_polar.cli import options
from tune_polar.cli.option_groups import DataGroup, MachinesGroup, RecipeGroup, ShownGroup, with_groups
from tune_polar.cli.run_and_exit import command_line, run_and_tell
from tune_polar.recipe.floor_names import DEFAULT_FLOORS


@with_groups
def search(
    *,
    recipe: options.Recipe,
    data: DataGroup,
    of_recipe: RecipeGroup,
    space: Annotated[
        str | None, typer.Option("--space", help="A shipped search space or a file.  [default: the recipe's]")
    ] = None,
    try_: options.Try = None,
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials",
            parser=options.whole_number,
            metavar="N",
            help=f"Configurations to train; the first is the recipe as given.  [default: {DEFAULT_TRIALS}]",
        ),
    ] = None,
    time: options.Time = None,
    until: options.Until = None,
    racing: options.Racing = DEFAULT_RACING,
    floors: options.Floors = DEFAULT_FLOORS,
    seed: options.Seed = 0,
    machines: MachinesGroup,
    store: options.StorePath = None,
    shown: ShownGroup,
) -> None:
    """Search the settings of a recipe by cross-validation.

    Examples:

      tune-polar search st3                                       (sample texts, embedded encoder, offline)

      tune-polar search classifier --data tweets.csv --text tweet --target label

      tune-polar search regressor --data tweets.csv --text tweet --target intimacy --seeds 3

      tune-polar search st3 --data polar/ --language zho --encoder nghuyong/ernie-3.0-xbase-zh --trials 50

      tune-polar search st3 --time 2h --until converged
    """
    words, asked, extent = data.words(), of_recipe.words(recipe), Extent(trials, time, until, racing)
    begin = partial(begin_search, asked, words, extent, machines.machines(), Origin(store, command_line()))
    run_and_tell(partial(begin, space=space, seed=seed, tries=try_ or (), floors=floors), shown)
