"""`tune-polar ablate`: a recipe and its ablations on the same folds."""

from __future__ import annotations

from typing import Annotated

import typer

from tune_polar.api.begin import Origin, begin_ablation
from tune_polar.api.data_words import DataWords
from tune_polar.api.machines import machines_of
from tune_polar.api.search_request import RecipeWords
from tune_polar.cli import options
from tune_polar.cli.run_and_exit import command_line, run_and_tell
from tune_polar.recipe.floor_names import DEFAULT_FLOORS
from tune_polar.trial.gpus import DEFAULT_SLOT_GB


def ablate(
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
    set_: options.Set = None,
    floors: options.Floors = DEFAULT_FLOORS,
    folds: options.Folds = None,
    seeds: options.Seeds = None,
    only: Annotated[
        str | None, typer.Option("--only", metavar="NAMES", help="These ablations alone, with commas between.")
    ] = None,
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
    """Train a recipe and each of its ablations on the same folds and compare them fold by fold.

    Example:

      tune-polar ablate st3

      tune-polar ablate impsh --only ce,scl --seeds 4
    """
    words = DataWords(data, language, dev, test, text, id_, options.columns(column), target or (), group or ())
    asked = RecipeWords(recipe, encoder, profile, options.assignments(set_), folds, seeds)
    machines = machines_of(slots, slot_gb, address, checkpoint_every, keep_weights, disk_gb)
    origin = Origin(store, command_line())
    run_and_tell(
        lambda shown: begin_ablation(asked, words, machines, origin, shown, floors=floors, only=only),
        json=json,
        quiet=quiet,
        verbose=verbose,
        track=track or (),
    )
