"""`tune-polar ablate`: a recipe and its ablations on the same folds."""

from __future__ import annotations

from tune_polar.cli import options
from tune_polar.cli.data_words import DataWords
from tune_polar.cli.machines import machines_of
from tune_polar.cli.request import RecipeWords, asked, check_counts, command_line, new_store
from tune_polar.errors import SpecError
from tune_polar.garbage import without_collection
from tune_polar.recipe.reference import reference_origin
from tune_polar.search.limits import Limits
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
    folds: options.Folds = None,
    seeds: options.Seeds = None,
    slots: options.Slots = None,
    slot_gb: options.SlotGb = DEFAULT_SLOT_GB,
    address: options.Address = None,
    checkpoint_every: options.CheckpointEvery = 60,
    store: options.StorePath = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Train a recipe and each of its ablations on the same folds and compare them fold by fold.

    Example:

      tune-polar ablate st3
    """
    check_counts(folds=folds, slots=slots)
    words = DataWords(data, language, dev, test, text, id_, column or (), target or (), group or ())
    found = asked(RecipeWords(recipe, encoder, profile, set_, folds, seeds), words)
    loaded = found.loaded
    if not loaded.ablations:
        raise SpecError(
            f"a recipe must name ablations to compare with, got none in {loaded.path}",
            "Add an `ablations:` section: a name, a title and the changed values of each.",
        )
    machines = machines_of(slots, slot_gb, address, checkpoint_every)
    # Imported here: --help and a mistyped option need neither torch nor ray, which take seconds to load.
    with without_collection():
        from tune_polar.cli.drive import Shown, start
        from tune_polar.search.plan import make_plan

    variants = (
        (reference_origin(loaded.recipe), loaded.recipe),
        *((name, variant) for name, (_, variant) in loaded.ablations.items()),
    )
    plan = make_plan(loaded.recipe, loaded.profile, found.source, variants=variants, trials=len(variants), seed=0)
    place = new_store(store, f"{loaded.recipe.recipe}-ablation")
    start(plan, place, machines, command_line(), Shown(json, quiet, verbose, found.notes), Limits())
