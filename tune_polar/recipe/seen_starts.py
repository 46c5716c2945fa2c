"""Starts that have seen what is validated: stages that begin with the weights of another fold than their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tune_polar.recipe.components import Plan
from tune_polar.recipe.graph import DecisionGraph
from tune_polar.recipe.recipe import Recipe
from tune_polar.recipe.sections import Stage

CODE = "TP010"  # of the check that tells them


@dataclass(frozen=True)
class SeenStart:
    """A way from a stage that is read to one whose start comes from the best of all folds.

    Args:
        way: the stage that a decision reads, those that it starts from one after the other, and last the stage whose
            best fold is taken.
        remedy: keys of a recipe under which each fold starts from its own.
    """

    way: tuple[str, ...]
    remedy: str

    @property
    def stage(self) -> str:
        """The one that starts from the best fold."""
        return self.way[-2]

    @property
    def words(self) -> str:
        """``classifier starts from detector’s best fold``, or the way there."""
        first, *others = self.way
        said = f"{first} starts from "
        for name in others[:-1]:
            said += f"{name}, which starts from "
        return f"{said}{others[-1]}’s best fold"


def seen_starts(recipe: Recipe, decision: str, folds: int) -> tuple[SeenStart, ...]:
    """What keeps scores of ``decision`` from being honest: it rests on stages whose start has seen validated texts.

    The best fold's stage was trained on the texts that all other folds validate on. Of one fold the best is its own.

    Args:
        recipe: of a configuration.
        decision: one of its decisions.
        folds: how many the plan has.

    Example:
        >>> seen_starts(load_recipe("st3-released").recipe, "manifestations", 5)[0].words
        'classifier starts from detector’s best fold'
    """
    graph = DecisionGraph(recipe.stages, recipe.decide)
    found: dict[str, SeenStart] = {}
    for name in graph.stages_below(decision):
        for each in stage_starts(recipe, name, folds):
            found.setdefault(each.stage, each)
    return tuple(found.values())


def stage_starts(recipe: Recipe, stage: str, folds: int) -> tuple[SeenStart, ...]:
    """The same of one stage's own predictions."""
    ways = _ways(recipe.stages, (stage,)) if folds > 1 else ()
    return tuple(SeenStart(way, _remedy(recipe.stages, recipe.folds, way[-2])) for way in ways)


def seen_words(starts: Sequence[SeenStart]) -> str:
    """Why scores that rest on ``starts``, at least one, are too high."""
    said = "; ".join(each.words for each in starts)
    return f"{said}, which was trained on texts that are scored here ({CODE})"


def _ways(stages: Mapping[str, Stage], way: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    start = stages[way[-1]].start
    if start is None:
        return
    further = (*way, start.stage)
    if start.fold == "best":
        yield further
    yield from _ways(stages, further)


def _remedy(stages: Mapping[str, Stage], plan: Plan, name: str) -> str:
    start = stages[name].start
    has_own_folds = start is not None and stages[name].rows != stages[start.stage].rows
    if not plan.one_for_all and has_own_folds:  # whose two plans number unlike folds
        return f"`{name}.start.fold: same` and `folds.plan: stratified`, or `{name}.start: null`"
    return f"`{name}.start.fold: same`"
