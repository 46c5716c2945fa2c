"""What a search varies where nobody has said it: what any system's training and deciding depends on most."""

from __future__ import annotations

from collections.abc import Iterator

from tune_polar.recipe.components import Decision
from tune_polar.recipe.components.decisions import KnnVote, Threshold
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import Stage
from tune_polar.recipe.space import CategoricalParameter, FloatParameter, IntParameter, SingleParameter

NAME = "default"
SMOOTHED = "smoothed_"  # how the rules begin that smooth
MOST_NEIGHBOURS = 199


def default_space(recipe: Recipe) -> LoadedSpace:
    """Ranges around a recipe's own values: learning rate, its decay by layer, dropout and batches of each stage.

    Beside them, at the cost of no training, what its decisions leave to be chosen. The recipe itself is a point of it.

    Example:
        >>> list(default_space(recipe).parameters)
        ['model.optimizer.lr', 'model.optimizer.xi', 'model.head.dropout', 'model.batches.size', 'decide.model.rule']
    """
    found: dict[str, SingleParameter] = {}
    for name, stage in recipe.stages.items():
        found |= {f"{name}.{key}": parameter for key, parameter in _of_stage(stage)}
    for name, decision in recipe.decide.items():
        found |= {f"decide.{name}.{key}": parameter for key, parameter in _of_decision(decision)}
    return LoadedSpace(NAME, found, recipe)


def _of_stage(stage: Stage) -> Iterator[tuple[str, SingleParameter]]:
    optimizer, size = stage.optimizer, stage.batches.size
    yield (
        "optimizer.lr",
        FloatParameter(type="float", low=optimizer.lr / 4, high=min(10.0, optimizer.lr * 5), log=True),
    )
    yield "optimizer.xi", FloatParameter(type="float", low=min(0.7, optimizer.xi), high=1.0)
    dropout = getattr(stage.head, "dropout", None)
    if isinstance(dropout, float):
        yield "head.dropout", FloatParameter(type="float", low=0.0, high=max(0.5, dropout))
    sizes = sorted({max(2, size // 2), size, min(4096, size * 2)})
    yield "batches.size", CategoricalParameter(type="categorical", choices=tuple(sizes))


def _of_decision(decision: Decision) -> Iterator[tuple[str, SingleParameter]]:
    if isinstance(decision, KnnVote):
        high = max(MOST_NEIGHBOURS, decision.k)
        yield "k", IntParameter(type="int", low=1, high=high, step=2 if decision.k % 2 and high % 2 else 1)
        yield "tau", FloatParameter(type="float", low=min(0.2, decision.tau), high=max(0.8, decision.tau))
    elif isinstance(decision, Threshold):
        plain = "max_macro_f1" if "macro" in decision.rule else "max_f1"
        rules = dict.fromkeys((f"{SMOOTHED}{plain}", plain, decision.rule))
        yield "rule", CategoricalParameter(type="categorical", choices=tuple(rules))
