"""A recipe whose columns and task the command line says: what `--target` makes of `classifier` and `regressor`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tune_polar.errors import SpecError
from tune_polar.recipe.keys import STAGES
from tune_polar.recipe.tree import Tree, at


@dataclass(frozen=True)
class Target:
    """A column that is to be predicted, and of which kind its values are."""

    column: str
    kind: Literal["label", "class", "number"]
    classes: tuple[str, ...] = ()  # of a class


def sections_for(targets: Sequence[Target], values: Tree) -> Tree:
    """The sections by which a recipe of one stage, ``values``, predicts ``targets`` instead of its own columns.

    One label makes a binary task, several a multilabel one, a class a multiclass one, a number a regression.

    Raises:
        SpecError: the recipe has several stages, or no task predicts these columns together.
    """
    stages = values.get(STAGES)
    names = list(stages) if isinstance(stages, Mapping) else []
    if len(names) != 1:
        raise SpecError(
            f"--target must be used with a recipe of one stage, got one with {names}",
            "Use the recipe `classifier` or `regressor`, or write the task into the recipe.",
        )
    kinds = {target.kind for target in targets}
    columns = [target.column for target in targets]
    if len(kinds) != 1 or (len(columns) > 1 and kinds != {"label"}) or len(set(columns)) < len(columns):
        told = ", ".join(f"{target.column} ({target.kind})" for target in targets)
        raise SpecError(
            f"--target must name one column, or several of 0 and 1, each once, got {told or 'none'}",
            "Search one column at a time, or give the 0/1 columns of several labels.",
        )
    (kind,) = kinds
    data: Tree = {
        "labels": columns if kind == "label" else [],
        "classes": _instead(values, "classes", {each.column: list(each.classes) for each in targets if each.classes}),
        "numbers": _instead(values, "numbers", {each.column: [] for each in targets if kind == "number"}),
    }
    tasks = {"label": "binary", "class": "multiclass", "number": "regression"}
    task: Tree = {"type": tasks[kind], "target": columns[0]}
    if len(columns) > 1:
        task = {"type": "multilabel", "targets": columns}
    return {"data": data, STAGES: {names[0]: {"task": task}}}


def _instead(values: Tree, key: str, new: Tree) -> Tree:
    """``new`` in place of the columns that ``values`` has."""
    old = at(values, ("data", key))
    dropped = [name for name in old if name not in new] if isinstance(old, Mapping) else []
    return {**dict.fromkeys(dropped), **new}
