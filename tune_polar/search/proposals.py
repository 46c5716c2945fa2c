"""Where configurations come from: the recipe itself and then the sampler's, or a fixed list."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from pydantic import ValidationError

from tune_polar.recipe.configuration import SAMPLED, TRIED, Configuration
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.reference import reference_origin
from tune_polar.recipe.space import Scalar
from tune_polar.search.optuna.sampler import Sampler

# A space of few points repeats itself; after this many repeats in a row it counts as tried out.
MAX_REPEATS = 200


class SpaceProposals:
    """The recipe itself first, so that every search has it to compare with; then points to try, then the sampler's."""

    def __init__(self, sampler: Sampler, tried: Sequence[Mapping[str, Scalar]] = ()) -> None:
        """``tried``: points for configurations 1, 2, …; one that is known already leaves its number to the sampler."""
        self._space = sampler.space
        self._sampler = sampler
        self._tried = tuple(tried)

    def next(self, number: int, known: Container[str]) -> Configuration | None:
        """See ``Proposals``."""
        if number == 0:
            recipe = self._space.recipe
            configuration = Configuration(recipe, 0, reference_origin(recipe), self._space.published() or {})
            self._sampler.announce(configuration)
            return configuration
        given = self._tried[number - 1 : number]
        for repeat in range(-len(given), MAX_REPEATS):
            asked, origin = (given[0], TRIED) if repeat < 0 else (self._sampler.ask(number, repeat), SAMPLED)
            try:
                configuration = Configuration(self._space.fill(asked), number, origin, asked)
            except ValidationError:
                continue  # each value is within its rule (checked at loading); only rules over several values end here
            if configuration.id not in known:
                self._sampler.announce(configuration)
                return configuration
        return None


class FixedProposals:
    """A list of recipes, each with its origin: ablations."""

    def __init__(self, recipes: Sequence[tuple[str, Recipe]]) -> None:
        self._recipes = recipes

    def next(self, number: int, known: Container[str]) -> Configuration | None:
        """See ``Proposals``. Recipes that say the same are trained once."""
        for position in range(number, len(self._recipes)):
            origin, recipe = self._recipes[position]
            configuration = Configuration(recipe, number, origin, {})
            if configuration.id not in known:
                return configuration
        return None
