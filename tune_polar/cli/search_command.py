"""`tune-polar search`: search a recipe's space on one machine or on many."""

from __future__ import annotations

from typing import Annotated

import typer

from tune_polar.api.begin import DEFAULT_RACING, DEFAULT_TRIALS, Origin, begin_search
from tune_polar.api.data_words import DataWords
from tune_polar.api.machines import machines_of
from tune_polar.api.search_request import RecipeWords
from tune_polar.api.stopping import Extent
from tune_polar.cli import options
from tune_polar.cli.run_and_exit import command_line, run_and_tell
from tune_polar.recipe.floor_names import DEFAULT_FLOORS
from tune_polar.trial.gpus import DEFAULT_SLOT_GB


def search(
    recipe: options.Recipe,
    data: options.Data = "sample",
    text: options.Text = None,
    target: options.Target = None,
    id_: options.Id = None,
    group: options.Group = None,
    column: options.Column = None,
    dev: options.Dev = None,
    test: options.Test = None,
    language: options.Language = None,
    encoder: options.Encoder = None,
    profile: options.Profile = None,
    space: Annotated[
        str | None, typer.Option("--space", help="A shipped search space or a file.  [default: the recipe's]")
    ] = None,
    try_: options.Try = None,
    set_: options.Set = None,
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
    folds: options.Folds = None,
    seeds: options.Seeds = None,
    seed: options.Seed = 0,
    slots: options.Slots = None,
    slot_gb: options.SlotGb = DEFAULT_SLOT_GB,
    address: options.Address = None,
    checkpoint_every: options.CheckpointEvery = 60,
    keep_weights: options.KeepWeights = 1,
    disk_gb: options.DiskGb = None,
    store: options.StorePath = None,
    track: options.Track = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Search the settings of a recipe by cross-validation.

    Examples:

      tune-polar search st3                                       (sample texts, embedded encoder, offline)

      tune-polar search classifier --data tweets.csv --text tweet --target label

      tune-polar search regressor --data tweets.csv --text tweet --target intimacy --seeds 3

      tune-polar search st3 --data polar/ --language zho --encoder nghuyong/ernie-3.0-xbase-zh --trials 50

      tune-polar search st3 --time 2h --until converged
    """
    words = DataWords(data, language, dev, test, text, id_, options.columns(column), target or (), group or ())
    asked = RecipeWords(recipe, encoder, profile, options.assignments(set_), folds, seeds)
    extent = Extent(trials, time, until, racing)
    machines = machines_of(slots, slot_gb, address, checkpoint_every, keep_weights, disk_gb)
    origin = Origin(store, command_line())
    run_and_tell(
        lambda shown: begin_search(
            asked, words, extent, machines, origin, shown, space=space, seed=seed, tries=try_ or (), floors=floors
        ),
        json=json,
        quiet=quiet,
        verbose=verbose,
        track=track or (),
    )
