"""What a model says of each text as columns with names, for files and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
TAKEN = frozenset({"id", "file", AGREEMENT, SPREAD})  # names that say something else in a file of predictions


@dataclass(frozen=True, eq=False)
class _Said:
    """What one stage or decision says of one column or class; ``kind``: "" of what is decided."""

    by: str
    column: str
    kind: str
    values: Array  # (rows,)


def predicted_columns(composition: Composition, predicted: Predicted) -> dict[str, Array]:
    """Columns by name, each (rows,): numbers, 0 and 1, or names of classes.

    - what is decided, the score's decision first: ``LABEL`` with 0 or 1, ``COLUMN`` with a class or a number
    - ``LABEL.probability`` of each label or class, ``COLUMN.value`` of a number before it is held in its range: the
      models' mean; ``LABEL.share``: of the neighbours that vote, the share that is positive
    - ``models.agreement``, ``models.spread``: see ``Predicted``

    Where a recipe has several stages or decisions, or where two columns would be called alike or as one of ``TAKEN``,
    their names stand in front: ``system.LABEL``. Where that is not enough, as of labels ``a`` and ``a.probability``,
    what is decided is called ``system.LABEL.decided``.
    """
    said: list[_Said] = []
    for name, decided in sorted(predicted.decided.items(), key=lambda each: each[0] != composition.score):
        said += (*_decided(composition, name, decided), *_shares(composition, name, predicted))
    for name, table in predicted.tables.items():
        if table.kind != "neighbours":
            columns = composition.shapes[name].columns
            said += [_Said(name, each, table.kind, table.ensemble[:, place]) for place, each in enumerate(columns)]
    found = {name: each.values for name, each in zip(_names(composition, said), said, strict=True)}
    if predicted.agreement is not None:
        is_number = gold_of(composition, composition.score).gold == "number"
        found[SPREAD if is_number else AGREEMENT] = predicted.agreement
    return found


def _names(composition: Composition, said: Sequence[_Said]) -> list[str]:
    """The shortest ones of one form that tell all of them apart."""
    is_one = len(composition.stages) == 1 and len(composition.graph.scored.below) == 1
    plain = [".".join(filter(None, (each.column, each.kind))) for each in said]
    fronted = [f"{each.by}.{name}" for each, name in zip(said, plain, strict=True)]
    for names in (plain, fronted) if is_one else (fronted,):
        if len({*names, *TAKEN}) == len(names) + len(TAKEN):
            return names
    return [f"{each.by}.{each.column}.{each.kind or 'decided'}" for each in said]


def _decided(composition: Composition, name: str, decided: Array) -> list[_Said]:
    shape = gold_of(composition, name)
    if shape.gold == "class":
        return [_Said(name, shape.target, "", np.array(shape.columns, dtype=object)[decided[:, 0].astype(np.int64)])]
    if decided.dtype == np.bool_:
        decided = decided.astype(np.int8)
    return [_Said(name, column, "", decided[:, place]) for place, column in enumerate(shape.columns)]


def _shares(composition: Composition, name: str, predicted: Predicted) -> list[_Said]:
    """Of a vote the share that it compares with τ."""
    node, setting = composition.graph.nodes[name], composition.chosen.get(name)
    rule = setting.pooled if isinstance(setting, GroupSettings) else setting
    source = node.of[0]
    if not isinstance(rule, VoteRule) or not isinstance(source, str):
        return []
    (column,) = composition.shapes[source].columns
    return [_Said(name, column, "share", shares(predicted.tables[source], rule.k)[:, 0])]
