"""What a model says of each text as columns with names, for files and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tune_polar.decide.groups import GroupSettings
from tune_polar.decide.member_tables import shares
from tune_polar.decide.votes import VoteRule
from tune_polar.serve.composition import Composition, gold_of
from tune_polar.store.training_facts import Array

if TYPE_CHECKING:  # it brings torch
    from tune_polar.serve.fold_models import Predicted

AGREEMENT, SPREAD = "models.agreement", "models.spread"


def predicted_columns(composition: Composition, predicted: Predicted) -> dict[str, Array]:
    """Columns by name, each (rows,): numbers, 0 and 1, or names of classes.

    - what is decided, the score's decision first: ``LABEL`` with 0 or 1, ``COLUMN`` with a class or a number
    - ``LABEL.probability`` of each label or class, ``COLUMN.value`` of a number before it is held in its range: the
      models' mean; ``LABEL.share``: of the neighbours that vote, the share that is positive
    - ``models.agreement``, ``models.spread``: see ``Predicted``

    Where a recipe has several stages or decisions, their names stand in front: ``system.LABEL``.
    """
    is_one = len(composition.stages) == 1 and len(composition.graph.scored.below) == 1
    columns: dict[str, Array] = {}
    for name, decided in sorted(predicted.decided.items(), key=lambda each: each[0] != composition.score):
        columns |= _decided(composition, name, decided, "" if is_one else f"{name}.")
        columns |= _shares(composition, name, predicted, "" if is_one else f"{name}.")
    for name, table in predicted.tables.items():
        shape, start = composition.shapes[name], "" if is_one else f"{name}."
        if table.kind != "neighbours":
            for place, column in enumerate(shape.columns):
                columns[f"{start}{column}.{table.kind}"] = table.ensemble[:, place]
    if predicted.agreement is not None:
        is_number = gold_of(composition, composition.score).gold == "number"
        columns[SPREAD if is_number else AGREEMENT] = predicted.agreement
    return columns


def _decided(composition: Composition, name: str, decided: Array, start: str) -> dict[str, Array]:
    shape = gold_of(composition, name)
    if shape.gold == "class":
        return {f"{start}{shape.target}": np.array(shape.columns, dtype=object)[decided[:, 0].astype(np.int64)]}
    if decided.dtype == np.bool_:
        decided = decided.astype(np.int8)
    return {f"{start}{column}": decided[:, place] for place, column in enumerate(shape.columns)}


def _shares(composition: Composition, name: str, predicted: Predicted, start: str) -> dict[str, Array]:
    """Of a vote the share that it compares with τ."""
    node, setting = composition.graph.nodes[name], composition.chosen.get(name)
    rule = setting.pooled if isinstance(setting, GroupSettings) else setting
    source = node.of[0]
    if not isinstance(rule, VoteRule) or not isinstance(source, str):
        return {}
    (column,) = composition.shapes[source].columns
    return {f"{start}{column}.share": shares(predicted.tables[source], rule.k)[:, 0]}
