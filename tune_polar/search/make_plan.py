"""Makes the plan of a search: all that can be wrong is found here, before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.source import Source
from tune_polar.data.table import Corpus
from tune_polar.errors import SearchError
from tune_polar.recipe.cells import Cell, cells
from tune_polar.recipe.floor_names import DEFAULT_FLOORS, floors_named
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.space import NotProposedError
from tune_polar.search.extra_rows_check import check_extra
from tune_polar.search.neighbour_counts import check_neighbours, most_neighbours, within_neighbours
from tune_polar.search.racing.racing_names import NONE, rule_named
from tune_polar.search.recipe_data import fold_plans, fold_warnings, read_corpus
from tune_polar.search.resources.table_sizes import check_tables
from tune_polar.search.search_plan import Points, Variants
from tune_polar.search.search_plan import SearchPlan as SearchPlan
from tune_polar.search.variants import check_variant
from tune_polar.trial.encoder_identities import EncoderIdentities
from tune_polar.trial.stage_inputs import inputs_of


@dataclass(frozen=True, eq=False)
class Asked:
    """What a search is to do, before its data are looked at."""

    recipe: Recipe
    profile: str
    space: LoadedSpace | None
    variants: Variants
    trials: int
    seed: int
    racing: str
    floors: str = DEFAULT_FLOORS
    tried: Points = ()


@dataclass(frozen=True, eq=False)
class Rows:
    """Its data, and how they are split."""

    source: Source
    corpus: Corpus
    plans: Mapping[str, FoldPlan]
    cells: tuple[Cell, ...]


def make_plan(
    recipe: Recipe,
    profile: str,
    source: Source,
    *,
    space: LoadedSpace | None = None,
    variants: Variants = (),
    trials: int,
    seed: int,
    racing: str = NONE,
    floors: str = DEFAULT_FLOORS,
    tried: Points = (),
) -> SearchPlan:
    """Read the data, make the folds, find the encoders.

    Args:
        recipe: what is searched.
        profile: that it took.
        source: of the data.
        space: what varies; None: the variants are run.
        variants: of an ablation, each with its origin.
        trials: configurations to train.
        seed: of what is proposed.
        racing: name of the rule by which configurations are given up.
        floors: what is computed beside it, as ``--floors`` says it.
        tried: points of the space that come first, right after the recipe itself.

    Raises:
        TunePolarError: data, folds, encoders or settings break a rule.

    Example:
        >>> make_plan(loaded.recipe, loaded.profile, parse_source("sample"), space=space, trials=8, seed=0)
    """
    asked = Asked(recipe, profile, space, variants, trials, seed, racing, floors, tried)
    check_asked(asked)
    corpus = read_corpus(recipe, source)
    plans = fold_plans(recipe, corpus)
    corpus = replace(corpus, warnings=(*corpus.warnings, *fold_warnings(recipe, corpus, plans)))
    return planned(asked, Rows(source, corpus, plans, cells(recipe, next(iter(plans.values())))))


def check_asked(asked: Asked) -> None:
    """Refuse what no data could make right.

    Raises:
        SpecError: there is no such racing rule or floor, or variants cannot be compared.
        SearchError: nothing would be trained.
    """
    rule_named(asked.racing)
    floors_named(asked.floors)
    if asked.trials < 1:
        raise SearchError(
            f"--trials must be at least 1, got {asked.trials}", "Give the number of configurations to train."
        )
    for origin, variant in asked.variants:
        check_variant(origin, variant, asked.recipe)


def check_tried(tried: Points, space: LoadedSpace | None) -> None:
    """Refuse points that the space, in the bounds of its data, could not propose.

    Raises:
        SearchError: there is one.
    """
    for point in tried:
        try:
            if space is None or space.point_at(point.get) != dict(point):
                raise NotProposedError(("its keys", ", ".join(point)))
        except NotProposedError as error:
            key, value = error.args[0]
            raise SearchError(
                f"points to try must lie in the search space, got {key}: {value!r}",
                "Give a value within the range that `tune-polar list RECIPE` shows, or another --space.",
            ) from None


def planned(asked: Asked, rows: Rows) -> SearchPlan:
    """The plan, once its data and folds are there: its encoders of the hub are of the commits that they have now.

    Raises:
        SpecError: a vote counts more neighbours than there are.
        SearchError: a stage would predict more than a store takes.
        ModelError: an encoder is not to be found.
    """
    recipe, corpus, plans, identities = asked.recipe, rows.corpus, rows.plans, EncoderIdentities()
    most = most_neighbours(recipe, corpus, plans)
    check_neighbours(recipe, most)
    for _, variant in asked.variants:
        check_neighbours(variant, most_neighbours(variant, corpus, plans))
    recipes = (recipe, *(variant for _, variant in asked.variants))
    for each in recipes:
        check_tables(each, corpus, plans)
    check_extra(recipes, asked.space, corpus)
    space = None if asked.space is None else within_neighbours(asked.space, most)
    check_tried(asked.tried, space)
    recipe = identities.with_commits(recipe)
    return SearchPlan(
        recipe=recipe,
        profile=asked.profile,
        space=None if space is None else replace(space, recipe=recipe),
        variants=tuple((origin, identities.with_commits(variant)) for origin, variant in asked.variants),
        source=rows.source,
        corpus=corpus,
        plans=plans,
        inputs=inputs_of(recipe, corpus, plans, identities),
        cells=rows.cells,
        trials=asked.trials,
        seed=asked.seed,
        racing=asked.racing,
        floors=asked.floors,
        tried=asked.tried,
        identities=identities,
    )
