"""Whether `max_steps` ends training before the epochs that a recipe or its space asks for: said before a search."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping

from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.table import Corpus
from tune_polar.recipe.fill import fill, value_at
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.recipe import Recipe
from tune_polar.trial.stage_rows import StageRows, rows_with_extra
from tune_polar.trial.training_length import TrainingLength


def epochs_cut(
    recipes: Iterable[Recipe], space: LoadedSpace | None, corpus: Corpus, plans: Mapping[str, FoldPlan]
) -> list[str]:
    """A line for each stage whose epochs are cut, in its largest fold and at the ends of the space.

    Args:
        recipes: that are trained.
        space: over the only one of them; None: they are trained as they are.
        corpus: their data.
        plans: the folds of each stage.

    Raises:
        DataError: a stage has no rows in a fold.

    Example:
        >>> epochs_cut([recipe], None, corpus, plans)
        ['small.optimizer.max_steps: 3,000 steps are 0.81 epochs of the 3 that small.optimizer.max_epochs asks for …']
    """
    found = (_line(recipe, name, space, corpus, plans[name]) for recipe in recipes for name in recipe.stages)
    return list(dict.fromkeys(line for line in found if line is not None))


def _line(recipe: Recipe, name: str, space: LoadedSpace | None, corpus: Corpus, plan: FoldPlan) -> str | None:
    bounded = [each for each in _ends(recipe, name, space) if None not in (_steps(each, name), _epochs(each, name))]
    if not bounded:
        return None
    rows = _most_rows(recipe, name, corpus, plan)
    lengths = (TrainingLength(each.stages[name].optimizer, rows, each.stages[name].batches.size) for each in bounded)
    cut = [each for each in lengths if each.is_cut]
    if not cut:
        return None
    worst = min(cut, key=lambda each: each.steps / (each.epochs_steps or 1))
    searched = space is not None and any(space.searches(key) for key in _keys(name))
    return (
        f"{name}.optimizer.max_steps: {worst.steps:,} steps are {worst.steps / worst.epoch_steps:.2f} epochs of the "
        f"{worst.settings.max_epochs:g} that {name}.optimizer.max_epochs asks for{' at the most' if searched else ''} "
        f"({rows:,} rows, {worst.batch_rows} a step): the smaller bound counts, null is none"
    )


def _keys(name: str) -> tuple[str, ...]:
    return f"{name}.optimizer.max_steps", f"{name}.optimizer.max_epochs", f"{name}.batches.size"


def _steps(recipe: Recipe, name: str) -> int | None:
    return recipe.stages[name].optimizer.max_steps


def _epochs(recipe: Recipe, name: str) -> float | None:
    return recipe.stages[name].optimizer.max_epochs


def _ends(recipe: Recipe, name: str, space: LoadedSpace | None) -> Iterator[Recipe]:
    """The recipe with every combination of what ends a stage in the space."""
    values: dict[str, tuple[object, ...]] = {}
    for key in _keys(name):
        single = None if space is None else space.singles.get(key)
        if single is not None:
            values[key] = tuple(dict.fromkeys((value_at(recipe, key), *single.extremes())))
    for chosen in itertools.product(*values.values()):
        yield fill(recipe, dict(zip(values, chosen, strict=True))) if values else recipe


def _most_rows(recipe: Recipe, name: str, corpus: Corpus, plan: FoldPlan) -> int:
    folds, stage = rows_with_extra(plan, corpus, recipe, name), recipe.stages[name]
    return max(len(StageRows.of(name, stage, folds, fold, corpus.train).training) for fold in range(plan.count))
