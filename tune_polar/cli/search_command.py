"""`tune-polar search`: search a recipe's space on one machine or on many."""

from __future__ import annotations

from typing import Annotated

import typer

from tune_polar.cli import options
from tune_polar.cli.data_words import DataWords
from tune_polar.cli.machines import machines_of
from tune_polar.cli.request import RecipeWords, asked, check_counts, command_line, new_store, space_of
from tune_polar.cli.stopping import check_racing, limits
from tune_polar.garbage import without_collection
from tune_polar.trial.gpus import DEFAULT_SLOT_GB

DEFAULT_TRIALS = 8
DEFAULT_RACING = "model"


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
    folds: options.Folds = None,
    seeds: options.Seeds = None,
    seed: options.Seed = 0,
    slots: options.Slots = None,
    slot_gb: options.SlotGb = DEFAULT_SLOT_GB,
    address: options.Address = None,
    checkpoint_every: options.CheckpointEvery = 60,
    store: options.StorePath = None,
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
    stop_at = limits(time, until, trials)
    chosen_rule = check_racing(racing)
    check_counts(trials=trials, folds=folds, slots=slots, seed=seed)
    words = DataWords(data, language, dev, test, text, id_, column or (), target or (), group or ())
    found = asked(RecipeWords(recipe, encoder, profile, set_, folds, seeds), words)
    loaded = found.loaded
    searched = space_of(loaded, space)
    machines = machines_of(slots, slot_gb, address, checkpoint_every)
    # Imported here: --help and a mistyped option need neither torch nor ray, which take seconds to load.
    with without_collection():
        from tune_polar.cli.drive import Shown, start
        from tune_polar.search.plan import make_plan

    plan = make_plan(
        loaded.recipe,
        loaded.profile,
        found.source,
        space=searched,
        trials=DEFAULT_TRIALS if trials is None else trials,
        seed=seed,
        racing=chosen_rule or DEFAULT_RACING,
    )
    shown = Shown(json, quiet, verbose, found.notes)
    start(plan, new_store(store, loaded.recipe.recipe), machines, command_line(), shown, stop_at)
