"""Settings that were chosen, as plain data, and again as what decides: exactly, unlike what a recipe can say of them.

A share τ is the fraction that was chosen, a threshold above every probability is written like any other, and groups
have their own settings under their names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from tune_polar.decide.chooser import Settings
from tune_polar.decide.graph import Graph, Node
from tune_polar.decide.groups import GroupSettings
from tune_polar.decide.kinds import Decision, Setting
from tune_polar.decide.votes import VoteRule
from tune_polar.errors import DecisionError

NO_NAMES: Mapping[str, Sequence[str]] = MappingProxyType({})
_POOLED, _GROUPS = "pooled", "groups"


def settings_to_json(
    graph: Graph, settings: Settings, groups: Mapping[str, Sequence[str]] = NO_NAMES
) -> dict[str, Any]:
    """Plain data by decision.

    Args:
        graph: whose decisions they are of.
        settings: by decision, such as an outcome's deployed ones.
        groups: by column of groups its names in the order of their codes, where settings were chosen on codes.

    Example:
        >>> settings_to_json(graph, outcome.best.deployed)
        {'vote': {'k': 49, 'tau': '39/98'}, 'kinds': {'at': {'loud': 0.41, 'sly': 0.2}}}
    """
    found = {}
    for name, setting in settings.items():
        per = graph.nodes[name].per
        found[name] = _written(setting, groups.get(per) if per is not None else None)
    return found


def settings_from_json(
    graph: Graph, written: Mapping[str, Any], columns: Mapping[str, Sequence[str]]
) -> dict[str, Setting]:
    """The settings that ``settings_to_json`` wrote; groups go by their names.

    Args:
        graph: whose decisions they are of.
        written: by decision.
        columns: by stage, the names of its outputs.

    Raises:
        DecisionError: they are not of these decisions, or one that has to be chosen is not there.
    """
    found = {}
    for node in graph.scored.below:
        if not node.parameters:
            continue
        if node.name not in written:
            raise DecisionError(f"decision {node.name!r} must have been set, got no setting", _REMEDY)
        try:
            found[node.name] = _read(node, written[node.name], _columns(node, columns))
        except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            if isinstance(error, DecisionError):
                raise
            raise DecisionError(f"decision {node.name!r} must be set as its kind is, but: {error}", _REMEDY) from None
    return found


_REMEDY = "Give settings that were written by the same version, as they were written."


def _written(setting: Setting, names: Sequence[str] | None) -> dict[str, Any]:
    if isinstance(setting, GroupSettings):
        own = {
            str(group if names is None else names[group]): _written(each, None) for group, each in setting.own.items()
        }
        return {_POOLED: _written(setting.pooled, None), _GROUPS: own}
    if isinstance(setting, VoteRule):
        return {"k": setting.k, "tau": str(setting.tau)}
    return setting.written()


def _read(node: Node, written: Mapping[str, Any], columns: Sequence[str]) -> Setting:
    if node.per is None:
        return _one(node.plain_decision, written, columns)
    own = {str(group): _one(node.plain_decision, each, columns) for group, each in written[_GROUPS].items()}
    return GroupSettings(_one(node.plain_decision, written[_POOLED], columns), own)


def _one(decision: Decision[Any, Any], written: Mapping[str, Any], columns: Sequence[str]) -> Setting:
    values = dict(written)
    if isinstance(values.get("tau"), str):
        values["tau"] = Fraction(values["tau"])
    strange = set(values) ^ set(decision.parameters)
    if strange:
        raise DecisionError(f"a setting must have the values {list(decision.parameters)}, got {list(values)}", _REMEDY)
    built: Any = replace(decision, **values)  # type: ignore[type-var]  # every kind is a dataclass
    setting: Setting | None = built.as_written(columns, _WIDEST)
    if setting is None:
        raise DecisionError(f"a setting must say {list(decision.parameters)}, got {values}", _REMEDY)
    return setting


_WIDEST = 10_000  # neighbours: a table that has fewer cuts k itself


def _columns(node: Node, columns: Mapping[str, Sequence[str]]) -> Sequence[str]:
    first = node.of[0]
    return columns[first] if isinstance(first, str) else _columns(first, columns)
