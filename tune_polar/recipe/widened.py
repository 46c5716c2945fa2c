"""The line of a search space that widens a parameter's range at one end."""

from __future__ import annotations

import math
from typing import Any

from tune_polar.recipe.keys import place_of
from tune_polar.recipe.loaded_space import LoadedSpace
from tune_polar.recipe.nodes import Node
from tune_polar.recipe.ranges import leaf_schema
from tune_polar.recipe.space import FloatParameter, IntParameter, VectorParameter
from tune_polar.recipe.strict_yaml import written_yaml

FURTHER = 10  # times the end of a range on a log scale


def widened(key: str, space: LoadedSpace, *, upward: bool) -> str:
    """``lr: {type: float, low: 0.0001, high: 1.0, log: true}``, for a space: ten times as far, or twice as wide.

    It goes no further than the recipe allows. Of a vector the range of all columns is widened.

    Args:
        key: of ``space.singles``, with a range.
        space: that was searched.
        upward: widen the upper end, else the lower one.

    Example:
        >>> widened("model.optimizer.lr", summary.facts.searched, upward=True)
        'model.optimizer.lr: {type: float, low: 0.0001, high: 0.1, log: true}'
    """
    entry = next(each for each in space.entries if key in dict(each.singles))
    single, parameter = space.singles[key], space.parameters[entry.key]
    if not isinstance(single, IntParameter | FloatParameter):
        raise ValueError(f"{key} has no range")
    about = {**_plain(single), **_ends(single, place_of(key, space.recipe).node, upward)}
    if isinstance(parameter, VectorParameter):
        about = {**_plain(parameter), "element": about}
    return written_yaml({entry.key: about}, flow=True, width=10_000).strip()[1:-1]


def _plain(parameter: IntParameter | FloatParameter | VectorParameter) -> dict[str, Any]:
    return parameter.model_dump(mode="json", exclude_defaults=True)


def _ends(single: IntParameter | FloatParameter, node: Node, upward: bool) -> dict[str, float | int]:
    """Low and high; on the grid of its step, if it has one."""
    low, high = float(single.low), float(single.high)
    width, schema = high - low, leaf_schema(node)
    if upward:
        high = _within(high * FURTHER if single.log else high + width, high, schema, upward)
    else:
        low = _within(low / FURTHER if single.log else low - width, low, schema, upward)
    whole = isinstance(single, IntParameter)
    low = max(math.ceil(low), 1) if whole and single.log else low
    if single.step is not None:
        steps = math.floor((high - low) / single.step + 1e-6)
        low, high = (low, low + steps * single.step) if upward else (high - steps * single.step, high)
    ends = {"low": low, "high": high}
    return {name: round(end) if whole else float(f"{end:.6g}") for name, end in ends.items()}


def _within(wanted: float, end: float, schema: dict[str, Any], upward: bool) -> float:
    """``wanted``, or what the recipe allows; half of the way to an end that may not be taken itself."""
    name, nearer = ("aximum", min) if upward else ("inimum", max)
    for each in (schema, *schema.get("anyOf", ())):
        if (most := each.get(f"m{name}")) is not None:
            wanted = nearer(wanted, float(most))
        open_end = each.get(f"exclusiveM{name}")
        if open_end is not None and nearer(wanted, float(open_end)) == float(open_end):
            wanted = (end + float(open_end)) / 2
    return wanted
