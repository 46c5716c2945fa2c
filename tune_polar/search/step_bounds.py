"""Whether `max_steps` ends training before the epochs that a recipe or its space asks for: said before a search."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping

from tune_polar.data.plans.fold_plan import FoldPlan
from tune_polar.data.table import Corpus
from tune_polar.recipe.fill import fill
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
    ends = [recipe, *_ends(recipe, name, space)]
    bounded = [each for each in ends if None not in (_steps(each, name), _epochs(each, name))]
    if not bounded:
        return None
    rows = _most_rows(recipe, name, corpus, plan)
    found = [
        (each, TrainingLength(each.stages[name].optimizer, rows, each.stages[name].batches.size)) for each in bounded
    ]
    cut = [(each, length) for each, length in found if length.is_cut]
    if not cut:
        return None
    worst, length = min(cut, key=lambda each: each[1].steps / (each[1].epochs_steps or 1))
    return (
        f"{name}.optimizer.max_steps: {length.steps:,} steps are {length.steps / length.epoch_steps:.2f} epochs of the "
        f"{length.settings.max_epochs:g} that {name}.optimizer.max_epochs asks for"
        f"{'' if worst is recipe else ' at the most'} "
        f"({rows:,} rows, {length.batch_rows} a step): the smaller bound counts, null is none"
    )


def _keys(name: str) -> tuple[str, ...]:
    return f"{name}.optimizer.max_steps", f"{name}.optimizer.max_epochs", f"{name}.batches.size"


def _steps(recipe: Recipe, name: str) -> int | None:
    return recipe.stages[name].optimizer.max_steps


def _epochs(recipe: Recipe, name: str) -> float | None:
    return recipe.stages[name].optimizer.max_epochs


def _ends(recipe: Recipe, name: str, space: LoadedSpace | None) -> Iterator[Recipe]:
    """Every combination of what ends a stage in the space, where it searches any of that."""
    found = {} if space is None else {key: space.singles.get(key) for key in _keys(name)}
    values = {key: tuple(dict.fromkeys(single.extremes())) for key, single in found.items() if single is not None}
    for chosen in itertools.product(*values.values()) if values else ():
        yield fill(recipe, dict(zip(values, chosen, strict=True)))


def _most_rows(recipe: Recipe, name: str, corpus: Corpus, plan: FoldPlan) -> int:
    folds, stage = rows_with_extra(plan, corpus, recipe, name), recipe.stages[name]
    return max(len(StageRows.of(name, stage, folds, fold, corpus.train).training) for fold in range(plan.count))
