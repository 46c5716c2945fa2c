"""The plan of a recorded search, with its data read again and checked to be the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.source import Source, now_at, source_from_json
from tune_polar.data.table import Corpus
from tune_polar.errors import StoreError, TunePolarError
from tune_polar.evaluate.manifest_facts import manifest_facts
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.recorded import recipe_from_json
from tune_polar.search.changed_rows import check_train
from tune_polar.search.make_plan import Asked, Rows, check_asked, planned
from tune_polar.search.recipe_data import fold_plans, read_corpus
from tune_polar.search.same_inputs import check_cells, check_stages
from tune_polar.search.search_plan import Points, SearchPlan
from tune_polar.store.gold import Gold

_POINTS: TypeAdapter[Points] = TypeAdapter(Points)


def plan_from_manifest(
    manifest: Mapping[str, Any],
    source: Source | None,
    trials: int | None,
    racing: str | None = None,
    gold: Gold | None = None,
    *,
    place: str = "of this search",
) -> SearchPlan:
    """The plan of a recorded search, with its data read again and checked to be the same.

    Args:
        manifest: of the store.
        source: where the data lies now; None: where it lay then.
        trials: a new total; None: as recorded.
        racing: the rule from now on; None: as recorded.
        gold: of the store, whose folds are taken as they are, so that a later version of the libraries that make folds
            changes nothing; None: they are made anew.
        place: of the store, for errors.

    Raises:
        StoreError: the manifest does not describe a search.
        SearchError: data, folds or an encoder are not what they were.
        TunePolarError: as ``make_plan``.
    """
    facts = manifest_facts(manifest, place)
    try:
        variants = tuple((str(origin), recipe_from_json(settings)) for origin, settings in manifest["variants"])
        files = {str(file): str(address) for file, address in manifest["data"]["files"].items()}
        tried = _POINTS.validate_python(manifest.get("tried", ()))
        was = source_from_json(manifest["data"]["source"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, TunePolarError):
            raise
        raise StoreError(
            f"store {place}: manifest.json must describe a search, but: {type(error).__name__} {error}",
            "Give the folder or URL that `tune-polar search` printed as its records.",
        ) from None
    asked = Asked(
        facts.recipe,
        facts.profile,
        facts.searched,
        variants,
        facts.trials if trials is None else trials,
        facts.seed,
        facts.racing if racing is None else racing,
        facts.floors,
        tried,
    )
    check_asked(asked)
    if source is not None:
        files = {file: now_at(was, source, address) for file, address in files.items()}
    corpus = read_corpus(facts.recipe, source or was, files)
    check_train(facts.data_fingerprint, corpus, gold)
    plans = _recorded_plans(facts.recipe, corpus, gold) or fold_plans(facts.recipe, corpus)
    plan = planned(asked, Rows(source or was, corpus, plans, facts.cells))
    check_cells(facts.cells, plan)
    check_stages(facts.inputs, plan.inputs.stages)
    for origin, inputs in plan.variant_inputs.items():
        check_stages(facts.variant_inputs.get(origin, {}), inputs.stages, f" of {origin}")
    return plan


def _recorded_plans(recipe: Recipe, corpus: Corpus, gold: Gold | None) -> dict[str, FoldPlan] | None:
    """The recorded folds where they are of these rows; whether they are the search's, their hashes tell."""
    found = {} if gold is None else {name: plan for name, plan in gold.plans.items() if name in recipe.stages}
    if len(found) < len(recipe.stages) or any(p.training.shape[1] != len(corpus.train) for p in found.values()):
        return None
    return found
