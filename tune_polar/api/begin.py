"""A search, an ablation, or more of one that is recorded: from what a person says to what came of it.

The command line and the functions of Python begin here alike. Nothing heavy is loaded before all that can be wrong
without it has been looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tune_polar.api.count_checks import check_counts
from tune_polar.api.data_words import DataWords
from tune_polar.api.display import Shown
from tune_polar.api.machines import Machines
from tune_polar.api.points_to_try import tried_points
from tune_polar.api.search_request import RecipeWords, asked, new_store, space_of
from tune_polar.api.stopping_words import Extent
from tune_polar.data.source import Source, source_from_json
from tune_polar.errors import SpecError
from tune_polar.evaluate.manifest_facts import manifest_facts
from tune_polar.python_gc import without_collection
from tune_polar.recipe.floor_names import DEFAULT_FLOORS, floors_named
from tune_polar.recipe.message_words import did_you_mean
from tune_polar.recipe.recipe_file import LoadedRecipe
from tune_polar.recipe.reference import reference_origin
from tune_polar.recipe.repeated_ablations import repeated, repeats_words
from tune_polar.recipe.strict_yaml import Written

if TYPE_CHECKING:
    from tune_polar.api.run_search import Ended
    from tune_polar.search.search_plan import SearchPlan

DEFAULT_TRIALS = 8
DEFAULT_RACING = "model"


@dataclass(frozen=True)
class Origin:
    """Where a new search is recorded, and who asked for it.

    Args:
        store: a folder or URL; None: a new folder under ``searches``.
        command: that began it, for the manifest.
    """

    store: str | None
    command: str


def begin_search(
    recipe: RecipeWords,
    data: DataWords,
    extent: Extent,
    machines: Machines,
    origin: Origin,
    shown: Shown,
    *,
    space: Written | None = None,
    seed: int = 0,
    tries: Sequence[str] = (),
    floors: str = DEFAULT_FLOORS,
) -> Ended:
    """Search the space of a recipe.

    Args:
        recipe: what is said of it.
        data: and of its data.
        extent: how far the search shall go.
        machines: where it runs.
        origin: of its records.
        shown: how it is shown.
        space: a shipped one's name, a path, or what a file would hold; None: the recipe's.
        seed: of what is proposed.
        tries: files of points, and stores of earlier searches, whose points come first.
        floors: what is computed beside it at the end: ``all``, ``tfidf`` or ``none``.

    Raises:
        TunePolarError: something of it breaks a rule, or the search cannot go on.
    """
    limits, racing = extent.limits(), extent.rule()
    floors_named(floors)
    _check_trackers(shown)
    check_counts(trials=extent.trials, folds=recipe.folds, slots=machines.slots, seed=seed)
    found = asked(recipe, data)
    loaded = found.loaded
    searched = space_of(loaded, space)
    tried = tried_points(tries, searched)
    # Imported here: a mistyped word needs neither numpy nor ray, which take seconds to load.
    with without_collection():
        from tune_polar.api.run_search import start
        from tune_polar.search.make_plan import make_plan

    plan = make_plan(
        loaded.recipe,
        loaded.profile,
        found.source,
        space=searched,
        trials=DEFAULT_TRIALS if extent.trials is None else extent.trials,
        seed=seed,
        racing=racing or DEFAULT_RACING,
        floors=floors,
        tried=tried,
    )
    store = new_store(origin.store, loaded.recipe.recipe)
    for note in found.notes:
        shown.say(note)
    return start(plan, store, machines, origin.command, shown, limits)


def begin_ablation(
    recipe: RecipeWords,
    data: DataWords,
    machines: Machines,
    origin: Origin,
    shown: Shown,
    *,
    floors: str = DEFAULT_FLOORS,
    only: str | None = None,
) -> Ended:
    """Train a recipe and each of its ablations; as ``begin_search``.

    Args:
        recipe, data, machines, origin, shown, floors: as there.
        only: names of the ablations that are meant, with commas between; None: all.

    Raises:
        SpecError: the recipe names no ablations, or not these.
    """
    floors_named(floors)
    _check_trackers(shown)
    check_counts(folds=recipe.folds, slots=machines.slots)
    found = asked(recipe, data)
    loaded = found.loaded
    if not loaded.ablations:
        raise SpecError(
            f"a recipe must name ablations to compare with, got none in {loaded.path}",
            "Add an `ablations:` section: a name, a title and the changed values of each.",
        )
    # Imported here: see above.
    with without_collection():
        from tune_polar.api.run_search import start
        from tune_polar.search.make_plan import make_plan
        from tune_polar.search.stopping.limits import Limits

    variants = (
        (reference_origin(loaded.recipe), loaded.recipe),
        *((name, loaded.ablations[name][1]) for name in _picked(only, loaded)),
    )
    plan = make_plan(
        loaded.recipe,
        loaded.profile,
        found.source,
        variants=variants,
        trials=len(variants),
        seed=0,
        floors=floors,
    )
    plan, left_out = _without_repeats(plan)
    store = new_store(origin.store, f"{loaded.recipe.recipe}-ablation")
    for note in (*found.notes, *left_out):
        shown.say(note)
    return start(plan, store, machines, origin.command, shown, Limits())


def _without_repeats(plan: SearchPlan) -> tuple[SearchPlan, list[str]]:
    """Each ablation that says something of its own, and lines about the others.

    Only now: a profile, `--set` and the commits of the hub make some ablations what others are.

    Raises:
        SpecError: none is left.
    """
    (reference, recipe), *ablations = plan.variants
    repeats = repeated(recipe, ablations)
    kept = [(name, ablation) for name, ablation in ablations if name not in repeats]
    lines = repeats_words(repeats)
    if not kept:
        raise SpecError(
            f"an ablation must change something of the recipe, but {'; '.join(lines)}",
            "Name others with --only, or leave out what sets the same (--set, --encoder, --profile).",
        )
    variants = ((reference, recipe), *kept)
    return replace(plan, variants=variants, trials=len(variants)), lines


def _picked(only: str | None, loaded: LoadedRecipe) -> list[str]:
    """Ablations in the recipe's order.

    Raises:
        SpecError: there is none of that name.
    """
    known = list(loaded.ablations)
    if only is None:
        return known
    named = [name.strip() for name in only.split(",")]
    wrong = [name for name in named if name not in known]
    if wrong:
        raise SpecError(
            f"--only must name ablations of {loaded.recipe.recipe}, {', '.join(known)}, got {wrong[0]!r}"
            f"{did_you_mean(wrong[0], known)}",
            "For example --only " + ",".join(known[:2]) + ".",
        )
    return [name for name in known if name in named]


def go_on_with(place: str, data: DataWords, extent: Extent, machines: Machines, shown: Shown) -> Ended:
    """Take up a recorded search; what is finished is never trained again.

    Args:
        place: of its records.
        data: where the data lies now; what it leaves open is as begun.
        extent: how far it shall go; what it leaves open is as begun.
        machines: where it runs from now on.
        shown: how it is shown.

    Raises:
        TunePolarError: data, folds or an encoder are not what they were, or something breaks a rule.
    """
    limits, racing = extent.limits(), extent.rule()
    _check_trackers(shown)
    check_counts(trials=extent.trials, slots=machines.slots)
    # Imported here: see above.
    with without_collection():
        from tune_polar.api.run_search import go_on
        from tune_polar.search.resume_plan import plan_from_manifest
        from tune_polar.store.store import open_store

    store = open_store(place)
    manifest = store.manifest_as_told()
    source = data.taken_up(recorded_source(manifest, store.url))
    plan = plan_from_manifest(manifest, source, extent.trials, racing, store.gold())
    extent.check_for_kind(plan.kind)
    begun = store.count_configurations()
    if extent.trials is not None and extent.trials < begun:
        raise SpecError(
            f"--trials must be at least the {begun} configurations that the search has begun, got {extent.trials}",
            "Leave --trials out to finish what was begun.",
        )
    if extent.trials is None and plan.kind == "search":  # one that ran until a time was over holds more
        plan = replace(plan, trials=max(plan.trials, begun))
    return go_on(plan, store, machines, shown, limits)


def recorded_source(manifest: Mapping[str, Any], place: str) -> Source:
    """Where the data of a recorded search lay.

    Raises:
        StoreError: the manifest does not describe a search.
    """
    manifest_facts(manifest, place)
    return source_from_json(manifest["data"]["source"])


def _check_trackers(shown: Shown) -> None:
    if shown.track:
        # Imported here: see above.
        from tune_polar.search.trackers.tracker import check_trackers

        check_trackers(shown.track)
