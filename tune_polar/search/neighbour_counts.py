"""How many neighbours a vote may count: no more than its stage trains on in the smallest fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.table import Corpus
from tune_polar.errors import SpecError
from tune_polar.recipe.components.decisions import KnnVote
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.space import CategoricalParameter, IntParameter

Most = Mapping[str, int]  # a vote's name → the most neighbours it can count


def most_neighbours(recipe: Recipe, corpus: Corpus, plans: Mapping[str, FoldPlan]) -> dict[str, int]:
    """The training rows of each vote's stage in its smallest fold.

    Example:
        >>> most_neighbours(recipe, corpus, plans)
        {'vote': 3424}
    """
    return {
        name: _fewest_training_rows(recipe, vote.of, corpus, plans[vote.of])
        for name, vote in recipe.decide.items()
        if isinstance(vote, KnnVote)
    }


def check_neighbours(recipe: Recipe, most: Most) -> None:
    """Refuse a recipe that counts more neighbours than there are.

    Raises:
        SpecError: it does.
    """
    for name, rows in most.items():
        vote = recipe.decide.get(name)
        if isinstance(vote, KnnVote) and vote.k > rows:
            raise SpecError(
                f"{_key(name)} must be at most the training rows of the smallest fold ({rows}), got {vote.k}",
                f"Lower it with --set {_key(name)}=…, or use more rows.",
            )


def within_neighbours(space: LoadedSpace, most: Most) -> LoadedSpace:
    """The space with each range of k ended where the smallest fold's training rows end.

    Raises:
        SpecError: not even its lowest value, or one of its choices, is within them.
    """
    parameters = dict(space.parameters)
    for name, rows in most.items():
        key = _key(name)
        parameter = parameters.get(key)
        if isinstance(parameter, IntParameter) and parameter.low <= rows < parameter.high:
            high = parameter.low + (rows - parameter.low) // parameter.step * parameter.step
            parameters[key] = parameter = parameter.model_copy(update={"high": high})
        if isinstance(parameter, IntParameter | CategoricalParameter):
            highest = max(value for value in parameter.extremes() if isinstance(value, int))
            if highest > rows:
                raise SpecError(
                    f"{key} must be at most the training rows of the smallest fold ({rows}), "
                    f"got up to {highest} in the search space",
                    f"Lower {key} in the space, or use more rows.",
                )
    return replace(space, parameters=parameters)


def _key(name: str) -> str:
    return f"decide.{name}.k"


def _fewest_training_rows(recipe: Recipe, stage: str, corpus: Corpus, plan: FoldPlan) -> int:
    learned = corpus.train.where(recipe.stages[stage].rows)
    learned[corpus.own_rows :] = False  # a configuration may train on none of the extra rows
    return min(int(np.count_nonzero(trained & learned)) for trained in plan.training)
